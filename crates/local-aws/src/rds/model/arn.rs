//! ARNs of RDS.

use super::refusal::Refusal;
use crate::place::{Place, partition};

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
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = || Refusal::InvalidParameterValue(format!("Invalid resource name: {text}"));
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
