//! Decides what an assertion's answer is worth; sees only its arguments.

use crate::Error;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use replication::{Assertion, Expectation, Scalar};
use serde::Serialize;
use std::fmt;

/// The longest text of what was found, in characters.
const LONGEST_FOUND: usize = 120;

/// What a statement answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// One value, as text.
    Value(String),
    /// NULL.
    Null,
    /// No row at all.
    NoRow,
    /// More than one row.
    SeveralRows,
    /// More than one column.
    SeveralColumns,
}

/// Why a statement answered nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It took longer than it may.
    Late,
    /// The database refused it.
    Refused {
        /// The database's code, where it has one, and its primary message: never its details, which quote rows.
        reason: String,
        /// What to do, where that is known.
        cure: Option<String>,
    },
    /// The connection broke.
    Lost(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("it took longer than statementTimeoutSeconds"),
            Self::Refused { reason, .. } | Self::Lost(reason) => f.write_str(&cut(reason)),
        }
    }
}

impl Refusal {
    /// A refusal without a cure.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), cure: None }
    }

    /// The refusal in words, and its cure.
    pub fn in_full(&self) -> String {
        match self.cure() {
            Some(cure) => format!("{self}. {cure}"),
            None => self.to_string(),
        }
    }

    fn cure(&self) -> Option<&str> {
        match self {
            Self::Refused { cure, .. } => cure.as_deref(),
            Self::Late | Self::Lost(_) => None,
        }
    }
}

/// What became of an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// What was found, in words.
    pub found: String,
    /// Whether that is as asserted.
    pub passed: bool,
    /// What to do, where the database refused to answer and that is known.
    #[serde(skip)]
    pub cure: Option<String>,
}

/// Holds an answer against what is asserted.
pub fn judge(assertion: &Assertion, answer: &Result<Answer, Refusal>, now: Timestamp) -> Checked {
    let checked =
        |found: &str, passed| Checked { name: assertion.name.clone(), found: cut(found), passed, cure: None };
    let value = match answer {
        Ok(Answer::Value(value)) => value,
        Ok(Answer::Null) => return checked("NULL", false),
        Ok(Answer::NoRow) => return checked("no row", false),
        Ok(Answer::SeveralRows) => return checked("more than one row", false),
        Ok(Answer::SeveralColumns) => return checked("more than one column", false),
        Err(refusal) => {
            let cure = refusal.cure().map(str::to_owned);
            return Checked { cure, ..checked(&format!("no answer: {refusal}"), false) };
        }
    };
    match &assertion.expectation {
        Expectation::AtLeast(least) => checked(value, at_least(value, &least.to_string())),
        Expectation::Equals(scalar) => checked(value, equals(value, scalar)),
        Expectation::NewerThanMinutes(minutes) => {
            let limit = i64::try_from(minutes.as_u64() * 60).unwrap_or(i64::MAX);
            let age = time(value).map(|at| now.duration_since(at).as_secs());
            checked(value, age.is_some_and(|age| age <= limit))
        }
    }
}

/// What the failed assertions are told as; `None` when there are none.
pub fn failure(assertions: &[Assertion], checked: &[Checked]) -> Option<Error> {
    let failed: Vec<String> = assertions
        .iter()
        .zip(checked)
        .filter(|(_, it)| !it.passed)
        .map(|(assertion, it)| {
            let cure = it.cure.iter().map(|cure| format!(". {cure}")).collect::<String>();
            let wanted = wanted(&assertion.expectation);
            format!("assertion {:?} wants {wanted}, found {}{cure}", it.name, it.found)
        })
        .collect();
    (!failed.is_empty()).then(|| Error::VerificationFailed(failed.join("; ")))
}

fn wanted(expectation: &Expectation) -> String {
    match expectation {
        Expectation::AtLeast(least) => format!("at least {least}"),
        Expectation::Equals(Scalar::Flag(flag)) => flag.to_string(),
        Expectation::Equals(Scalar::Number(number)) => number.to_string(),
        Expectation::Equals(Scalar::Text(text)) => format!("{:?}", cut(text)),
        Expectation::NewerThanMinutes(minutes) => {
            format!("a time of the last {} minutes", minutes.as_u64())
        }
    }
}

/// Whole numbers are compared exactly, as counts may be larger than a float holds.
fn at_least(found: &str, least: &str) -> bool {
    match (found.trim().parse::<i128>(), least.parse::<i128>()) {
        (Ok(found), Ok(least)) => found >= least,
        _ => number(found).zip(number(least)).is_some_and(|(found, least)| found >= least),
    }
}

