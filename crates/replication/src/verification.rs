//! How a copy is proven before it goes live.

mod assertion;
mod sql_name;
mod statement;

pub use assertion::{Assertion, Expectation, Minutes, NoAssertion, Scalar};
pub use sql_name::SqlName;
pub use statement::Statement;

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use step::Bounded;

/// All statements of a look together may take this long, in seconds: the function has time for it.
pub const VERIFICATION_SECONDS: u64 = 600;
/// How many assertions there may be, and how many statements before them.
const MOST: usize = 20;

/// How `Verify` proves a copy; unless more is said, it logs in over TLS with the copy's secret, and that is all.
///
/// In this order: it stops what acts by itself, then come the other logins, `postRestoreSql` and the assertions. All of it
/// may be done more than once.
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
    /// Statements that change the copy before it is checked, such as masking; at most 20. They run as the master user
    /// unless they name a role, in one transaction for each database, and may run more than once: write them so that a
    /// repetition does no harm.
    pub post_restore_sql: Vec<Statement>,
    /// What goes on acting by itself in the copy. Verify stops all else before anything acts on production.
    pub keep_active: BTreeSet<Active>,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            assertions: Vec::new(),
            statement_timeout_seconds: Bounded::constant::<30>(),
            logins: Logins::default(),
            post_restore_sql: Vec::new(),
            keep_active: BTreeSet::new(),
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

/// What a copy brings that acts by itself, on production too.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Active {
    /// Subscriptions of PostgreSQL and of pglogical: they take the publisher's changes, and its slot.
    Subscriptions,
    /// Jobs of pg_cron.
    ScheduledJobs,
    /// Events of MySQL and MariaDB.
    Events,
    /// Replication from another MySQL or MariaDB server.
    Replication,
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
    fn a_statement_is_a_text_or_says_its_role_and_database() {
        let check = |statement: Value, expected: Result<(), &str>| {
            let settings = json!({"postRestoreSql": [statement]});
            match (read(settings.clone()), expected) {
                (Ok(read), Ok(())) => {
                    assert_eq!(
                        serde_json::to_value(read).unwrap()["postRestoreSql"],
                        settings["postRestoreSql"]
                    );
                }
                (Err(error), Err(says)) => assert!(error.contains(says), "{error} lacks {says}"),
                (read, _) => panic!("{settings}: {read:?}"),
            }
        };
        check(json!("SELECT 1"), Ok(()));
        check(json!({"sql": "SELECT 1", "role": "owner"}), Ok(()));
        check(json!({"sql": "SELECT 1", "database": "crm"}), Ok(()));
        check(json!({"sql": "SELECT 1", "database": "crm", "role": "a\"; DROP TABLE b; --"}), Ok(()));
        check(json!(" "), Err("sql is empty"));
        check(json!({"sql": ""}), Err("sql is empty"));
        check(json!({"role": "owner"}), Err("sql"));
        check(json!({"sql": "SELECT 1", "user": "owner"}), Err("unknown field `user`"));
        check(json!({"sql": "SELECT 1", "role": ""}), Err("1 to 128 characters"));
        check(json!({"sql": "SELECT 1", "role": "a\u{0}b"}), Err("1 to 128 characters"));
        check(json!({"sql": "SELECT 1", "database": "é".repeat(129)}), Err("1 to 128 characters"));
        check(json!(1), Err("a statement"));
    }

    #[test]
    fn what_stays_active_is_named() {
        let all = json!(["subscriptions", "scheduledJobs", "events", "replication"]);
        assert_eq!(read(json!({ "keepActive": all })).unwrap().keep_active.len(), 4);
        assert!(!read(json!({ "keepActive": all })).unwrap().needs_sql());
        assert!(read(json!({"keepActive": ["everything"]})).is_err());
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
        check(json!({"name": "n", "sql": "s", "equals": 1, "role": "owner", "database": "crm"}), Ok(()));
        check(json!({"name": "n", "sql": "s", "equals": 1, "role": ""}), Err("1 to 128 characters"));
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
        check(json!({"postRestoreSql": vec!["s"; 20], "statementTimeoutSeconds": 1}), None);
        check(
            json!({"postRestoreSql": vec!["s"; 21], "statementTimeoutSeconds": 1}),
            Some("verification.postRestoreSql"),
        );
    }
}
