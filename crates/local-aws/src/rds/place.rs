//! An account in a Region, to which everything belongs, and the ARNs in it.

use sha2::{Digest, Sha256};

use super::fault::Fault;
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

/// An ARN of RDS, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn {
    /// Where it is.
    pub place: Place,
    /// `db`, `snapshot`, `subgrp`, …
    pub kind: String,
    /// The identifier, lower-cased; an automated snapshot's keeps its `rds:`.
    pub name: String,
}

impl Arn {
    /// Takes an RDS ARN apart; a partition that is not its Region's is refused.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let invalid = || Fault::InvalidParameterValue(format!("Invalid resource name: {text}"));
        let words: Vec<&str> = text.splitn(7, ':').collect();
        let ["arn", given_partition, "rds", region, account_id, kind, name] = words[..] else {
            return Err(invalid());
        };
        if given_partition != partition(region) || name.is_empty() {
            return Err(invalid());
        }
        Ok(Self {
            place: Place { account_id: account_id.to_owned(), region: region.to_owned() },
            kind: kind.to_owned(),
            name: name.to_lowercase(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arn_is_taken_apart_and_put_together() {
        let arn = Arn::parse("arn:aws-cn:rds:cn-north-1:111111111111:snapshot:rds:Orders").unwrap();
        assert_eq!((arn.kind.as_str(), arn.name.as_str()), ("snapshot", "rds:orders"));
        assert_eq!(arn.place.arn("db", "orders"), "arn:aws-cn:rds:cn-north-1:111111111111:db:orders");
        for wrong in
            ["orders", "arn:aws:rds:cn-north-1:1:db:x", "arn:aws:s3:::b", "arn:aws:rds:eu-west-1:1:db"]
        {
            assert!(Arn::parse(wrong).is_err(), "{wrong}");
        }
    }
}
