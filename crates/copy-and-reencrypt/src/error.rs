//! How this step fails.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest};
use replication::{ErrorName, StageTimedOut};

/// Why the snapshot could not be copied.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error("{0} is not a name of this run: it must be <replication>-<run> or <replication>-<run>-copy")]
    NotANameOfThisRun(String),
    #[error(
        "DB snapshot {0} is gone, or no longer shared with this account: start a new run in the source account"
    )]
    SnapshotNotFound(String),
    #[error("DB snapshot {arn} is of DB instance {found}, but this run copies {expected}")]
    SnapshotOfAnother { arn: String, found: String, expected: String },
    #[error("DB snapshot {identifier} is {status}: delete it, then resume the run")]
    CopyFailed { identifier: String, status: String },
    #[error(
        "DB snapshot {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone"
    )]
    CopyNotOurs(String),
    #[error(
        "DB snapshot {identifier} exists under {found}, but this run copies under {expected}: delete it, then resume"
    )]
    CopyUnderOtherKey { identifier: String, found: String, expected: String },
    #[error(
        "a key cannot be used to copy {arn} under {kms_key_id} (RDS: {message}): both keys must be enabled, and their \
         policies and this role's must allow kms:DescribeKey and kms:CreateGrant, and kms:Decrypt, kms:Encrypt, \
         kms:ReEncrypt* and kms:GenerateDataKey* through RDS"
    )]
    KeyNotUsable { arn: String, kms_key_id: String, message: String },
    #[error(transparent)]
    TimedOut(#[from] StageTimedOut),
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Error {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::InvalidRequest(_) | Self::NotANameOfThisRun(_) => ErrorName::InvalidRequest,
            Self::SnapshotNotFound(_) => ErrorName::SnapshotNotFound,
            Self::SnapshotOfAnother { .. } => ErrorName::HandoffRefused,
            Self::CopyFailed { .. } => ErrorName::CopyFailed,
            Self::CopyNotOurs(_) | Self::CopyUnderOtherKey { .. } => ErrorName::CopyNotOurs,
            Self::KeyNotUsable { .. } => ErrorName::KeyNotUsable,
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
