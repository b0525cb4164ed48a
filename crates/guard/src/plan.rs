//! Decides which primaries of this Region must not serve any more; sees only its arguments.

use database::{Condition, Database, DatabaseSeen};
use failover::{EpochId, tag};
use step::Tags;

/// What to do with a primary that was replaced.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Put these tags, then attach the quarantine's security group alone.
    Swap {
        /// The DB instance.
        arn: String,
        /// Which failover replaced it, and the security groups that it has now.
        tags: Tags,
    },
    /// Reboot it, then take off the tag that says it is due.
    Reboot {
        /// The DB instance.
        arn: String,
    },
    /// Nothing in this minute.
    Wait(String),
}

/// Decides on the DB instances of both Regions. Replicas are left alone: they take no writes.
pub fn plan(mine: &[DatabaseSeen], others: &[DatabaseSeen], quarantine: &str) -> Vec<(Database, Act)> {
    let primaries = mine.iter().filter(|it| it.read_replica_source.is_none());
    let act = |it: &DatabaseSeen| {
        let epoch = others.iter().filter_map(|other| replaced_by(it, other)).max()?;
        Some((it.database.clone(), against(it, &epoch, quarantine)?))
    };
    primaries.filter_map(act).collect()
}

/// The epoch of a failover that made `other` the primary in the place of `mine`; `None` unless that happened, and nothing
/// newer since.
fn replaced_by(mine: &DatabaseSeen, other: &DatabaseSeen) -> Option<EpochId> {
    let epoch = |it: &DatabaseSeen| EpochId::try_from(it.tags.get(tag::EPOCH)?.clone()).ok();
    let replaces = other.tags.get(tag::REPLACES) == Some(&mine.arn);
    let same_group =
        mine.tags.contains_key(tag::GROUP) && mine.tags.get(tag::GROUP) == other.tags.get(tag::GROUP);
    let newer = epoch(other).filter(|_| replaces && same_group && other.read_replica_source.is_none())?;
    let is_newest = epoch(mine).is_none_or(|it| it.number <= newer.number);
    is_newest.then_some(newer)
}

fn against(mine: &DatabaseSeen, epoch: &EpochId, quarantine: &str) -> Option<Act> {
    let (database, status) = (&mine.database, &mine.status);
    let is_ready = mine.condition() == Condition::Usable && !mine.security_groups_changing;
    let wait = || Some(Act::Wait(format!("{database} was replaced, and is {status}")));
    if mine.vpc_security_group_ids == [quarantine] {
        let is_due = mine.tags.contains_key(tag::GUARDED);
        return match is_ready {
            _ if !is_due => None,
            true => Some(Act::Reboot { arn: mine.arn.clone() }),
            false => wait(),
        };
    }
    if !is_ready {
        return wait();
    }
    let tags = [
        (tag::EPOCH, epoch.to_string()),
        (tag::SECURITY_GROUPS, mine.vpc_security_group_ids.join(" ")),
        (tag::GUARDED, epoch.to_string()),
    ];
    let tags = tags.map(|(key, value)| (key.to_owned(), value)).into();
    Some(Act::Swap { arn: mine.arn.clone(), tags })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "arn:aws:rds:eu-central-1:111111111111:db:billing";

    fn seen(tags: &[(&str, &str)]) -> DatabaseSeen {
        DatabaseSeen {
            arn: MINE.to_owned(),
            status: "available".to_owned(),
            vpc_security_group_ids: vec!["sg-1".to_owned(), "sg-2".to_owned()],
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..DatabaseSeen::named(Database::Instance("billing".to_owned()))
        }
    }

    const SHOP: (&str, &str) = (tag::GROUP, "shop");
    const SEVEN: (&str, &str) = (tag::EPOCH, "7-eu-west-1");
    const HERE: (&str, &str) = (tag::REPLACES, MINE);

    fn check(mine: &DatabaseSeen, other: &DatabaseSeen, expected: &str) {
        let acts = plan(std::slice::from_ref(mine), std::slice::from_ref(other), "sg-9");
        let got = match acts.as_slice() {
            [] => "nothing".to_owned(),
            [(_, Act::Swap { tags, .. })] => {
                format!("swap {} {}", tags[tag::EPOCH], tags[tag::SECURITY_GROUPS])
            }
            [(_, Act::Reboot { .. })] => "reboot".to_owned(),
            [(_, Act::Wait(_))] => "wait".to_owned(),
            more => panic!("{more:?}"),
        };
        assert_eq!(got, expected, "{:?} {:?}", mine.tags, other.tags);
    }

    // Never 1: two writable primaries that the application can reach.
    #[test]
    fn a_primary_that_was_replaced_is_quarantined_then_rebooted_and_then_left_alone() {
        let other = seen(&[SHOP, SEVEN, HERE]);
        check(&seen(&[SHOP]), &other, "swap 7-eu-west-1 sg-1 sg-2");
        check(&seen(&[SHOP, (tag::EPOCH, "6-eu-central-1")]), &other, "swap 7-eu-west-1 sg-1 sg-2");
        // The failover tagged it, and came no further.
        check(&seen(&[SHOP, SEVEN]), &other, "swap 7-eu-west-1 sg-1 sg-2");
        let busy = DatabaseSeen { status: "modifying".to_owned(), ..seen(&[SHOP]) };
        check(&busy, &other, "wait");
        let quarantined = |tags: &[(&str, &str)]| DatabaseSeen {
            vpc_security_group_ids: vec!["sg-9".to_owned()],
            ..seen(tags)
        };
        let due = (tag::GUARDED, "7-eu-west-1");
        check(&quarantined(&[SHOP, SEVEN, due]), &other, "reboot");
        let changing = DatabaseSeen { security_groups_changing: true, ..quarantined(&[SHOP, SEVEN, due]) };
        check(&changing, &other, "wait");
        check(&quarantined(&[SHOP, SEVEN]), &other, "nothing");
    }

    #[test]
    fn a_primary_that_nobody_replaced_is_left_alone() {
        let mine = seen(&[SHOP, (tag::EPOCH, "6-eu-central-1")]);
        check(&mine, &seen(&[SHOP, SEVEN]), "nothing");
        check(&mine, &seen(&[SHOP, HERE]), "nothing");
        check(&mine, &seen(&[(tag::GROUP, "crm"), SEVEN, HERE]), "nothing");
        check(&seen(&[]), &seen(&[SEVEN, HERE]), "nothing");
        check(&mine, &seen(&[SHOP, SEVEN, (tag::REPLACES, "arn:other")]), "nothing");
        // The failover has not promoted it yet.
        let replica =
            DatabaseSeen { read_replica_source: Some(MINE.to_owned()), ..seen(&[SHOP, SEVEN, HERE]) };
        check(&mine, &replica, "nothing");
        // It is a replica now, or came back by a newer failover.
        let replica = DatabaseSeen { read_replica_source: Some("arn".to_owned()), ..mine.clone() };
        check(&replica, &seen(&[SHOP, SEVEN, HERE]), "nothing");
        check(&seen(&[SHOP, (tag::EPOCH, "8-eu-central-1")]), &seen(&[SHOP, SEVEN, HERE]), "nothing");
    }
}
