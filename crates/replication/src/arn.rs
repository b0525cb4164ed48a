//! ARNs, parsed once where they enter.

use serde::{Deserialize, Serialize};
use std::fmt;
use step::{AccountId, InvalidIdentifier};

/// The ARN of a DB snapshot: `arn:<partition>:rds:<region>:<account>:snapshot:<identifier>`.
///
/// Source: RDS User Guide, "Amazon Resource Names (ARNs) in Amazon RDS". An automated snapshot's
/// identifier contains a colon (`rds:…`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DbSnapshotArn {
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`, …; nothing that Snapferry does crosses one.
    pub partition: String,
    /// The Region.
    pub region: String,
    /// The account that owns the snapshot.
    pub account_id: AccountId,
    /// The snapshot's identifier.
    pub db_snapshot_identifier: String,
}

impl TryFrom<String> for DbSnapshotArn {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        let bad = || {
            InvalidIdentifier::new(
                &text,
                "a DB snapshot ARN",
                "arn:<partition>:rds:<region>:<account>:snapshot:<identifier>",
            )
        };
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        let ["arn", partition, "rds", region, account, "snapshot", identifier] = parts[..] else {
            return Err(bad());
        };
        let plain = |s: &str| {
            !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let named = !identifier.is_empty()
            && identifier.len() <= 255
            && identifier.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b':');
        if !plain(partition) || !plain(region) || !named {
            return Err(bad());
        }
        Ok(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account_id: AccountId::try_from(account.to_owned()).map_err(|_| bad())?,
            db_snapshot_identifier: identifier.to_owned(),
        })
    }
}

impl From<DbSnapshotArn> for String {
    fn from(arn: DbSnapshotArn) -> String {
        arn.to_string()
    }
}

impl fmt::Display for DbSnapshotArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account_id, db_snapshot_identifier } = self;
        write!(f, "arn:{partition}:rds:{region}:{account_id}:snapshot:{db_snapshot_identifier}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R9: ARNs are cut at a fixed column.
    #[test]
    fn snapshot_arns_of_every_partition_read_back() {
        for good in [
            "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a",
            "arn:aws-us-gov:rds:us-gov-west-1:111111111111:snapshot:a",
            "arn:aws-cn:rds:cn-north-1:111111111111:snapshot:rds:orders-2026-11-20-03-00",
        ] {
            let arn = DbSnapshotArn::try_from(good.to_owned()).unwrap();
            assert_eq!([arn.to_string(), String::from(arn)], [good, good]);
        }
    }

    #[test]
    fn what_is_not_a_snapshot_arn_is_refused() {
        for bad in [
            "",
            "orders",
            "arn:aws:rds:us-east-1:111111111111:db:orders",
            "arn:aws:rds:us-east-1:1111:snapshot:a",
            "arn:aws:rds::111111111111:snapshot:a",
            "arn:aws:rds:us-east-1:111111111111:snapshot:",
            "arn:aws:rds:us-east-1:111111111111:snapshot:a\nb",
            "arn:aws:s3:us-east-1:111111111111:snapshot:a",
        ] {
            assert!(DbSnapshotArn::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
