//! How this step fails.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest};
use replication::{ErrorName, StageTimedOut};

/// Why nothing, or not all, could be pruned.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error(transparent)]
    TimedOut(#[from] StageTimedOut),
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Error {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::InvalidRequest(_) => ErrorName::InvalidRequest,
            Self::TimedOut(_) => ErrorName::StageTimedOut,
            Self::Call(call) => call.name(),
        }
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        lambda_support::diagnostic(error.name(), &error)
    }
}
