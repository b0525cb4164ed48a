//! What must be so in a copy.

use super::SqlName;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use step::Bounded;

/// The longest name of an assertion, in characters: it stands in reports and error messages.
const LONGEST_NAME: usize = 64;

/// SQL that answers one value, and what that value must be. What is found is reported: let it be a count or a time, not
/// a person's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Assertion {
    /// What a failure is told by.
    pub name: String,
    /// One statement that reads one row of one column.
    pub sql: String,
    /// The role that it is read as; the master user unless it says one.
    pub role: Option<SqlName>,
    /// The database that it is read in; the initial one unless it says one.
    pub database: Option<SqlName>,
    /// What it must find.
    pub expectation: Expectation,
}

/// What an assertion must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// A number not less than this.
    AtLeast(Number),
    /// This value.
    Equals(Scalar),
    /// A time, in UTC unless it says otherwise, not older than this.
    NewerThanMinutes(Minutes),
}

/// Up to a year.
pub type Minutes = Bounded<1, 525_600>;

/// A value to compare with.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false, whatever the engine calls it.
    Flag(bool),
    /// A number, by its value.
    Number(Number),
    /// A text, character by character.
    Text(String),
}

/// An assertion as operators write it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Assertion"))]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    /// What a failure is told by: 1 to 64 characters.
    name: String,
    /// One statement that reads one row of one column. What it finds is reported: let it be a count or a time.
    sql: String,
    /// The role that it is read as, which the master user must be allowed to take on. Absent: the master user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<SqlName>,
    /// The database that it is read in. Absent: the initial database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<SqlName>,
    /// It must find a number not less than this; exactly one of the three expectations must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<Number>,
    /// It must find this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    equals: Option<Scalar>,
    /// It must find a time, in UTC unless it says otherwise, not older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newer_than_minutes: Option<Minutes>,
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Assertion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Written::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

/// An assertion that cannot be one.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum NoAssertion {
    #[error("the name must have 1 to 64 characters, none of them a control character")]
    Name,
    #[error("sql is empty")]
    Sql,
    #[error("give exactly one of atLeast, equals and newerThanMinutes")]
    Expectation,
}

impl TryFrom<Written> for Assertion {
    type Error = NoAssertion;

    fn try_from(it: Written) -> Result<Self, NoAssertion> {
        let length = it.name.chars().count();
        if length == 0 || length > LONGEST_NAME || it.name.chars().any(char::is_control) {
            return Err(NoAssertion::Name);
        }
        if it.sql.trim().is_empty() {
            return Err(NoAssertion::Sql);
        }
        let expectation = match (it.at_least, it.equals, it.newer_than_minutes) {
            (Some(least), None, None) => Expectation::AtLeast(least),
            (None, Some(value), None) => Expectation::Equals(value),
            (None, None, Some(minutes)) => Expectation::NewerThanMinutes(minutes),
            _ => return Err(NoAssertion::Expectation),
        };
        Ok(Self { name: it.name, sql: it.sql, role: it.role, database: it.database, expectation })
    }
}

impl From<Assertion> for Written {
    fn from(it: Assertion) -> Self {
        let (mut at_least, mut equals, mut newer_than_minutes) = (None, None, None);
        match it.expectation {
            Expectation::AtLeast(least) => at_least = Some(least),
            Expectation::Equals(value) => equals = Some(value),
            Expectation::NewerThanMinutes(minutes) => newer_than_minutes = Some(minutes),
        }
        let Assertion { name, sql, role, database, .. } = it;
        Self { name, sql, role, database, at_least, equals, newer_than_minutes }
    }
}
