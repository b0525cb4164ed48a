//! The name of a replication.

use crate::names::{SHORT_NAME, is_short_name};
use serde::{Deserialize, Serialize};
use std::fmt;
use step::InvalidIdentifier;

/// The name of a replication: `[a-z][a-z0-9-]{0,31}`, no `--`, no trailing `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplicationName(String);

impl ReplicationName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The SSM parameter with the target's settings: `/snapferry/replications/<replication>`.
    pub fn settings_parameter(&self) -> String {
        format!("/snapferry/replications/{self}")
    }
}

impl TryFrom<String> for ReplicationName {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        if is_short_name(&text) {
            Ok(Self(text))
        } else {
            Err(InvalidIdentifier::new(&text, "a replication name", SHORT_NAME))
        }
    }
}

impl From<ReplicationName> for String {
    fn from(name: ReplicationName) -> String {
        name.0
    }
}

impl fmt::Display for ReplicationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replication_names_keep_their_rule() {
        for good in ["a", "orders", "orders-eu-1", &"a".repeat(32)] {
            let name = ReplicationName::try_from(good.to_owned()).unwrap();
            assert_eq!(name.settings_parameter(), format!("/snapferry/replications/{good}"));
            assert_eq!(String::from(name), good);
        }
        for bad in ["", "1a", "-a", "a-", "a--b", "Orders", "a_b", "ö", &"a".repeat(33)] {
            assert!(ReplicationName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
