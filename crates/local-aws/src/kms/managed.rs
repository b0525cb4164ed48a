//! AWS managed keys: each account has one for each service. No other account and no other service may use it.

use serde_json::json;

use super::key::Key;
use crate::{iam::policy::Policy, place::Place};

/// The services here that have one.
const SERVICES: [(&str, &str); 2] = [("aws/rds", "rds"), ("aws/secretsmanager", "secretsmanager")];

/// The AWS managed key of `owner` that is given by alias, alias's ARN, ARN or id.
pub fn find(owner: &Place, given: &str) -> anyhow::Result<Option<Key>> {
    let last = given.rsplit(':').next().unwrap_or(given);
    for (alias, service) in SERVICES {
        let arn = owner.managed_key_arn(alias);
        let id = arn.rsplit('/').next().unwrap_or_default();
        if last == format!("alias/{alias}") || given == arn || given == id {
            return key(owner, alias, service, arn.clone(), id).map(Some);
        }
    }
    Ok(None)
}

/// Source of the key policy: the one that AWS gives such a key, as `aws kms get-key-policy` shows it
/// (KMS Developer Guide, "AWS managed keys": it cannot be changed).
fn key(owner: &Place, alias: &str, service: &str, arn: String, id: &str) -> anyhow::Result<Key> {
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        {
            "Sid": format!("Allow access through {service} for all principals in the account"),
            "Effect": "Allow", "Principal": { "AWS": "*" }, "Resource": "*",
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant",
                "kms:ListGrants", "kms:DescribeKey"],
            "Condition": { "StringEquals": {
                "kms:CallerAccount": owner.account_id, "kms:ViaService": owner.service_name(service),
            }},
        },
        {
            "Sid": "Allow direct access to key metadata to the account", "Effect": "Allow",
            "Principal": { "AWS": format!("arn:{partition}:iam::{}:root", owner.account_id) },
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"], "Resource": "*",
        },
    ]});
    let metadata = json!({
        "AWSAccountId": owner.account_id, "KeyId": id, "Arn": arn, "CreationDate": 1_700_000_000,
        "Enabled": true, "Description": format!("Default key that protects my {alias} resources"),
        "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "AWS",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": false,
    });
    let policy = Policy::parse("KeyPolicy", &policy.to_string())?;
    Ok(Key { arn, place: owner.clone(), metadata, policy, aws_managed: true })
}
