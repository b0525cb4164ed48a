//! The inputs of executions, by anybody who may start them.

use crate::refused;
use replication::{Run, SourceInput};
use serde_json::{Value, json};
use snapshot::plan::run_of;
use step::parse;

const ARN: &str = "arn:aws:states:us-east-1:111111111111:execution:m:e";

/// A run that starts has names that RDS takes, and its input says the same with every default filled in.
pub fn start(text: &str) -> bool {
    let Ok(input) = serde_json::from_str::<Value>(text) else { return false };
    let execution = json!({"arn": ARN, "startedAt": "2026-11-20T16:08:12Z"});
    let request = json!({"input": input, "execution": execution, "stage": {}});
    let request = match parse::<snapshot::Request>(request) {
        Ok(request) => request,
        Err(error) => return refused(snapshot::Error::from(error)),
    };
    let filled_in = serde_json::to_value(&request.input).unwrap();
    assert_eq!(serde_json::from_value::<SourceInput>(filled_in).unwrap(), request.input);
    let run = match run_of(&request.input, &request.execution) {
        Ok(run) => run,
        Err(error) => return refused(error),
    };
    let run = Run::new(&request.input.replication, &run);
    // Source: RDS API, CreateDBSnapshot: 1 to 63 letters, digits or hyphens; a letter first, no two hyphens in a row,
    // none at the end.
    for name in [run.identifier(), run.reencrypted_identifier()] {
        let is_part = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        assert!(name.len() <= 63 && name.chars().all(is_part), "{name:?}");
        assert!(name.starts_with(|it: char| it.is_ascii_lowercase()), "{name:?}");
        assert!(!name.contains("--") && !name.ends_with('-'), "{name:?}");
    }
    assert_eq!(Run::from_identifier(&run.identifier()), Some(run));
    true
}

/// A rollback that starts says where it goes: to a run that has a run's name, or by one of the two words.
pub fn rollback(text: &str) -> bool {
    let Ok(Value::Object(mut input)) = serde_json::from_str(text) else { return false };
    input.insert("applicationSecretArn".to_owned(), json!("stack"));
    input.insert("stage".to_owned(), json!({}));
    match parse::<choose_copy::Request>(Value::Object(input)) {
        Ok(request) => {
            let name =
                Run::new(&request.replication, &"20261120t160812z-3f9a".to_owned().try_into().unwrap());
            assert!(name.identifier().len() <= 63);
            true
        }
        Err(error) => refused(choose_copy::Error::from(error)),
    }
}
