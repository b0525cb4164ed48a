//! Keys that RDS uses for its caller: the key policy and the caller's policies decide whether it may.

use crate::{
    kms::{
        decision::Via,
        key::{Key, owner_of},
        keys::Keys,
    },
    rds::{api::protocol::request::Request, model::refusal::Refusal},
};

/// The purpose of a key. It decides which actions on the key the caller must be allowed through RDS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// New storage. Source: RDS User Guide, Overview.Encryption.Keys: "at least" these two.
    NewStorage,
    /// The storage of a restored DB instance, under the snapshot's key: the same.
    Restore,
    /// The storage of a DB instance that is started again. Source: RDS API, StartDBInstance: KMSKeyNotAccessibleFault.
    Start,
    /// To read the DB snapshot that is copied.
    CopyFrom,
    /// To write the copy. Source: RDS User Guide, USER_ShareSnapshot.Encrypted, the policy that it gives.
    CopyTo,
}

impl Need {
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::NewStorage | Self::Restore | Self::Start => &["kms:DescribeKey", "kms:CreateGrant"],
            Self::CopyFrom => &["kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt"],
            Self::CopyTo => &[
                "kms:DescribeKey",
                "kms:CreateGrant",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
        }
    }

    /// How AWS calls the key in its refusal.
    fn words(self) -> &'static str {
        match self {
            Self::NewStorage | Self::Start => "specified",
            Self::Restore | Self::CopyFrom => "source snapshot",
            Self::CopyTo => "target",
        }
    }
}

/// The ARN of the key that is given by id, alias, alias's ARN or ARN, if RDS may use it for the caller. The key must be
/// in RDS's own Region, except the key of a source snapshot: the snapshot is read in its Region.
pub async fn usable(keys: &Keys, request: &Request<'_>, given: &str, need: Need) -> Result<String, Refusal> {
    let internal = |error: anyhow::Error| Refusal::InternalFailure(format!("{error:#}"));
    let refused = || not_accessible(need, given);
    let region = owner_of(given).map(|owner| owner.region);
    if need != Need::CopyFrom && region.is_some_and(|region| region != request.place.region) {
        return Err(refused());
    }
    let key: Key = keys.find(request.place, given).await.map_err(internal)?.ok_or_else(refused)?;
    if !key.encrypts() {
        return Err(refused());
    }
    for action in need.actions() {
        match keys.may(request.caller, &key, action, Via::Rds).await.map_err(internal)? {
            Ok(statements) => request.allowed_by(statements),
            Err(why) => {
                tracing::info!("RDS may not use {}: {}", key.arn, why.0);
                return Err(refused());
            }
        }
    }
    Ok(key.arn)
}

/// Source: texts seen in production, github.com/awslabs/aurora-snapshot-tool#29 and rds-snapshot-tool#70.
pub fn not_accessible(need: Need, given: &str) -> Refusal {
    Refusal::KmsKeyNotAccessible(format!(
        "The {} KMS key [{given}] does not exist, is not enabled or you do not have permissions to access it.",
        need.words()
    ))
}
