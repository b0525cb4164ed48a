//! Decides how a fence is taken down; sees only its arguments.

use crate::Error;
use crate::fence::plan::kept_groups;
use database::{Condition, DatabaseSeen};
use failover::{OldPrimary, Run};
use std::collections::BTreeSet;
use step::{Deadline, Look, Waiting};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing now; the look says whether ever.
    Answer(Look),
    /// Attach these security groups.
    GiveBack(Vec<String>),
    /// They are attached: take off the tag that kept them.
    Forget {
        /// The DB instance.
        arn: String,
    },
}

/// Decides on a look at the old primary and its replica. A tag of this failover on the replica means that somebody asked
/// RDS to promote it: that RDS did not answer does not mean that it did nothing.
pub fn plan(
    run: &Run,
    from: &OldPrimary,
    primary: Option<&DatabaseSeen>,
    replica: Option<&DatabaseSeen>,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Plan, Error> {
    if let Some(replica) = replica {
        let database = replica.database.to_string();
        if run.has_taken(&database, &replica.tags)? || replica.read_replica_source.is_none() {
            return Err(Error::AlreadyPromoted(database));
        }
    }
    let not_fenced = |why: &str| Ok(Plan::Answer(waiting.done("not fenced", why)));
    let Some(primary) = primary else { return not_fenced("the old primary does not exist any more") };
    let database = primary.database.to_string();
    if !run.has_taken(&database, &primary.tags)? {
        return not_fenced("this failover did not fence the old primary");
    }
    let (kept, has) = (kept_groups(&primary.tags), &primary.vpc_security_group_ids);
    if kept.is_empty() {
        return match has.contains(&from.quarantine_security_group_id) {
            true => Err(Error::GroupsUnknown { database }),
            false => not_fenced("the old primary has its own security groups"),
        };
    }
    let wait =
        |what: &str| Ok(Plan::Answer(waiting.wait(what, None, deadline, format!("{database} is {what}"))?));
    match BTreeSet::from_iter(&kept) == BTreeSet::from_iter(has) {
        _ if primary.security_groups_changing => wait("changing security groups"),
        true => Ok(Plan::Forget { arn: primary.arn.clone() }),
        false if primary.condition() == Condition::Usable => Ok(Plan::GiveBack(kept)),
        false => wait(&primary.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::Database;
    use failover::{Mode, Region};

    const OURS: [(&str, &str); 2] = [("snapferry:group", "shop"), ("snapferry:epoch", "7-eu-west-1")];
    const KEPT: (&str, &str) = ("snapferry:security-groups", "sg-1 sg-2");

    fn seen(groups: &[&str], tags: &[(&str, &str)]) -> DatabaseSeen {
        DatabaseSeen {
            status: "available".to_owned(),
            vpc_security_group_ids: groups.iter().map(|it| (*it).to_owned()).collect(),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..DatabaseSeen::named(Database::Instance("billing".to_owned()))
        }
    }

    fn replica(source: Option<&str>, tags: &[(&str, &str)]) -> DatabaseSeen {
        DatabaseSeen { read_replica_source: source.map(str::to_owned), ..seen(&[], tags) }
    }

    fn check(primary: Option<DatabaseSeen>, replica: Option<DatabaseSeen>, expected: &str) {
        let run = Run {
            group: "shop".to_owned().try_into().unwrap(),
            epoch: "7-eu-west-1".to_owned().try_into().unwrap(),
            mode: Mode::Planned,
        };
        let from = OldPrimary {
            region: Region::try_from("eu-central-1".to_owned()).unwrap(),
            db_instance_identifier: "billing".to_owned(),
            quarantine_security_group_id: "sg-q".to_owned(),
        };
        let (waiting, deadline) = (Waiting::default(), Deadline::constant::<900>());
        let got = match plan(&run, &from, primary.as_ref(), replica.as_ref(), &waiting, deadline) {
            Ok(Plan::Answer(look)) => format!("done={}", look.done),
            Ok(Plan::GiveBack(groups)) => format!("give {}", groups.join(" ")),
            Ok(Plan::Forget { .. }) => "forget".to_owned(),
            Err(error) => error.name().to_string(),
        };
        assert_eq!(got, expected, "{primary:?} {replica:?}");
    }

    #[test]
    fn the_groups_that_were_kept_are_given_back() {
        let [group, epoch] = OURS;
        let replica = || Some(replica(Some("arn"), &[]));
        check(Some(seen(&["sg-q"], &[group, epoch, KEPT])), replica(), "give sg-1 sg-2");
        check(Some(seen(&["sg-2", "sg-1"], &[group, epoch, KEPT])), replica(), "forget");
        check(Some(seen(&["sg-1"], &[group, epoch])), replica(), "done=true");
        check(Some(seen(&["sg-q"], &[group, epoch])), replica(), "Snapferry.SecurityGroupsUnknown");
        // This failover never came so far.
        check(Some(seen(&["sg-q"], &[])), replica(), "done=true");
        check(
            Some(seen(&["sg-q"], &[group, ("snapferry:epoch", "6-eu-central-1"), KEPT])),
            replica(),
            "done=true",
        );
        check(None, replica(), "done=true");
        let newer = [group, ("snapferry:epoch", "8-eu-central-1"), KEPT];
        check(Some(seen(&["sg-q"], &newer)), replica(), "Snapferry.NewerEpoch");
        let busy = DatabaseSeen { status: "modifying".to_owned(), ..seen(&["sg-q"], &[group, epoch, KEPT]) };
        check(Some(busy), replica(), "done=false");
        let changing =
            DatabaseSeen { security_groups_changing: true, ..seen(&["sg-1", "sg-2"], &[group, epoch, KEPT]) };
        check(Some(changing), replica(), "done=false");
    }

    // Never 9: an uncertain answer taken for "no effect".
    #[test]
    fn once_a_promotion_was_asked_for_the_fence_stays() {
        let [group, epoch] = OURS;
        let fenced = || Some(seen(&["sg-q"], &[group, epoch, KEPT]));
        check(fenced(), Some(replica(Some("arn"), &OURS)), "Snapferry.AlreadyPromoted");
        check(fenced(), Some(replica(None, &OURS)), "Snapferry.AlreadyPromoted");
        // Somebody else promoted it.
        check(fenced(), Some(replica(None, &[])), "Snapferry.AlreadyPromoted");
        let newer = [group, ("snapferry:epoch", "8-eu-central-1")];
        check(fenced(), Some(replica(Some("arn"), &newer)), "Snapferry.NewerEpoch");
        // The replica is gone, and with it every promotion.
        check(fenced(), None, "give sg-1 sg-2");
    }
}
