//! How this step fails.

/// What a key needs before RDS can use it for a copy.
///
/// Source: RDS User Guide, "Sharing encrypted snapshots"; KMS Developer Guide, "How Amazon RDS uses AWS KMS".
const ADVICE: &str = "the key must be enabled, symmetric and of the right Region. Its policy and the role's must allow \
    kms:DescribeKey, kms:CreateGrant, kms:Decrypt, kms:Encrypt, kms:ReEncrypt* and kms:GenerateDataKey*. Then resume the \
    run. If a snapshot's key stays closed to the target account, start a run in the source account with forceCopy true";

lambda_support::failures! {
    /// Why the snapshot could not be copied.
    pub enum Error {
        #[error("DB snapshot {0} is gone: start a new run")]
        SnapshotNotFound(String) => SnapshotNotFound,
        #[error("DB snapshot {0} is gone, or no longer shared with this account: start a new run in the source account")]
        SnapshotNoLongerShared(String) => SnapshotNoLongerShared,
        #[error(
            "DB snapshot {arn} cannot be shared as it is, because it is {encryption}, and forceCopy is false: leave \
             forceCopy out, or keep the DB instance under a key that the target account may use and list it in \
             shareableKeys"
        )]
        SnapshotNotShareable { arn: String, encryption: String } => SnapshotNotShareable,
        #[error(
            "DB snapshot {arn} is encrypted and in another Region of GovCloud than {region}: RDS copies it only with a \
             PreSignedUrl, which Snapferry cannot make. Deploy the target stack in the Region of the snapshot, and start a \
             new run"
        )]
        AcrossRegionsOfGovCloud { arn: String, region: String } => AcrossRegionsNotServed,
        #[error("DB snapshot {arn} is of DB instance {found}, but this run copies {expected}")]
        SnapshotOfAnother { arn: String, found: String, expected: String } => HandoffRefused,
        #[error("DB snapshot {identifier} is {status}: delete it, then resume the run")]
        CopyFailed { identifier: String, status: String } => CopyFailed,
        #[error("DB snapshot {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone")]
        CopyNotOurs(String) => CopyNotOurs,
        #[error("DB snapshot {identifier} exists under key {found}, but this run copies under {expected}: delete it, then resume the run")]
        CopyUnderOtherKey { identifier: String, found: String, expected: String } => CopyNotOurs,
        #[error("{principal} cannot use key {key} ({problem}): {ADVICE}")]
        KeyNotUsable { key: String, principal: String, problem: String } => KeyNotUsable,
        #[error("the account has as many manual DB snapshots as its quota allows: delete some, or raise the quota, then resume the run")]
        SnapshotQuotaExceeded => SnapshotQuotaExceeded,
        #[error("option group {0} does not exist in this account and Region: correct placement.optionGroupName")]
        OptionGroupNotFound(String) => OptionGroupNotFound,
    }
}
