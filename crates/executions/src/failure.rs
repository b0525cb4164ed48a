//! Why an execution failed, in words.

use serde_json::Value;
use std::fmt;

/// Why an execution failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step that was not done; empty before the first step.
    pub step: String,
    /// The error's name.
    pub error: String,
    /// What happened, in words; empty when Step Functions says nothing.
    pub message: String,
}

impl Failure {
    /// Reads an error and a cause as Step Functions gives them.
    pub(crate) fn new(step: &str, error: &str, cause: &str) -> Self {
        // The cause of a failed Lambda function is its diagnostic in JSON.
        let diagnostic: Value = serde_json::from_str(cause).unwrap_or_default();
        let message = diagnostic["errorMessage"].as_str().unwrap_or(cause);
        Self { step: step.to_owned(), error: error.to_owned(), message: message.to_owned() }
    }
}

/// On one line: the step, the error, the message.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [&self.step, &self.error, &self.message].into_iter().filter(|it| !it.is_empty());
        f.write_str(&words.map(String::as_str).collect::<Vec<_>>().join(": "))
    }
}
