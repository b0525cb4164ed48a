//! How this step fails.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest};
use replication::{AccountId, ErrorName, StageTimedOut};

/// Why the snapshot could not be shared and handed off.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error(
        "account {0} is not among those that this stack may share with: add it to the stack's AllowedTargetAccounts"
    )]
    AccountNotAllowed(AccountId),
    #[error("DB snapshot {0} is gone: start a new run")]
    SnapshotNotFound(String),
    #[error(
        "DB snapshot {0} does not carry the tags of this run: Snapferry did not make it and does not share it"
    )]
    SnapshotNotOurs(String),
    #[error(
        "the policy of key {key} does not let account {account} copy the snapshot: it must allow {} to it, then resume the run",
        missing.join(", ")
    )]
    KeyNotShared { key: String, account: AccountId, missing: Vec<&'static str> },
    #[error("RDS did not say {field} of DB snapshot {arn}")]
    SnapshotIncomplete { arn: String, field: &'static str },
    #[error(transparent)]
    TimedOut(#[from] StageTimedOut),
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Error {
    /// Whether it may pass while permissions come through.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Call(call) if call.is_denied())
    }

    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::InvalidRequest(_) => ErrorName::InvalidRequest,
            Self::AccountNotAllowed(_) => ErrorName::AccountNotAllowed,
            Self::SnapshotNotFound(_) => ErrorName::SnapshotNotFound,
            Self::SnapshotNotOurs(_) => ErrorName::SnapshotNotOurs,
            Self::KeyNotShared { .. } => ErrorName::KeyNotShared,
            Self::SnapshotIncomplete { .. } => ErrorName::RdsRefused,
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