fn equals(found: &str, wanted: &Scalar) -> bool {
    match wanted {
        Scalar::Text(text) => found == text,
        // PostgreSQL writes t and f, MySQL 1 and 0.
        Scalar::Flag(true) => ["t", "true", "1"].contains(&found),
        Scalar::Flag(false) => ["f", "false", "0"].contains(&found),
        Scalar::Number(wanted) => {
            let wanted = wanted.to_string();
            match (found.trim().parse::<i128>(), wanted.parse::<i128>()) {
                (Ok(found), Ok(wanted)) => found == wanted,
                _ => number(found).zip(number(&wanted)).is_some_and(|(found, wanted)| found == wanted),
            }
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// A time as the engines write it; UTC unless it says otherwise, midnight when it is a day.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let civil = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| civil(text.parse::<DateTime>().ok()?))
        .or_else(|| civil(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())))
}

/// Control characters could forge lines in what an operator reads.
pub(crate) fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_FOUND).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_answer_is_held_against_what_is_asserted() {
        let now: Timestamp = "2026-11-20T16:08:12Z".parse().unwrap();
        let check = |expectation: Value, found: &str, passed: bool| {
            let mut written = json!({"name": "n", "sql": "s"});
            written.as_object_mut().unwrap().extend(expectation.as_object().unwrap().clone());
            let assertion: Assertion = serde_json::from_value(written).unwrap();
            let answer = Ok(Answer::Value(found.to_owned()));
            assert_eq!(judge(&assertion, &answer, now).passed, passed, "{expectation}: {found}");
            for answer in [Answer::Null, Answer::NoRow, Answer::SeveralRows, Answer::SeveralColumns] {
                assert!(!judge(&assertion, &Ok(answer), now).passed);
            }
            assert!(!judge(&assertion, &Err(Refusal::Late), now).passed);
        };
        check(json!({"atLeast": 1}), "1", true);
        check(json!({"atLeast": 1}), "0", false);
        check(json!({"atLeast": 1}), "1.0000", true);
        check(json!({"atLeast": 9_007_199_254_740_993_i64}), "9007199254740992", false);
        check(json!({"atLeast": -1.5}), "-1.4", true);
        check(json!({"atLeast": 1}), "many", false);
        check(json!({"atLeast": 1}), "NaN", false);
        check(json!({"atLeast": 1}), "inf", false);
        check(json!({"equals": 12.5}), "12.50", true);
        check(json!({"equals": 12}), "12.00", true);
        check(json!({"equals": 12}), "13", false);
        check(json!({"equals": 9_007_199_254_740_993_i64}), "9007199254740992", false);
        check(json!({"equals": "ready"}), "ready", true);
        check(json!({"equals": "ready"}), "ready ", false);
        check(json!({"equals": true}), "t", true);
        check(json!({"equals": true}), "1", true);
        check(json!({"equals": true}), "f", false);
        check(json!({"equals": false}), "0", true);
        check(json!({"newerThanMinutes": 60}), "2026-11-20 15:08:12", true);
        check(json!({"newerThanMinutes": 60}), "2026-11-20 15:08:11", false);
        check(json!({"newerThanMinutes": 60}), "2026-11-20 16:00:00.123456+00", true);
        check(json!({"newerThanMinutes": 60}), "2026-11-20 17:00:00+02", false);
        check(json!({"newerThanMinutes": 60}), "2026-11-20 17:30:00+02:00", true);
        check(json!({"newerThanMinutes": 60}), "2026-11-20T16:00:00Z", true);
        check(json!({"newerThanMinutes": 60}), "2026-11-20", false);
        check(json!({"newerThanMinutes": 1440}), "2026-11-20", true);
        // A clock that is a little ahead is no reason to refuse a copy.
        check(json!({"newerThanMinutes": 60}), "2026-11-20 16:09:00", true);
        check(json!({"newerThanMinutes": 60}), "yesterday", false);
        check(json!({"newerThanMinutes": 60}), "0000-00-00 00:00:00", false);
    }

    #[test]
    fn a_failure_names_the_assertion_and_what_was_found() {
        let assertions: Vec<Assertion> = serde_json::from_value(json!([
            {"name": "orders are there", "sql": "s", "atLeast": 1000},
            {"name": "orders are fresh", "sql": "s", "newerThanMinutes": 60},
            {"name": "good", "sql": "s", "equals": "x"},
        ]))
        .unwrap();
        let checked = |found: &str, passed| Checked {
            name: "n".to_owned(),
            found: found.to_owned(),
            passed,
            cure: None,
        };
        let all_well = [checked("1", true), checked("1", true), checked("1", true)];
        assert!(failure(&assertions, &all_well).is_none());
        let now = Timestamp::UNIX_EPOCH;
        let answers = [Answer::Value("12".to_owned()), Answer::Null, Answer::Value("x".to_owned())];
        let judged: Vec<Checked> =
            assertions.iter().zip(answers).map(|(it, answer)| judge(it, &Ok(answer), now)).collect();
        let message = failure(&assertions, &judged).unwrap().to_string();
        assert!(
            message.contains("assertion \"orders are there\" wants at least 1000, found 12"),
            "{message}"
        );
        assert!(
            message.contains("\"orders are fresh\" wants a time of the last 60 minutes, found NULL"),
            "{message}"
        );
        assert!(!message.contains("good"), "{message}");
        let refused = judge(&assertions[0], &Err(Refusal::refused("42P01: no such table")), now);
        assert_eq!(refused.found, "no answer: 42P01: no such table");
        let denied = Refusal::Refused { reason: "42501: no".to_owned(), cure: Some("GRANT it".to_owned()) };
        let denied = [judge(&assertions[0], &Err(denied), now)];
        assert!(
            failure(&assertions, &denied).unwrap().to_string().contains("no answer: 42501: no. GRANT it")
        );
        assert_eq!(
            serde_json::to_value(&denied[0]).unwrap(),
            json!({"name": "orders are there", "found": "no answer: 42501: no", "passed": false})
        );
        let late = judge(&assertions[0], &Err(Refusal::Late), now);
        assert_eq!(late.found, "no answer: it took longer than statementTimeoutSeconds");
        let long = judge(&assertions[2], &Ok(Answer::Value("y\n".repeat(500))), now);
        assert_eq!(long.found.chars().count(), LONGEST_FOUND);
        assert!(!long.found.contains('\n'));
    }
}
