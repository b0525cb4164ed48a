//! How this step fails.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest, UnusableSettings};
use replication::{ErrorName, StageTimedOut};

/// Why there is no copy to go back to.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error(transparent)]
    UnusableSettings(#[from] UnusableSettings),
    #[error(
        "replication {replication} has no copy {wanted}: the copies that were proven and can still be used are {usable}; name one of those runs, or start a new run"
    )]
    NoCopyToGoTo { replication: String, wanted: String, usable: String },
    #[error(
        "DB instance {identifier} is {status}, which waiting does not mend: choose another run, or start a new one"
    )]
    RestoreFailed { identifier: String, status: String },
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
            Self::UnusableSettings(_) => ErrorName::InvalidSettings,
            Self::NoCopyToGoTo { .. } => ErrorName::NoCopyToGoTo,
            Self::RestoreFailed { .. } => ErrorName::RestoreFailed,
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
