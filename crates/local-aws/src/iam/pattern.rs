//! Patterns of policies: `*` stands for any text, `?` for one character.

/// Does the text match the pattern, letter by letter?
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Does the ARN match the pattern? Each of the six parts is compared by itself, so no `*` reaches past a colon
/// before the last part. Source: IAM User Guide, "Amazon Resource Name (ARN) condition operators".
pub fn arn_matches(pattern: &str, arn: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, arn) = (parts(pattern), parts(arn));
    pattern.len() == 6 && arn.len() == 6 && pattern.iter().zip(&arn).all(|(p, a)| matches(p, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (pattern, text) in [
            ("*", ""),
            ("rds:Describe*", "rds:DescribeDBSnapshots"),
            ("*-????????t??????z-????", "orders-20261120t160812z-3f9a"),
            ("a*b*c", "a-b-b-c"),
            ("snapshot:*", "snapshot:*"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("*-????????t??????z-????", "orders-20261120t160812z-3f9a-copy"),
            ("db:orders*", "db:*"),
            ("a", "A"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn no_star_reaches_past_a_part_of_an_arn() {
        let arn = "arn:aws:rds:eu-central-1:111111111111:snapshot:rds:orders-1";
        assert!(arn_matches("arn:*:rds:*:111111111111:snapshot:*", arn));
        assert!(arn_matches("*", arn));
        assert!(!arn_matches("arn:aws:rds:*:snapshot:*", arn));
        assert!(!arn_matches("arn:aws:iam::*/x", "arn:aws:iam::1:role/x"));
    }
}
