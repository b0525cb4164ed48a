//! An account in a Region: every resource of every service belongs to one.

use sha2::{Digest, Sha256};

use crate::hex;

/// The domain of services in China.
const CHINA: &str = "amazonaws.com.cn";

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
        format!("{service}.{}.{}", self.region, self.domain())
    }

    /// The name of a DB instance's endpoint. Its fixed part is always the same for this account and Region.
    /// Source: RDS User Guide, Overview.DBInstance; in China `rds` comes first, as the patterns of AWS's JDBC driver say.
    pub fn endpoint_name(&self, identifier: &str) -> String {
        let (region, domain) = (&self.region, self.domain());
        // Twelve letters and digits, and a letter first.
        let fixed = format!("c{}", &self.digest("endpoint")[..11]);
        match domain {
            CHINA => format!("{identifier}.{fixed}.rds.{region}.{domain}"),
            _ => format!("{identifier}.{fixed}.{region}.rds.{domain}"),
        }
    }

    fn domain(&self) -> &'static str {
        if partition(&self.region) == "aws-cn" { CHINA } else { "amazonaws.com" }
    }

    fn digest(&self, purpose: &str) -> String {
        hex(&Sha256::digest(format!("{purpose}:{}:{}", self.account_id, self.region)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_name_in_rdss_form() {
        let name = |account_id: &str, region: &str| {
            Place { account_id: account_id.to_owned(), region: region.to_owned() }.endpoint_name("orders")
        };
        let ours = name("111111111111", "us-east-1");
        let fixed =
            ours.strip_prefix("orders.").and_then(|it| it.strip_suffix(".us-east-1.rds.amazonaws.com"));
        let fixed = fixed.unwrap();
        assert!(fixed.len() == 12 && fixed.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()));
        assert_eq!(name("111111111111", "us-east-1"), ours);
        assert!(!name("222222222222", "us-east-1").contains(fixed));
        assert!(!name("111111111111", "eu-central-1").contains(fixed));
        assert!(name("1", "us-gov-west-1").ends_with(".us-gov-west-1.rds.amazonaws.com"));
        assert!(name("1", "cn-north-1").ends_with(".rds.cn-north-1.amazonaws.com.cn"));
    }
}
