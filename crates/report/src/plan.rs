//! Decides what is said of an execution; sees only its arguments.

use crate::input::Input;
use crate::{EndedIn, Succeeded};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use step::MESSAGE_VERSION;

/// The longest subject, in characters: SNS takes fewer than 100. Source: SNS API, Publish.
const SUBJECT_LIMIT: usize = 99;

/// The longest name of an error that is passed on, in characters: an execution can be ended with any name.
const ERROR_LIMIT: usize = 256;

/// The longest cause that is passed on, in characters; the execution's history has it whole.
const CAUSE_LIMIT: usize = 2_000;

/// What is published.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// For people.
    pub subject: String,
    /// For people and programs: one JSON object.
    pub message: Value,
}

/// The outcome of an execution that went through. What every outcome has wins over the machine's own facts.
pub fn of_success(it: Succeeded) -> Outcome {
    let every = json!({
        "version": MESSAGE_VERSION,
        "outcome": it.outcome,
        "executionArn": it.execution_arn,
        "waitedSeconds": it.waited_seconds,
    });
    let message: Map<String, Value> = it.facts.into_iter().chain(object(every)).collect();
    Outcome { subject: subject(&it.subject), message: Value::Object(message) }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The outcome of an execution that failed, timed out or was aborted.
pub fn of_failure(it: &EndedIn) -> Outcome {
    let (ended, input) = (&it.execution, Input::of(it));
    let error = ended.error.as_deref().unwrap_or(&ended.status);
    let cause = error_message(ended.cause.as_deref().unwrap_or_default());
    let message = json!({
        "version": MESSAGE_VERSION,
        "outcome": ended.status,
        "replication": input.as_ref().map(Input::replication),
        "run": input.as_ref().and_then(|it| it.run(ended)),
        "executionName": ended.name,
        "executionArn": ended.execution_arn,
        "error": cut(error, ERROR_LIMIT),
        "cause": cut(&cause, CAUSE_LIMIT),
        "advice": match input {
            Some(Input::Rollback(_)) => "correct the cause, then start the rollback again, to the run by its name: `previous` counts from the copy that is live by now. Nothing was deleted",
            _ => "correct the cause, then redrive the execution, or resume: start a new execution with the same input and the same run",
        },
    });
    let what = input.map_or_else(|| ended.name.clone(), |it| it.replication().to_string());
    Outcome { subject: subject(&format!("{what} failed with {error}")), message }
}

/// A Lambda's cause is its error payload as JSON text: only its message is for people.
fn error_message(cause: &str) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        error_message: String,
    }
    serde_json::from_str(cause).map_or_else(|_| cause.to_owned(), |it: Payload| it.error_message)
}

/// A subject that every version of SNS's rule takes: it has been ASCII alone, and is any text without control
/// characters. A report that is refused would be a failure that nobody hears of.
fn subject(text: &str) -> String {
    let ascii: String = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    cut(&format!("Snapferry: {ascii}"), SUBJECT_LIMIT)
}

/// Control characters could forge lines in what an operator reads; a subject may not hold any.
fn cut(text: &str, limit: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ended;
    use replication::Account;

    fn ended(account: Account, input: &Value) -> EndedIn {
        let cause = json!({"errorType": "Snapferry.SnapshotFailed", "errorMessage": "it\nfailed"});
        let execution = Ended {
            execution_arn: "arn:aws:states:us-east-1:1:execution:m:e".to_owned(),
            name: "e".to_owned(),
            status: "FAILED".to_owned(),
            start_date: Some(1_795_190_892_123),
            input: Some(input.to_string()),
            error: Some("Snapferry.SnapshotFailed".to_owned()),
            cause: Some(cause.to_string()),
        };
        EndedIn { account, execution }
    }

    fn source(input: &Value) -> EndedIn {
        ended(Account::Source, input)
    }

    #[test]
    fn a_failure_is_told_with_its_name_and_cause() {
        let outcome = of_failure(&source(&json!({"replication": "orders", "source": {}})));
        assert_eq!(outcome.subject, "Snapferry: orders failed with Snapferry.SnapshotFailed");
        assert_eq!(outcome.message["cause"], "it failed");
        assert_eq!(outcome.message["replication"], "orders");
        let started = outcome.message["run"].as_str().unwrap().to_owned();
        assert!(started.starts_with("20261120t"), "{started}");
        let resumed = json!({"replication": "orders", "source": {}, "run": "20261101t000000z-0000"});
        assert_eq!(of_failure(&source(&resumed)).message["run"], "20261101t000000z-0000");
        let mut timed_out = source(&Value::Null);
        (timed_out.execution.error, timed_out.execution.cause, timed_out.execution.input) =
            (None, None, None);
        timed_out.execution.status = "TIMED_OUT".to_owned();
        assert_eq!(of_failure(&timed_out).message["error"], "TIMED_OUT");
        let mut long = source(&Value::Null);
        long.execution.error = Some("é".repeat(500));
        let outcome = of_failure(&long);
        assert_eq!(outcome.subject.len(), 99);
        assert!(outcome.subject.starts_with("Snapferry: e failed with ??"), "{}", outcome.subject);
        assert_eq!(outcome.message["error"], "é".repeat(256));
    }

    #[test]
    fn a_rollback_that_failed_is_started_again_by_the_runs_name() {
        // Its last step may have failed: then `previous` already means another copy.
        let outcome =
            of_failure(&ended(Account::Target, &json!({"replication": "orders", "to": "previous"})));
        let advice = outcome.message["advice"].as_str().unwrap();
        assert!(advice.contains("to the run by its name"), "{advice}");
    }

    #[test]
    fn no_fact_replaces_what_every_outcome_has() {
        let succeeded = json!({
            "executionArn": "arn", "outcome": "SUCCEEDED", "subject": "orders is live",
            "waitedSeconds": {"Restore": 9}, "facts": {"outcome": "FAILED", "version": 7, "live": true},
        });
        let outcome = of_success(serde_json::from_value(succeeded).unwrap());
        let expected = json!({
            "version": 1, "outcome": "SUCCEEDED", "executionArn": "arn", "waitedSeconds": {"Restore": 9}, "live": true,
        });
        assert_eq!((outcome.subject.as_str(), outcome.message), ("Snapferry: orders is live", expected));
    }
}
