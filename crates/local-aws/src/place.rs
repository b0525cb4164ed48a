//! An account in a Region: every resource of every service belongs to one.

use sha2::{Digest, Sha256};

use crate::hex;

/// An account in a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The account.
    pub account_id: String,
    /// The Region.
    pub region: String,
}

/// The partition of a Region.
pub fn partition(region: &str) -> &'static str {
    match region {
        it if it.starts_with("cn-") => "aws-cn",
        it if it.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

impl Place {
    /// The ARN of something of RDS: `kind` is `db`, `snapshot`, `subgrp`, …
    pub fn arn(&self, kind: &str, name: &str) -> String {
        format!("arn:{}:rds:{}:{}:{kind}:{name}", partition(&self.region), self.region, self.account_id)
    }

    /// An identifier in the style of EC2 (`vpc-…`, `sg-…`) that is always the same for this account and Region.
    pub fn invented(&self, prefix: &str) -> String {
        format!("{prefix}-{}", &self.digest(prefix)[..17])
    }

    /// The ARN of an AWS managed key of this account, such as `aws/rds`.
    pub fn managed_key_arn(&self, alias: &str) -> String {
        let hex = self.digest(alias);
        let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-");
        format!("arn:{}:kms:{}:{}:key/{id}", partition(&self.region), self.region, self.account_id)
    }

    /// A service's name in `kms:ViaService`.
    pub fn service_name(&self, service: &str) -> String {
        let suffix = if partition(&self.region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("{service}.{}.{suffix}", self.region)
    }

    fn digest(&self, purpose: &str) -> String {
        hex(&Sha256::digest(format!("{purpose}:{}:{}", self.account_id, self.region)))
    }
}
