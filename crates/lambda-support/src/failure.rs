//! How a failure reaches the state machine: its name, and its chain of causes in one line.

use lambda_runtime::Diagnostic;
use replication::ErrorName;
use std::error::Error;

/// The error's name, and its message joined with those of its causes.
pub fn diagnostic(name: ErrorName, error: &dyn Error) -> Diagnostic {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        message.push_str(": ");
        message.push_str(&it.to_string());
        cause = it.source();
    }
    tracing::error!(error_name = name.as_str(), message, "the step failed");
    Diagnostic { error_type: name.as_str().to_owned(), error_message: message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot share orders")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn the_chain_is_joined_once() {
        let error = Outer("x".parse::<u8>().unwrap_err());
        let diagnostic = diagnostic(ErrorName::RdsRefused, &error);
        assert_eq!(diagnostic.error_type, "Snapferry.RdsRefused");
        assert_eq!(diagnostic.error_message, "cannot share orders: invalid digit found in string");
    }
}
