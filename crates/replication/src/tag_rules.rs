//! What RDS takes as tags of a copy.
//!
//! Source: RDS User Guide, "Tagging Amazon RDS resources"; RDS API, Tag.

use step::Tags;

/// RDS takes 50 tags on a resource. Snapferry's own and an operator's `snapferry:keep` need these.
const RESERVED: usize = 10;
const MOST: usize = 50 - RESERVED;

/// What is wrong with these tags.
pub fn problem(tags: &Tags) -> Option<String> {
    if tags.len() > MOST {
        let count = tags.len();
        return Some(format!(
            "holds {count} tags, but RDS takes 50 and Snapferry needs {RESERVED} of them: keep at most {MOST}"
        ));
    }
    tags.iter().find_map(|(key, value)| Some(format!("tag {key:?} {}", wrong(key, value)?)))
}

fn wrong(key: &str, value: &str) -> Option<String> {
    let lower = key.to_lowercase();
    if ["aws:", "rds:", "snapferry:"].into_iter().any(|it| lower.starts_with(it)) {
        let problem = "has a key that is reserved for AWS or Snapferry: begin it with another word";
        return Some(problem.to_owned());
    }
    let (key_length, value_length) = (key.chars().count(), value.chars().count());
    if !(1..=128).contains(&key_length) {
        return Some(format!("has a key of {key_length} characters, but RDS takes 1 to 128"));
    }
    if value_length > 256 {
        return Some(format!("has a value of {value_length} characters, but RDS takes at most 256"));
    }
    let told = |it: char| {
        format!("holds {it:?}, but RDS takes only letters, digits, spaces and _ . : / = + - @ in tags")
    };
    key.chars().chain(value.chars()).find_map(|it| (!is_taken(it)).then(|| told(it)))
}

fn is_taken(it: char) -> bool {
    it.is_alphanumeric() || it.is_whitespace() && !it.is_control() || "_.:/=+-@".contains(it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_that_rds_takes_pass() {
        let check = |key: &str, value: &str, good: bool| {
            let tags = Tags::from([(key.to_owned(), value.to_owned())]);
            assert_eq!(problem(&tags).is_none(), good, "{key:?}={value:?}");
        };
        check("team", "orders & co", false);
        check("team", "orders, staging", false);
        check("team", "Bestellungen / Zürich + 注文 @ 1=1", true);
        check("team", "", true);
        check("", "x", false);
        check("team\n", "x", false);
        check(&"x".repeat(128), &"y".repeat(256), true);
        check(&"x".repeat(129), "y", false);
        check("x", &"y".repeat(257), false);
        for reserved in ["aws:x", "AWS:x", "rds:x", "snapferry:keep"] {
            check(reserved, "x", false);
        }
        check("awslike", "x", true);
        let many = |count: usize| (0..count).map(|it| (it.to_string(), String::new())).collect::<Tags>();
        assert!(problem(&many(40)).is_none() && problem(&many(41)).is_some());
    }
}
