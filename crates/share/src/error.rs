//! How this step fails.

use crate::key_policy::Refused;
use step::AccountId;

lambda_support::failures! {
    /// Why the snapshot could not be shared and handed off.
    pub enum Error {
        #[error("account {0} is not among those that this stack may share with: add it to the stack's AllowedTargetAccounts")]
        AccountNotAllowed(AccountId) => AccountNotAllowed,
        #[error("DB snapshot {0} is gone: start a new run")]
        SnapshotNotFound(String) => SnapshotNotFound,
        #[error("DB snapshot {0} does not carry the tags of this run: Snapferry did not make it and does not share it")]
        SnapshotNotOurs(String) => SnapshotNotOurs,
        #[error(
            "the policy of key {key} does not let account {account} copy the snapshot with its role {role}: {}; correct \
             the policy, then resume the run",
            refused.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        )]
        KeyNotShared { key: String, account: AccountId, role: String, refused: Vec<Refused> } => KeyNotShared,
        #[error("RDS did not say {field} of DB snapshot {arn}")]
        SnapshotIncomplete { arn: String, field: &'static str } => RdsRefused,
    }
}
