//! The event of an execution that ended, with whatever input it was started with: no panic, and a subject that SNS
//! takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use report::Ended;
use report::plan::{of_failure, prune_request};

fuzz_target!(|texts: (String, String, String, i64)| {
    let (input, error, cause, start) = texts;
    let ended = Ended {
        execution_arn: "arn:aws:states:us-east-1:111111111111:execution:m:e".to_owned(),
        name: error.clone(),
        status: "FAILED".to_owned(),
        start_date: Some(start),
        input: Some(input),
        error: Some(error),
        cause: Some(cause),
    };
    let outcome = of_failure(&ended);
    assert!(outcome.subject.chars().count() <= 100 && !outcome.subject.chars().any(char::is_control));
    let _ = prune_request(&ended, "stack");
});
