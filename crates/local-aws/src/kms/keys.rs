//! The keys of all accounts: MiniStack keeps the customer managed ones.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    key::{Key, owner_of},
    managed,
};
use crate::{
    iam::{policy::Policy, roles::Roles},
    ministack::Client,
    place::Place,
};

/// Finds keys, and decides about them.
pub struct Keys {
    ministack: Client,
    pub(super) roles: Arc<Roles>,
}

impl Keys {
    /// Over this MiniStack.
    pub fn new(ministack: Client, roles: Arc<Roles>) -> Self {
        Self { ministack, roles }
    }

    /// The key that a caller in `place` names by an id, an alias, an alias's ARN or a key's ARN.
    /// Another account's key must be named by its ARN. Source: KMS API, DescribeKey, `KeyId`.
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
