//! A DB instance of a group, and whose it is.

use crate::epoch::EpochId;
use crate::resource::OldPrimary;
use crate::run::{Run, tag};
use serde::{Deserialize, Serialize};
use step::{ErrorName, Tags};

/// Where a DB instance answers, as RDS says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// RDS's name of the engine.
    pub engine: String,
    /// The address.
    pub address: String,
    /// The port.
    pub port: u16,
}

/// A DB instance that a failover must leave alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum NotOurs {
    #[error(
        "{database} carries the tag {} = {newer}, and this failover is {ours}: the other one took it over. Resume that \
         failover, or start another one",
        tag::EPOCH
    )]
    NewerEpoch { database: String, newer: EpochId, ours: EpochId },
    #[error(
        "{database} carries the tag {} = {other}, and this failover is of group {ours}: correct the manifest or the tag, \
         then start the failover again",
        tag::GROUP
    )]
    OfAnotherGroup { database: String, other: String, ours: String },
}

impl NotOurs {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::NewerEpoch { .. } => ErrorName::NewerEpoch,
            Self::OfAnotherGroup { .. } => ErrorName::OfAnotherGroup,
        }
    }
}

impl Run {
    /// Whether this failover has tagged a DB instance already. It may tag one that it has not tagged, unless that belongs to
    /// another group or to a failover that is not older. A tag that is no epoch counts for nothing.
    pub fn has_taken(&self, database: &str, tags: &Tags) -> Result<bool, NotOurs> {
        let ours = self.group.as_str();
        if let Some(other) = tags.get(tag::GROUP).filter(|it| *it != ours) {
            let (database, other, ours) = (database.to_owned(), other.clone(), ours.to_owned());
            return Err(NotOurs::OfAnotherGroup { database, other, ours });
        }
        let epoch = tags.get(tag::EPOCH).and_then(|it| EpochId::try_from(it.clone()).ok());
        match epoch {
            Some(epoch) if epoch == self.epoch => Ok(tags.contains_key(tag::GROUP)),
            // Of two with the same number, one is of a history that nobody decided for.
            Some(newer) if newer.number >= self.epoch.number => {
                Err(NotOurs::NewerEpoch { database: database.to_owned(), newer, ours: self.epoch.clone() })
            }
            _ => Ok(false),
        }
    }
}

impl OldPrimary {
    /// Whether it is what RDS names as the source of a replica in another Region: there RDS writes the ARN.
    pub fn is_source(&self, source: &str) -> bool {
        let parts: Vec<&str> = source.split(':').collect();
        let [_, _, "rds", region, _, "db", identifier] = parts.as_slice() else { return false };
        (*region, *identifier) == (self.region.as_str(), self.db_instance_identifier.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Mode;

    fn run() -> Run {
        Run {
            group: "shop".to_owned().try_into().unwrap(),
            epoch: "7-eu-west-1".to_owned().try_into().unwrap(),
            mode: Mode::Planned,
        }
    }

    #[test]
    fn a_db_instance_of_a_newer_failover_or_of_another_group_is_left_alone() {
        let check = |tags: &[(&str, &str)], expected: Result<bool, ErrorName>| {
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(run().has_taken("billing", &tags).map_err(|it| it.name()), expected, "{tags:?}");
        };
        let shop = (tag::GROUP, "shop");
        check(&[], Ok(false));
        check(&[shop], Ok(false));
        check(&[shop, (tag::EPOCH, "6-eu-central-1")], Ok(false));
        check(&[shop, (tag::EPOCH, "7-eu-west-1")], Ok(true));
        check(&[(tag::EPOCH, "7-eu-west-1")], Ok(false));
        check(&[shop, (tag::EPOCH, "7-eu-central-1")], Err(ErrorName::NewerEpoch));
        check(&[shop, (tag::EPOCH, "8-eu-central-1")], Err(ErrorName::NewerEpoch));
        check(&[shop, (tag::EPOCH, "10-eu-west-1")], Err(ErrorName::NewerEpoch));
        check(&[shop, (tag::EPOCH, "someday")], Ok(false));
        check(&[(tag::GROUP, "crm"), (tag::EPOCH, "7-eu-west-1")], Err(ErrorName::OfAnotherGroup));
        let tags = Tags::from([(tag::EPOCH.to_owned(), "8-eu-central-1".to_owned())]);
        let said = run().has_taken("DB instance billing", &tags).unwrap_err().to_string();
        assert!(
            said.contains("DB instance billing carries the tag snapferry:epoch = 8-eu-central-1"),
            "{said}"
        );
    }

    #[test]
    fn the_source_of_a_replica_elsewhere_is_an_arn() {
        let primary = OldPrimary {
            region: "eu-central-1".to_owned().try_into().unwrap(),
            db_instance_identifier: "billing".to_owned(),
            quarantine_security_group_id: "sg-1".to_owned(),
        };
        for (source, expected) in [
            ("arn:aws:rds:eu-central-1:111111111111:db:billing", true),
            ("arn:aws-us-gov:rds:eu-central-1:111111111111:db:billing", true),
            ("arn:aws:rds:eu-west-1:111111111111:db:billing", false),
            ("arn:aws:rds:eu-central-1:111111111111:db:billing-2", false),
            ("arn:aws:rds:eu-central-1:111111111111:cluster:billing", false),
            ("billing", false),
            ("", false),
        ] {
            assert_eq!(primary.is_source(source), expected, "{source}");
        }
    }
}
