//! The tags of a resource, and their rules.

use std::collections::BTreeMap;

use super::refusal::Refusal;

const MOST: usize = 50;

/// The tags of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Checks what a caller gives.
    pub fn checked(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let allowed =
            |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c));
        let invalid = |text: String| Err(Refusal::InvalidParameterValue(text));
        for (key, value) in &pairs {
            let lower = key.to_lowercase();
            if lower.starts_with("aws:") || lower.starts_with("rds:") {
                return invalid("Tag keys cannot start with the reserved prefix aws: or rds:".to_owned());
            }
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
                return invalid(format!("Tag {key} is too long or has no key"));
            }
            if !allowed(key) || !allowed(value) {
                return invalid(format!("Tag {key} contains invalid characters"));
            }
        }
        Self::default().with(Self(pairs.into_iter().collect()))
    }

    /// These tags with `others` over them.
    pub fn with(mut self, others: Self) -> Result<Self, Refusal> {
        self.0.extend(others.0);
        if self.0.len() > MOST {
            return Err(Refusal::InvalidParameterValue(format!(
                "A resource cannot have more than {MOST} tags"
            )));
        }
        Ok(self)
    }

    /// A value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Removes a value.
    pub fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Keys and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Removes the tags with these keys.
    pub fn remove(&mut self, keys: &[String]) {
        self.0.retain(|key, _| !keys.contains(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_rules() {
        let one = |key: &str, value: &str| Tags::checked(vec![(key.to_owned(), value.to_owned())]);
        assert!(one("snapferry:run", "2026 a+b=c/@").is_ok());
        let long = "k".repeat(129);
        for (key, value) in [("AWS:x", ""), ("rds:x", ""), ("", ""), (long.as_str(), ""), ("k", "a*b")] {
            assert!(one(key, value).is_err(), "{key}={value}");
        }
        let many = |n: usize| Tags::checked((0..n).map(|n| (format!("k{n}"), String::new())).collect());
        assert!(many(50).is_ok() && many(51).is_err());
    }
}
