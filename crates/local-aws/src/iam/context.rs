//! The condition keys of a call and their values.

use std::collections::BTreeMap;

/// Condition keys and their values. Keys are compared without regard to case, as IAM does.
#[derive(Debug, Clone, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Adds a key with one value.
    #[must_use]
    pub fn with(mut self, key: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.0.insert(key.as_ref().to_lowercase(), vec![value.into()]);
        self
    }

    /// Adds a key with several values, such as `aws:TagKeys`; with none the key is absent.
    #[must_use]
    pub fn with_all(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().collect();
        if !values.is_empty() {
            self.0.insert(key.to_lowercase(), values);
        }
        self
    }

    /// The values of a key; none when the key is absent.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_lowercase()).map(Vec::as_slice)
    }

    /// Text of a policy with its variables, such as `${aws:PrincipalAccount}`, replaced; nothing when one is not
    /// known. Source: IAM User Guide, "IAM policy elements: Variables and tags".
    pub fn resolve(&self, text: &str) -> Option<String> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, variable)) = rest.split_once("${") {
            let (variable, after) = variable.split_once('}')?;
            resolved.push_str(before);
            match variable {
                // This should not act as a pattern, but no name here contains such a character.
                "*" | "?" | "$" => resolved.push_str(variable),
                _ => match self.get(variable.split(',').next().unwrap_or(variable).trim())? {
                    [value] => resolved.push_str(value),
                    _ => return None,
                },
            }
            rest = after;
        }
        resolved.push_str(rest);
        Some(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_case_and_variables_are_replaced() {
        let context = Context::default().with("aws:PrincipalAccount", "1").with_all("aws:TagKeys", []);
        assert_eq!(context.get("AWS:principalaccount"), Some(&["1".to_owned()][..]));
        assert_eq!(context.get("aws:TagKeys"), None);
        assert_eq!(context.resolve("a-${aws:PrincipalAccount}-b").as_deref(), Some("a-1-b"));
        assert_eq!(context.resolve("${aws:username}"), None);
    }
}
