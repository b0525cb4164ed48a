//! A KMS key, and whose it is.

use serde_json::Value;

use crate::{iam::policy::Policy, place::Place};

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
    /// Is it an AWS managed key? The relay answers for those.
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

/// The account and Region in a KMS ARN.
pub fn owner_of(arn: &str) -> Option<Place> {
    let words: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "kms", region, account_id, _] = words[..] else { return None };
    Some(Place { region: region.to_owned(), account_id: account_id.to_owned() })
}
