//! Patterns of policies against texts, and against patterns that stand for one of many texts.

use super::answer::Answer;

/// Stands for the text in place of a `*` that is not known: no policy has it.
const ANY: &str = "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}";

/// Whether the pattern, with `*` and `?`, matches the text. A `*` in the text is a part that is not known.
pub fn like(pattern: &str, text: &str) -> Answer {
    if meets(pattern, &text.replace('*', ANY)) {
        Answer::Yes
    } else if text.contains('*') && meets(pattern, text) {
        Answer::Unknown
    } else {
        Answer::No
    }
}

/// Whether the ARN pattern matches the ARN: part by part, as no `*` before the last part reaches past a colon.
pub fn arn_like(pattern: &str, arn: &str) -> Answer {
    if pattern == "*" {
        return Answer::Yes;
    }
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    if patterns.len() != parts.len() {
        return Answer::No;
    }
    patterns.into_iter().zip(parts).map(|(pattern, part)| like(pattern, part)).fold(Answer::Yes, Answer::and)
}

/// Whether the text is this one, letter by letter.
pub fn equal(wanted: &str, text: &str) -> Answer {
    let escaped = |it: char| it == '*' || it == '?';
    // No value of a key that is known here has such a letter.
    if wanted.contains(escaped) { Answer::No } else { like(wanted, text) }
}

/// Whether some text matches both patterns.
fn meets(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // `met[b]`: the rest of `one` from the present letter on meets the rest of `other` from `b` on.
    let mut met = vec![false; other.len() + 1];
    for a in (0..=one.len()).rev() {
        let below = std::mem::take(&mut met);
        met = vec![false; other.len() + 1];
        for b in (0..=other.len()).rev() {
            met[b] = match (one.get(a), other.get(b)) {
                (None, None) => true,
                (Some('*'), _) => below[b] || (b < other.len() && met[b + 1]),
                (_, Some('*')) => met[b + 1] || (a < one.len() && below[b]),
                (Some(x), Some(y)) => (x == y || *x == '?' || *y == '?') && below[b + 1],
                _ => false,
            };
        }
    }
    met[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_known_makes_an_answer_unknown_only_where_it_matters() {
        let role = "arn:aws:iam::2:role/snapferry-*";
        for (pattern, expected) in [
            ("*", Answer::Yes),
            ("arn:aws:iam::2:role/snap*", Answer::Yes),
            ("arn:*:iam::?:role/snapferry-*", Answer::Yes),
            ("arn:aws:iam::2:role/snapferry-eu-?", Answer::Unknown),
            ("arn:aws:iam::2:role/*-1", Answer::Unknown),
            ("arn:aws:iam::2:role/other-*", Answer::No),
            ("arn:aws:iam::2:role/snapferry", Answer::No),
            ("arn:aws:iam::3:role/*", Answer::No),
        ] {
            assert_eq!(like(pattern, role), expected, "{pattern}");
            assert_eq!(arn_like(pattern, role), expected, "{pattern}");
        }
        assert_eq!(like("arn:aws:iam::*/snapferry-*", role), Answer::Yes);
        assert_eq!(arn_like("arn:aws:iam::*/snapferry-*", role), Answer::No);
        assert_eq!(like("kms:?e*Key", "kms:DescribeKey"), Answer::Yes);
        assert_eq!(like("kms:*e", "kms:DescribeKey"), Answer::No);
    }

    #[test]
    fn equal_takes_stars_as_letters() {
        assert_eq!(equal("2*", "22"), Answer::No);
        assert_eq!(equal("22", "22"), Answer::Yes);
        assert_eq!(equal("rds.eu-1.amazonaws.com", "rds.*.amazonaws.com*"), Answer::Unknown);
    }
}
