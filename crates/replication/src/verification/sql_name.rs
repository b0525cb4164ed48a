//! A name of a role or a database.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name, in characters. PostgreSQL takes 63 bytes, MySQL 64 characters, MariaDB 128 for a role.
const LONGEST: usize = 128;

/// A name as the database's catalogue has it: it is quoted wherever it is used, so any character but a control character
/// may be in it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SqlName(String);

impl SqlName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SqlName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
            return Err("a role or database must have 1 to 128 characters, none of them a control character");
        }
        Ok(Self(name))
    }
}

impl fmt::Display for SqlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
