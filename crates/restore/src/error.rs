//! How this step fails.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest};
use replication::{ErrorName, StageTimedOut};

/// Why the DB instance could not be restored.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error("DB snapshot {0} is gone: start a new run in the source account")]
    SnapshotNotFound(String),
    #[error(
        "DB instance {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone"
    )]
    DbInstanceNotOurs(String),
    #[error(
        "DB instance {identifier} is {status}, which waiting does not mend: the clean-up deletes it; correct the replication's settings and start a new run"
    )]
    RestoreFailed { identifier: String, status: String },
    #[error(
        "DB subnet group {0:?} does not exist in this account and Region: correct placement.dbSubnetGroupName"
    )]
    SubnetGroupNotFound(String),
    #[error(
        "DB parameter group {0:?} does not exist in this account and Region: correct placement.dbParameterGroupName"
    )]
    ParameterGroupNotFound(String),
    #[error(
        "option group {0:?} does not exist in this account and Region: correct placement.optionGroupName"
    )]
    OptionGroupNotFound(String),
    #[error(
        "RDS does not offer {class} here for this engine, version and storage ({message}): correct dbInstance.dbInstanceClass"
    )]
    ClassNotOrderable { class: String, message: String },
    #[error(
        "the account has as many DB instances as its quota allows: delete some, or raise the quota, then resume the run"
    )]
    InstanceQuotaExceeded,
    #[error(
        "the key of DB snapshot {identifier} cannot be used (RDS: {message}): it must be enabled, and its policy must allow this account's RestoreRole kms:DescribeKey and kms:CreateGrant"
    )]
    KeyNotUsable { identifier: String, message: String },
    #[error(transparent)]
    TimedOut(#[from] StageTimedOut),
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Error {
    /// Whether it may pass while permissions come through.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::KeyNotUsable { .. }) || matches!(self, Self::Call(call) if call.is_denied())
    }

    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::InvalidRequest(_) => ErrorName::InvalidRequest,
            Self::SnapshotNotFound(_) => ErrorName::SnapshotNotFound,
            Self::DbInstanceNotOurs(_) => ErrorName::DbInstanceNotOurs,
            Self::RestoreFailed { .. } => ErrorName::RestoreFailed,
            Self::SubnetGroupNotFound(_) => ErrorName::SubnetGroupNotFound,
            Self::ParameterGroupNotFound(_) => ErrorName::ParameterGroupNotFound,
            Self::OptionGroupNotFound(_) => ErrorName::OptionGroupNotFound,
            Self::ClassNotOrderable { .. } => ErrorName::ClassNotOrderable,
            Self::InstanceQuotaExceeded => ErrorName::InstanceQuotaExceeded,
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
