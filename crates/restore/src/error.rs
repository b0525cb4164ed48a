//! How this step fails.

lambda_support::failures! {
    /// Why the DB instance could not be restored.
    pub enum Error {
        #[error("DB snapshot {0} is gone: start a new run in the source account")]
        SnapshotNotFound(String) => SnapshotNotFound,
        #[error("DB instance {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone")]
        DbInstanceNotOurs(String) => DbInstanceNotOurs,
        #[error(
            "DB instance {identifier} is {status}, and waiting does not change that: correct the replication's settings, \
             then start a new run. The clean-up deletes this DB instance"
        )]
        RestoreFailed { identifier: String, status: String } => RestoreFailed,
        #[error("DB subnet group {0:?} does not exist in this account and Region: correct placement.dbSubnetGroupName")]
        SubnetGroupNotFound(String) => SubnetGroupNotFound,
        #[error("DB parameter group {name:?} does not exist in this account and Region: correct {setting}")]
        ParameterGroupNotFound { name: String, setting: &'static str } => ParameterGroupNotFound,
        #[error("option group {0:?} does not exist in this account and Region: correct placement.optionGroupName")]
        OptionGroupNotFound(String) => OptionGroupNotFound,
        #[error("RDS does not offer {class} here with this engine, version and storage ({message}): correct dbInstance.dbInstanceClass")]
        ClassNotOrderable { class: String, message: String } => ClassNotOrderable,
        #[error("the account has as many DB instances as its quota allows: delete some, or raise the quota, then resume the run")]
        InstanceQuotaExceeded => InstanceQuotaExceeded,
        #[error(
            "RDS cannot use the key of DB snapshot {identifier} ({message}): enable the key, and let its policy allow \
             this account's RestoreRole kms:DescribeKey and kms:CreateGrant"
        )]
        KeyNotUsable { identifier: String, message: String } => KeyNotUsable,
    }
}
