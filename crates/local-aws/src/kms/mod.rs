//! KMS keys of all accounts: what there is, and who may do what with them.
//!
//! MiniStack keeps the customer managed keys, and knows neither those of other accounts nor AWS managed ones.

pub mod decision;
pub mod direct;
pub mod managed;

use serde_json::{Value, json};

use crate::{
    iam::{policy::Policy, roles::Roles},
    ministack::Client,
    rds::place::Place,
};

/// A KMS key.
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// The account and Region that it is in.
    pub place: Place,
    /// DescribeKey's KeyMetadata.
    pub metadata: Value,
    /// Its key policy.
    pub policy: Policy,
    /// Whether it is an AWS managed key, which the relay answers for.
    pub aws_managed: bool,
}

impl Key {
    /// Can it encrypt storage now: enabled, symmetric, for encryption?
    pub fn encrypts(&self) -> bool {
        self.metadata["KeyState"] == "Enabled"
            && self.metadata["KeySpec"] == "SYMMETRIC_DEFAULT"
            && self.metadata["KeyUsage"] == "ENCRYPT_DECRYPT"
    }
}

/// Finds keys, and decides about them.
pub struct Keys {
    ministack: Client,
    roles: std::sync::Arc<Roles>,
}

impl Keys {
    /// Over this MiniStack.
    pub fn new(ministack: Client, roles: std::sync::Arc<Roles>) -> Self {
        Self { ministack, roles }
    }

    /// The key that somebody in `place` means by an id, an alias, an alias's ARN or a key's ARN.
    /// Keys of other accounts go by ARN only. Source: KMS API, DescribeKey, `KeyId`.
    pub async fn find(&self, place: &Place, given: &str) -> anyhow::Result<Option<Key>> {
        let owner = owner_of(given).unwrap_or_else(|| place.clone());
        // MiniStack makes no keys in other partitions, but accepts no ARN of them either.
        if let Some(key) = managed::find(&owner, given)? {
            return Ok(Some(key));
        }
        let Some(mut answer) = self.ask(&owner, "DescribeKey", given).await? else { return Ok(None) };
        let metadata = answer["KeyMetadata"].take();
        let arn = metadata["Arn"].as_str().unwrap_or_default().to_owned();
        let Some(answer) = self.ask(&owner, "GetKeyPolicy", &arn).await? else { return Ok(None) };
        let policy = match &answer["Policy"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let policy = Policy::parse("KeyPolicy", &policy)?;
        Ok(Some(Key { arn, place: owner.clone(), metadata, policy, aws_managed: false }))
    }

    async fn ask(&self, owner: &Place, operation: &str, key_id: &str) -> anyhow::Result<Option<Value>> {
        let target = format!("TrentService.{operation}");
        let body = json!({ "KeyId": key_id });
        self.ministack.json(&owner.account_id, &owner.region, "kms", &target, &body).await
    }
}

/// The account and Region in a KMS ARN.
pub fn owner_of(arn: &str) -> Option<Place> {
    let words: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "kms", region, account_id, _] = words[..] else { return None };
    Some(Place { region: region.to_owned(), account_id: account_id.to_owned() })
}
