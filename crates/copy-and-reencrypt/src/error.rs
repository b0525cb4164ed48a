//! How this step fails.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest};
use replication::{ErrorName, StageTimedOut};

/// What a key needs before RDS can use it for a copy.
///
/// Source: RDS User Guide, "Sharing encrypted snapshots"; KMS Developer Guide, "How Amazon RDS uses AWS KMS".
const ADVICE: &str = "it must be an enabled symmetric key of the right Region; its policy and the principal's must allow \
    kms:DescribeKey, kms:CreateGrant, kms:Decrypt, kms:Encrypt, kms:ReEncrypt* and kms:GenerateDataKey*; then resume the run. A snapshot's key that stays closed to the target account needs a source run \
    with forceCopy true";

/// Why the snapshot could not be copied.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error("{0} is not a name of this run: it must be <replication>-<run> or <replication>-<run>-copy")]
    NotANameOfThisRun(String),
    #[error("DB snapshot {0} is gone: start a new run")]
    SnapshotNotFound(String),
    #[error(
        "DB snapshot {0} is gone, or no longer shared with this account: start a new run in the source account"
    )]
    SnapshotNoLongerShared(String),
    #[error(
        "DB snapshot {arn} cannot be shared as it is, because it is {encryption}, and forceCopy is false: leave forceCopy \
         out, or keep the DB instance under a key that the target account may use and list it in shareableKeys"
    )]
    SnapshotNotShareable { arn: String, encryption: String },
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
    #[error("key {key} cannot be used by {principal} ({problem}): {ADVICE}")]
    KeyNotUsable { key: String, principal: String, problem: String },
    #[error(
        "as many manual DB snapshots as the quota allows: delete some, or raise the quota, then resume the run"
    )]
    SnapshotQuotaExceeded,
    #[error("option group {0} does not exist in this account and Region: correct placement.optionGroupName")]
    OptionGroupNotFound(String),
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
            Self::SnapshotNoLongerShared(_) => ErrorName::SnapshotNoLongerShared,
            Self::SnapshotNotShareable { .. } => ErrorName::SnapshotNotShareable,
            Self::SnapshotQuotaExceeded => ErrorName::SnapshotQuotaExceeded,
            Self::OptionGroupNotFound(_) => ErrorName::OptionGroupNotFound,
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
