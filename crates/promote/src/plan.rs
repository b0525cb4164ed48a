//! Decides whether a replica is promoted now; sees only its arguments.

use crate::Error;
use database::{Condition, DatabaseSeen};
use failover::{OldPrimary, Run, tag};
use step::{Deadline, Look, Tags, Waiting};

/// The status of a look that asked RDS for the promotion.
pub const ASKED: &str = "asked";
/// The status of a look that saw a primary.
const PROMOTED: &str = "promoted";
/// How long a replica may stay one after RDS was asked, in seconds. RDS changes its status late.
const PATIENCE_SECONDS: u64 = 60;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing now; the look says whether ever.
    Answer(Look),
    /// Ask RDS for the promotion, and before that put these tags, if any.
    Promote {
        /// The failover's tags.
        tags: Option<Tags>,
        /// The days that the new primary's backups are kept: those of the replica, and RDS's default if it keeps none.
        backup_retention_period: Option<i32>,
    },
}

/// Decides on a look at the replica.
pub fn plan(
    run: &Run,
    from: &OldPrimary,
    seen: &DatabaseSeen,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Plan, Error> {
    let (database, status) = (seen.database.to_string(), seen.status.clone());
    let is_ours = run.has_taken(&database, &seen.tags)?;
    if seen.condition() == Condition::Hopeless {
        return Err(Error::MemberNotAvailable { database, status });
    }
    let wait = |waiting: Waiting, what: &str| {
        Ok(Plan::Answer(waiting.wait(&status, None, deadline, format!("{database} {what}"))?))
    };
    let Some(source) = &seen.read_replica_source else {
        return match seen.condition() {
            _ if !is_ours => Err(Error::PromotedBySomebodyElse(database)),
            Condition::Usable | Condition::Serving if waiting.saw(PROMOTED) => {
                Ok(Plan::Answer(waiting.done(PROMOTED, format!("{database} is the primary"))))
            }
            Condition::Usable | Condition::Serving => {
                let reason = format!("{database} has no source any more");
                Ok(Plan::Answer(waiting.look_at_once(PROMOTED, deadline, reason)?))
            }
            _ => wait(waiting.clone(), &format!("has no source any more, and is {status}")),
        };
    };
    if !from.is_source(source) {
        let (primary, region) = (from.db_instance_identifier.clone(), from.region.to_string());
        let source_of = source.clone();
        return Err(Error::NotItsReplica { replica: database, source_of, primary, region });
    }
    let promote = |tags| {
        let days = seen.settings.backup_retention_period.map(|it| it.as_i32()).filter(|days| *days > 0);
        Ok(Plan::Promote { tags, backup_retention_period: days })
    };
    match (is_ours, seen.condition(), waiting.worked_seconds()) {
        (_, condition, _) if condition != Condition::Usable => wait(waiting.clone(), &format!("is {status}")),
        (false, ..) => {
            let mut tags = run.tags();
            // The guard of the old Region goes by it.
            tags.insert(tag::REPLACES.to_owned(), source.clone());
            promote(Some(tags))
        }
        // This failover may have asked already, before it was resumed.
        (true, _, None) => wait(waiting.clone().started(), "may be promoted already: looks again"),
        (true, _, Some(seconds)) if seconds < PATIENCE_SECONDS => wait(waiting.clone(), "is still a replica"),
        (true, ..) => promote(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::Database;
    use failover::{Mode, Region};
    use step::Bounded;

    const DEADLINE: Deadline = Deadline::constant::<3_600>();
    const SOURCE: Option<&str> = Some("arn:aws:rds:eu-central-1:111111111111:db:billing");
    const OURS: &[(&str, &str)] = &[("snapferry:group", "shop"), ("snapferry:epoch", "7-eu-west-1")];
    const OLDER: &[(&str, &str)] = &[("snapferry:group", "shop"), ("snapferry:epoch", "6-eu-central-1")];

    fn seen(status: &str, source: Option<&str>, tags: &[(&str, &str)]) -> DatabaseSeen {
        DatabaseSeen {
            status: status.to_owned(),
            read_replica_source: source.map(str::to_owned),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..DatabaseSeen::named(Database::Instance("billing".to_owned()))
        }
    }

    fn planned(seen: &DatabaseSeen, waiting: &Waiting) -> Result<Plan, Error> {
        let run = Run {
            group: "shop".to_owned().try_into().unwrap(),
            epoch: "7-eu-west-1".to_owned().try_into().unwrap(),
            mode: Mode::Planned,
        };
        let from = OldPrimary {
            region: Region::try_from("eu-central-1".to_owned()).unwrap(),
            db_instance_identifier: "billing".to_owned(),
            quarantine_security_group_id: "sg-9".to_owned(),
        };
        plan(&run, &from, seen, waiting, DEADLINE)
    }

    fn check(seen: &DatabaseSeen, waiting: &Waiting, expected: &str) {
        let got = match planned(seen, waiting) {
            Ok(Plan::Answer(look)) if look.done => "done".to_owned(),
            Ok(Plan::Answer(_)) => "look again".to_owned(),
            Ok(Plan::Promote { tags: Some(tags), .. }) => {
                assert_eq!(tags.get(tag::REPLACES).map(String::as_str), SOURCE);
                "tag and promote".to_owned()
            }
            Ok(Plan::Promote { tags: None, .. }) => "promote".to_owned(),
            Err(error) => error.name().to_string(),
        };
        assert_eq!(got, expected, "{seen:?} {waiting:?}");
    }

    fn asked(seconds_ago: u64) -> Waiting {
        Waiting { seconds: 100 + seconds_ago, looks: 3, started_at_seconds: Some(100), ..Waiting::default() }
    }

    #[test]
    fn a_replica_is_tagged_and_promoted_once() {
        let first = Waiting::default();
        check(&seen("available", SOURCE, &[]), &first, "tag and promote");
        check(&seen("available", SOURCE, OLDER), &first, "tag and promote");
        check(&seen("storage-optimization", SOURCE, OLDER), &first, "tag and promote");
        for busy in ["backing-up", "modifying", "rebooting"] {
            check(&seen(busy, SOURCE, OLDER), &first, "look again");
        }
        // It was asked for: RDS changes its status late.
        check(&seen("available", SOURCE, OURS), &asked(1), "look again");
        check(&seen("available", SOURCE, OURS), &asked(59), "look again");
        check(&seen("modifying", SOURCE, OURS), &asked(3_000), "look again");
        check(&seen("available", SOURCE, OURS), &asked(60), "promote");
        // A resumed failover does not know when.
        check(&seen("available", SOURCE, OURS), &first, "look again");
        let Ok(Plan::Answer(look)) = planned(&seen("available", SOURCE, OURS), &first) else { panic!() };
        assert_eq!(look.waiting.worked_seconds(), Some(15));
    }

    #[test]
    fn a_replica_is_promoted_once_two_looks_see_no_source() {
        let saw = |status: &str| Waiting { status: Some(status.to_owned()), ..asked(90) };
        check(&seen("modifying", None, OURS), &saw(ASKED), "look again");
        check(&seen("available", None, OURS), &saw(ASKED), "look again");
        check(&seen("available", None, OURS), &saw(PROMOTED), "done");
        // The first backup of a new primary takes its time, and applications can work meanwhile.
        check(&seen("backing-up", None, OURS), &saw(PROMOTED), "done");
        check(&seen("rebooting", None, OURS), &saw(PROMOTED), "look again");
        let Ok(Plan::Answer(look)) = planned(&seen("rebooting", None, OURS), &saw(PROMOTED)) else {
            panic!()
        };
        check(&seen("available", None, OURS), &look.waiting, "look again");
    }

    #[test]
    fn what_is_no_replica_of_the_old_primary_is_not_promoted() {
        let first = Waiting::default();
        check(&seen("available", None, &[]), &first, "Snapferry.PromotedBySomebodyElse");
        check(&seen("available", None, OLDER), &first, "Snapferry.PromotedBySomebodyElse");
        let other = Some("arn:aws:rds:eu-central-1:111111111111:db:orders");
        check(&seen("available", other, &[]), &first, "Snapferry.WrongDirection");
        check(&seen("failed", SOURCE, &[]), &first, "Snapferry.MemberNotAvailable");
        check(&seen("storage-full", None, OURS), &first, "Snapferry.MemberNotAvailable");
        let newer = &[("snapferry:group", "shop"), ("snapferry:epoch", "8-eu-central-1")];
        check(&seen("available", SOURCE, newer), &first, "Snapferry.NewerEpoch");
        check(&seen("available", None, newer), &first, "Snapferry.NewerEpoch");
    }

    #[test]
    fn a_new_primary_keeps_its_backups_as_long_as_the_replica_did() {
        for (days, expected) in [(None, None), (Some(0), None), (Some(7), Some(7))] {
            let mut seen = seen("available", SOURCE, &[]);
            seen.settings.backup_retention_period = days.and_then(Bounded::new);
            let Ok(Plan::Promote { backup_retention_period, .. }) = planned(&seen, &Waiting::default())
            else {
                panic!("{days:?}")
            };
            assert_eq!(backup_retention_period, expected);
        }
    }
}
