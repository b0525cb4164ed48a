//! How a copy is proven before it goes live.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::BTreeSet;
use step::Bounded;

/// All statements of a look together may take this long, in seconds: the function has time for it.
pub const VERIFICATION_SECONDS: u64 = 600;
/// How many assertions there may be, and how many statements before them.
const MOST: usize = 20;
/// The longest name of an assertion, in characters: it stands in reports and error messages.
const LONGEST_NAME: usize = 64;

/// How `Verify` proves a copy; unless more is said, it logs in over TLS with the copy's secret, and that is all.
///
/// In this order: the other logins, `postRestoreSql`, the assertions. All of it may be done more than once.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Verification {
    /// What must be so in the copy; at most 20.
    pub assertions: Vec<Assertion>,
    /// How long one statement may take, in seconds. All of them together have 600 s: storage that was just restored is
    /// loaded as it is read, so the first look at a large table is slow.
    pub statement_timeout_seconds: Bounded<1, 300>,
    /// What becomes of the logins that the snapshot brings beside the master user and RDS's own.
    pub logins: Logins,
    /// Statements that change the copy before it is checked, such as masking; at most 20. They run as the master user,
    /// in one transaction as far as the engine allows, and may run more than once: write them so that it does no harm.
    pub post_restore_sql: Vec<String>,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            assertions: Vec::new(),
            statement_timeout_seconds: Bounded::constant::<30>(),
            logins: Logins::default(),
            post_restore_sql: Vec::new(),
        }
    }
}

impl Verification {
    /// Whether it asks for more than a login.
    pub fn needs_sql(&self) -> bool {
        !self.assertions.is_empty() || !self.post_restore_sql.is_empty() || self.logins != Logins::Keep
    }

    /// What no single field shows. Answers the path and what is wrong there.
    pub fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let (assertions, statements) = (self.assertions.len(), self.post_restore_sql.len());
        if assertions > MOST {
            return Some(("verification.assertions", "are more than 20"));
        }
        if statements > MOST {
            return Some(("verification.postRestoreSql", "are more than 20 statements"));
        }
        if self.post_restore_sql.iter().any(|sql| sql.trim().is_empty()) {
            return Some(("verification.postRestoreSql", "holds an empty statement"));
        }
        let names: BTreeSet<&str> = self.assertions.iter().map(|it| it.name.as_str()).collect();
        if names.len() < assertions {
            return Some(("verification.assertions", "have a name twice: a failure is told by the name"));
        }
        let count = u64::try_from(assertions + statements).unwrap_or(u64::MAX);
        if count.saturating_mul(self.statement_timeout_seconds.as_u64()) > VERIFICATION_SECONDS {
            let problem = "times the number of assertions and statements is more than the 600 s that they have together";
            return Some(("verification.statementTimeoutSeconds", problem));
        }
        None
    }
}

/// What becomes of a login that the snapshot brings: it has the source's password.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Logins {
    /// It stays as it is.
    #[default]
    Keep,
    /// It may not log in.
    Lock,
    /// It gets a password of its own, kept in the copy's secret under `logins`.
    Rotate,
}

/// SQL that answers one value, and what that value must be. What is found is reported: let it be a count or a time, not
/// a person's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Assertion {
    /// What a failure is told by.
    pub name: String,
    /// One statement that reads one row of one column.
    pub sql: String,
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
        Ok(Self { name: it.name, sql: it.sql, expectation })
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
        Self { name: it.name, sql: it.sql, at_least, equals, newer_than_minutes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(settings: Value) -> Result<Verification, String> {
        serde_json::from_value(settings).map_err(|error| error.to_string())
    }

    #[test]
    fn unless_more_is_said_a_login_is_all() {
        let verification = read(json!({})).unwrap();
        assert!(!verification.needs_sql());
        assert_eq!(verification.statement_timeout_seconds.as_u64(), 30);
        assert!(read(json!({"logins": "lock"})).unwrap().needs_sql());
        assert!(read(json!({"postRestoreSql": ["SELECT 1"]})).unwrap().needs_sql());
    }

    #[test]
    fn an_assertion_has_exactly_one_expectation() {
        let check = |assertion: Value, expected: Result<(), &str>| {
            let settings = json!({"assertions": [assertion]});
            match (read(settings.clone()), expected) {
                (Ok(read), Ok(())) => {
                    assert_eq!(serde_json::to_value(read).unwrap()["assertions"], settings["assertions"]);
                }
                (Err(error), Err(says)) => assert!(error.contains(says), "{error}"),
                (read, _) => panic!("{settings}: {read:?}"),
            }
        };
        check(json!({"name": "n", "sql": "s", "atLeast": 1}), Ok(()));
        check(json!({"name": "n", "sql": "s", "atLeast": 1.5}), Ok(()));
        check(json!({"name": "n", "sql": "s", "equals": "text"}), Ok(()));
        check(json!({"name": "n", "sql": "s", "equals": true}), Ok(()));
        check(json!({"name": "n", "sql": "s", "newerThanMinutes": 60}), Ok(()));
        check(json!({"name": "n", "sql": "s"}), Err("exactly one"));
        check(json!({"name": "n", "sql": "s", "atLeast": 1, "equals": 1}), Err("exactly one"));
        check(json!({"name": "n", "sql": "s", "newerThanMinutes": 0}), Err("out of range"));
        check(json!({"name": "", "sql": "s", "atLeast": 1}), Err("name"));
        check(json!({"name": "é".repeat(64), "sql": "s", "atLeast": 1}), Ok(()));
        check(json!({"name": "é".repeat(65), "sql": "s", "atLeast": 1}), Err("name"));
        check(json!({"name": "a\nb", "sql": "s", "atLeast": 1}), Err("name"));
        check(json!({"name": "n", "sql": " ", "atLeast": 1}), Err("sql"));
        check(json!({"name": "n", "sql": "s", "atMost": 1}), Err("atMost"));
    }

    #[test]
    fn what_cannot_be_done_in_time_is_told() {
        let check = |settings: Value, path: Option<&str>| {
            assert_eq!(read(settings).unwrap().contradiction().map(|it| it.0), path)
        };
        let assertions = |count: usize| -> Vec<Value> {
            (0..count).map(|n| json!({"name": format!("a{n}"), "sql": "s", "atLeast": 1})).collect()
        };
        check(json!({"assertions": assertions(20)}), None);
        check(json!({"assertions": assertions(21)}), Some("verification.assertions"));
        let slow = json!({"assertions": assertions(2), "statementTimeoutSeconds": 300});
        check(slow, None);
        let slower =
            json!({"assertions": assertions(2), "postRestoreSql": ["s"], "statementTimeoutSeconds": 300});
        check(slower, Some("verification.statementTimeoutSeconds"));
        let twice = [assertions(1), assertions(1)].concat();
        check(json!({"assertions": twice}), Some("verification.assertions"));
        check(json!({"postRestoreSql": [" "]}), Some("verification.postRestoreSql"));
        check(
            json!({"postRestoreSql": vec!["s"; 21], "statementTimeoutSeconds": 1}),
            Some("verification.postRestoreSql"),
        );
    }
}
