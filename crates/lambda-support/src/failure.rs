//! How a failure reaches the state machine: its name, and its chain of causes in one line.

use lambda_runtime::Diagnostic;
use std::error::Error;
use step::ErrorName;

/// The longest message that is passed on, in characters: what was sent to us may be in it.
const MESSAGE_LIMIT: usize = 8_000;

/// The error's name, and its message joined with those of its causes: one line, whatever the input that it quotes, so
/// that nothing in it looks like a line of a log or a report.
pub fn diagnostic(name: ErrorName, error: &dyn Error) -> Diagnostic {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        message.push_str(": ");
        message.push_str(&it.to_string());
        cause = it.source();
    }
    let message: String =
        message.chars().take(MESSAGE_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    tracing::error!(error_name = name.as_str(), message, "the step failed");
    Diagnostic { error_type: name.as_str().to_owned(), error_message: message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot share orders")]
    struct Outer(#[source] std::num::ParseIntError);

    // R1: errors are swallowed, and the cause is only in logs.
    #[test]
    fn the_chain_is_joined_once() {
        let error = Outer("x".parse::<u8>().unwrap_err());
        let diagnostic = diagnostic(ErrorName::RdsRefused, &error);
        assert_eq!(diagnostic.error_type, "Snapferry.RdsRefused");
        assert_eq!(diagnostic.error_message, "cannot share orders: invalid digit found in string");
    }

    #[test]
    fn what_is_quoted_begins_no_line_of_its_own() {
        let error = std::io::Error::other(format!(
            "refused\n{{\"level\": \"ERROR\"}}\u{1b}[2J{}",
            "x".repeat(10_000)
        ));
        let message = diagnostic(ErrorName::RdsRefused, &error).error_message;
        assert!(message.starts_with("refused {\"level\": \"ERROR\"} [2J"), "{message}");
        assert_eq!(message.chars().count(), MESSAGE_LIMIT);
    }
}
