//! Identifiers, parsed once where they enter.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that is not the identifier it is used as.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is not {what}: {rule}")]
pub struct InvalidIdentifier {
    /// What was given, cut to 64 characters.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl InvalidIdentifier {
    /// `rule` says what would be right.
    pub fn new(text: &str, what: &'static str, rule: &'static str) -> Self {
        Self { text: text.chars().take(64).collect(), what, rule }
    }
}

/// A 12-digit AWS account identifier.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String", extend("pattern" = "^[0-9]{12}$")))]
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// The account as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(InvalidIdentifier::new(&text, "an account", "12 digits, as a string"))
        }
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> String {
        account.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_digits_and_reads_back() {
        let account = AccountId::try_from("000011112222".to_owned()).unwrap();
        assert_eq!(account.as_str(), "000011112222");
        assert_eq!([account.to_string(), String::from(account)], ["000011112222", "000011112222"]);
        for bad in ["", "all", "00001111222", "0000111122223", "00001111222x", "００００"] {
            assert!(AccountId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
