//! Decides how an old primary is fenced; sees only its arguments.

use super::Response;
use crate::Error;
use crate::end_sessions::sessions::Sessions;
use database::{Condition, DatabaseSeen};
use failover::{Mode, OldPrimary, Run, tag};
use step::{Deadline, Look, StageTimedOut, Tags, Waiting};

/// The status of a look that found no session.
const NOBODY: &str = "nobody";
/// How often an unplanned failover asks a Region that fails.
const MOST_FAILURES: u32 = 2;
/// How long an unplanned failover waits for a fence that comes into being.
const MOST_SECONDS: u64 = 60;

/// What a look found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The failover.
    pub run: &'a Run,
    /// The old primary as the manifest names it.
    pub from: &'a OldPrimary,
    /// The old primary.
    pub primary: &'a DatabaseSeen,
    /// Its replica.
    pub replica: &'a DatabaseSeen,
}

impl Found<'_> {
    /// Whether this failover promoted the replica: then it is resumed.
    fn is_promoted(&self) -> bool {
        self.replica.read_replica_source.is_none() && self.run.changed(&self.replica.tags)
    }
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Attach the quarantine's security group alone; before that these tags, if any.
    Swap {
        /// The failover, and the security groups that the DB instance has now.
        tags: Option<Tags>,
    },
    /// End the sessions.
    EndSessions,
    /// Nothing now.
    Wait(Look),
}

/// Decides on a look at RDS.
pub fn plan(found: &Found<'_>, waiting: &Waiting, deadline: Deadline) -> Result<Plan, Error> {
    let Found { run, from, primary, replica } = *found;
    let database = primary.database.to_string();
    let is_ours = run.has_taken(&database, &primary.tags)?;
    if let Some(source) = &primary.read_replica_source {
        return Err(Error::NotThePrimary { database, source_of: source.clone() });
    }
    let is_its_replica = replica.read_replica_source.as_ref().is_some_and(|source| from.is_source(source));
    if !is_its_replica && !found.is_promoted() {
        return Err(Error::NotItsReplica { replica: replica.database.to_string(), primary: database });
    }
    let condition = primary.condition();
    let wait = || {
        let what =
            if primary.security_groups_changing { "changing security groups" } else { &primary.status };
        Ok(Plan::Wait(waiting.wait(what, None, deadline, format!("{database} is {what}"))?))
    };
    if condition == Condition::Hopeless {
        return Err(Error::MemberNotAvailable { database, status: primary.status.clone() });
    }
    if primary.security_groups_changing {
        return wait();
    }
    let is_swapped = primary.vpc_security_group_ids == [from.quarantine_security_group_id.as_str()];
    let kept = primary.tags.get(tag::SECURITY_GROUPS);
    match (is_swapped, kept) {
        (true, None) => Err(Error::GroupsUnknown { database }),
        (true, Some(_)) if is_ours && condition.serves() => Ok(Plan::EndSessions),
        _ if condition != Condition::Usable => wait(),
        (true, Some(kept)) if !is_ours => Ok(Plan::Swap { tags: Some(tags(run, kept.clone())) }),
        (_, Some(_)) if is_ours => Ok(Plan::Swap { tags: None }),
        _ => Ok(Plan::Swap { tags: Some(tags(run, primary.vpc_security_group_ids.join(" "))) }),
    }
}

fn tags(run: &Run, security_groups: String) -> Tags {
    let mut tags = run.tags();
    tags.insert(tag::SECURITY_GROUPS.to_owned(), security_groups);
    tags
}

/// The security groups that a DB instance had before it was fenced.
pub fn kept_groups(tags: &Tags) -> Vec<String> {
    let kept = tags.get(tag::SECURITY_GROUPS).map(String::as_str).unwrap_or_default();
    kept.split_whitespace().map(str::to_owned).collect()
}

/// Whether nothing speaks against a planned failover, as long as the old primary is not touched.
pub fn before_swap(found: &Found<'_>, sessions: &Sessions) -> Result<(), Error> {
    is_quiet(found, sessions)?;
    match &found.replica.replication_status {
        Some(status) if status == "replicating" => Ok(()),
        _ if found.is_promoted() => Ok(()),
        status => {
            Err(Error::NotReplicating { replica: found.replica.database.to_string(), status: word(status) })
        }
    }
}

fn is_quiet(found: &Found<'_>, sessions: &Sessions) -> Result<(), Error> {
    let database = found.primary.database.to_string();
    if !sessions.is_primary {
        return Err(Error::ServerInRecovery(database));
    }
    if !sessions.writers.is_empty() && found.run.mode == Mode::Planned {
        return Err(Error::WritersInside { database, writers: sessions.writers.join(", ") });
    }
    Ok(())
}

/// Whether the fence broke the replication of a planned failover.
pub fn replicates(found: &Found<'_>) -> Result<(), Error> {
    let status = &found.replica.replication_status;
    if found.run.mode == Mode::Unplanned || found.is_promoted() || status.as_deref() == Some("replicating") {
        return Ok(());
    }
    Err(Error::BrokenByFence {
        replica: found.replica.database.to_string(),
        primary: found.primary.database.to_string(),
        status: word(status),
    })
}

fn word(status: &Option<String>) -> String {
    status.clone().unwrap_or_else(|| "without a status".to_owned())
}

/// Decides on what the old primary's server says after sessions were ended; also how far it wrote its log, once it is
/// fenced.
///
/// A commit that its client did not wait for is written a moment later: up to three times `wal_writer_delay`, which is
/// 0.2 s. So the position counts only at the second look in a row that finds nobody.
/// Source: PostgreSQL, "Asynchronous Commit".
pub fn after_end(
    found: &Found<'_>,
    sessions: &Sessions,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<(Look, Option<String>), Error> {
    is_quiet(found, sessions)?;
    let database = &found.primary.database;
    let Sessions { ended, left, wal_lsn, .. } = sessions;
    if (*ended, *left) != (0, 0) {
        let reason = format!("{database} ended {ended} sessions, and has {left}");
        return Ok((waiting.look_at_once("sessions ended", deadline, reason)?, None));
    }
    match wal_lsn {
        Some(up_to) if waiting.saw(NOBODY) => {
            let reason = format!("{database} is fenced: nobody writes there after {up_to}");
            Ok((waiting.done(NOBODY, reason), Some(up_to.clone())))
        }
        _ => Ok((waiting.look_at_once(NOBODY, deadline, format!("{database} has no session"))?, None)),
    }
}

/// What an unplanned failover makes of a look: it does without a fence that it cannot have. Only a newer failover stops it.
pub fn unplanned(
    answer: Result<Response, Error>,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Response, Error> {
    let without = |why: &str| Response {
        look: waiting.done("not fenced", format!("goes on without a fence: {why}")),
        fenced: false,
        up_to: None,
        endpoint: None,
    };
    match answer {
        Err(error @ Error::NotOurs(_)) => Err(error),
        Err(error) if waiting.looks + 1 >= MOST_FAILURES => Ok(without(&error.to_string())),
        Err(error) => {
            let look: Result<Look, StageTimedOut> =
                waiting.look_at_once("silent", deadline, format!("asks once more: {error}"));
            Ok(Response { look: look?, ..without("") })
        }
        Ok(answer) if !answer.look.done && waiting.seconds >= MOST_SECONDS => {
            Ok(without(&answer.look.reason))
        }
        Ok(answer) => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::Database;
    use failover::Region;

    const ARN: &str = "arn:aws:rds:eu-central-1:111111111111:db:billing";

    fn run(mode: Mode) -> Run {
        Run {
            group: "shop".to_owned().try_into().unwrap(),
            epoch: "7-eu-west-1".to_owned().try_into().unwrap(),
            mode,
        }
    }

    fn from() -> OldPrimary {
        OldPrimary {
            region: Region::try_from("eu-central-1".to_owned()).unwrap(),
            db_instance_identifier: "billing".to_owned(),
            quarantine_security_group_id: "sg-q".to_owned(),
        }
    }

    fn primary(groups: &[&str], tags: &[(&str, &str)]) -> DatabaseSeen {
        DatabaseSeen {
            status: "available".to_owned(),
            vpc_security_group_ids: groups.iter().map(|it| (*it).to_owned()).collect(),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..DatabaseSeen::named(Database::Instance("billing".to_owned()))
        }
    }

    fn replica() -> DatabaseSeen {
        DatabaseSeen {
            read_replica_source: Some(ARN.to_owned()),
            replication_status: Some("replicating".to_owned()),
            ..DatabaseSeen::named(Database::Instance("billing".to_owned()))
        }
    }

    const OURS: [(&str, &str); 2] = [("snapferry:group", "shop"), ("snapferry:epoch", "7-eu-west-1")];
    const KEPT: (&str, &str) = ("snapferry:security-groups", "sg-1 sg-2");
    const DEADLINE: Deadline = Deadline::constant::<900>();

    fn planned(primary: &DatabaseSeen, replica: &DatabaseSeen) -> String {
        let (run, from) = (run(Mode::Planned), from());
        let found = Found { run: &run, from: &from, primary, replica };
        match plan(&found, &Waiting::default(), DEADLINE) {
            Ok(Plan::Swap { tags: None }) => "swap".to_owned(),
            Ok(Plan::Swap { tags: Some(tags) }) => {
                assert!(run.changed(&tags));
                format!("keep {:?} and swap", tags[tag::SECURITY_GROUPS])
            }
            Ok(Plan::EndSessions) => "end sessions".to_owned(),
            Ok(Plan::Wait(look)) => format!("wait: {}", look.reason),
            Err(error) => error.name().to_string(),
        }
    }

    #[test]
    fn a_primary_is_tagged_then_quarantined_then_its_sessions_end() {
        let check =
            |primary: DatabaseSeen, expected: &str| assert_eq!(planned(&primary, &replica()), expected);
        let [group, epoch] = OURS;
        check(primary(&["sg-1", "sg-2"], &[]), "keep \"sg-1 sg-2\" and swap");
        let older = [group, ("snapferry:epoch", "6-eu-central-1"), KEPT];
        check(primary(&["sg-1"], &older), "keep \"sg-1\" and swap");
        // Fenced by an older failover, or by hand.
        check(primary(&["sg-q"], &older), "keep \"sg-1 sg-2\" and swap");
        check(primary(&["sg-q"], &[group, epoch]), "Snapferry.SecurityGroupsUnknown");
        check(primary(&["sg-q"], &[]), "Snapferry.SecurityGroupsUnknown");
        // Ours.
        check(primary(&["sg-1", "sg-2"], &[group, epoch, KEPT]), "swap");
        check(primary(&["sg-q"], &[group, epoch, KEPT]), "end sessions");
        // Its fence was taken down, and the failover is resumed.
        check(primary(&["sg-1", "sg-2"], &[group, epoch]), "keep \"sg-1 sg-2\" and swap");
        // Somebody else's.
        check(primary(&["sg-1"], &[group, ("snapferry:epoch", "8-eu-central-1")]), "Snapferry.NewerEpoch");
        check(primary(&["sg-1"], &[("snapferry:group", "crm")]), "Snapferry.OfAnotherGroup");
        // Busy.
        let with_status = |status: &str, groups: &[&str], tags: &[(&str, &str)]| DatabaseSeen {
            status: status.to_owned(),
            ..primary(groups, tags)
        };
        check(with_status("modifying", &["sg-1"], &[]), "wait: DB instance billing is modifying");
        check(with_status("backing-up", &["sg-q"], &[group, epoch, KEPT]), "end sessions");
        check(
            with_status("modifying", &["sg-q"], &[group, epoch, KEPT]),
            "wait: DB instance billing is modifying",
        );
        check(with_status("stopped", &["sg-1"], &[]), "Snapferry.MemberNotAvailable");
        let changing =
            DatabaseSeen { security_groups_changing: true, ..primary(&["sg-q"], &[group, epoch, KEPT]) };
        check(changing, "wait: DB instance billing is changing security groups");
    }

    #[test]
    fn only_the_source_of_the_replica_is_fenced() {
        let check = |primary: DatabaseSeen, replica: DatabaseSeen, expected: &str| {
            assert_eq!(planned(&primary, &replica), expected);
        };
        let before = || primary(&["sg-1"], &[]);
        let is_replica = DatabaseSeen { read_replica_source: Some("other".to_owned()), ..before() };
        check(is_replica, replica(), "Snapferry.WrongDirection");
        for source in [
            None,
            Some("arn:aws:rds:eu-central-1:111111111111:db:billing2"),
            Some("arn:aws:rds:eu-west-1:111111111111:db:billing"),
        ] {
            let other = DatabaseSeen { read_replica_source: source.map(str::to_owned), ..replica() };
            check(before(), other, "Snapferry.WrongDirection");
        }
        // This failover promoted it already, and is resumed.
        let tags = OURS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let promoted = DatabaseSeen { read_replica_source: None, tags, ..replica() };
        check(before(), promoted, "keep \"sg-1\" and swap");
    }

    fn sessions(ended: i64, left: i64) -> Sessions {
        let wal_lsn = Some("0/3000148".to_owned());
        Sessions { is_primary: true, ended, left, writers: Vec::new(), wal_lsn }
    }

    #[test]
    fn a_fence_stands_once_two_looks_in_a_row_find_nobody() {
        let (run, from, primary, replica) = (run(Mode::Planned), from(), primary(&["sg-q"], &[]), replica());
        let found = Found { run: &run, from: &from, primary: &primary, replica: &replica };
        let mut waiting = Waiting::default();
        let mut look = |ended, left| {
            let (look, up_to) = after_end(&found, &sessions(ended, left), &waiting, DEADLINE).unwrap();
            assert_eq!(look.done, up_to.is_some());
            waiting = look.waiting;
            look.done
        };
        assert!(!look(3, 0) && !look(0, 1) && !look(0, 0));
        // Somebody came back in between.
        assert!(!look(1, 0) && !look(0, 0) && look(0, 0));

        let writers =
            Sessions { writers: vec!["subscription s in database shop".to_owned()], ..sessions(0, 0) };
        let error = after_end(&found, &writers, &Waiting::default(), DEADLINE).unwrap_err();
        assert!(error.to_string().contains("subscription s in database shop"), "{error}");
        let error = before_swap(&found, &Sessions { is_primary: false, ..sessions(0, 0) }).unwrap_err();
        assert_eq!(error.name().as_str(), "Snapferry.WrongDirection");
    }

    #[test]
    fn a_replica_that_does_not_replicate_is_not_waited_for() {
        let check = |mode: Mode, status: Option<&str>, expected: [&str; 2]| {
            let (run, from, primary) = (run(mode), from(), primary(&["sg-1"], &[]));
            let replica = DatabaseSeen { replication_status: status.map(str::to_owned), ..replica() };
            let found = Found { run: &run, from: &from, primary: &primary, replica: &replica };
            let name = |it: Result<(), Error>| it.map_or_else(|error| error.name().as_str(), |()| "well");
            let got = [name(before_swap(&found, &sessions(0, 4))), name(replicates(&found))];
            assert_eq!(got, expected, "{mode} {status:?}");
        };
        check(Mode::Planned, Some("replicating"), ["well", "well"]);
        check(Mode::Planned, Some("error"), ["Snapferry.ReplicationBroken"; 2]);
        check(Mode::Planned, None, ["Snapferry.ReplicationBroken"; 2]);
        check(Mode::Unplanned, Some("error"), ["Snapferry.ReplicationBroken", "well"]);
    }

    #[test]
    fn an_unplanned_failover_does_without_a_fence_that_it_cannot_have() {
        let at = |looks: u32, seconds: u64| Waiting { looks, seconds, ..Waiting::default() };
        let silent = || Err(Error::MemberNotFound("DB instance billing".to_owned()));
        let answer = |done: bool| Response {
            look: if done {
                at(0, 0).done("x", "x")
            } else {
                at(0, 0).wait("x", None, DEADLINE, "x").unwrap()
            },
            fenced: done,
            up_to: None,
            endpoint: None,
        };
        let check = |answer: Result<Response, Error>, waiting: Waiting, expected: (bool, bool)| {
            let got = unplanned(answer, &waiting, DEADLINE).unwrap();
            assert_eq!((got.look.done, got.fenced), expected, "{waiting:?}");
        };
        check(silent(), at(0, 0), (false, false));
        check(silent(), at(1, 1), (true, false));
        check(Ok(answer(true)), at(3, 20), (true, true));
        check(Ok(answer(false)), at(3, 20), (false, false));
        check(Ok(answer(false)), at(6, 60), (true, false));
        let newer = run(Mode::Unplanned).has_taken(
            "DB instance billing",
            &primary(&[], &[("snapferry:group", "shop"), ("snapferry:epoch", "8-eu-central-1")]).tags,
        );
        let stopped = unplanned(Err(newer.unwrap_err().into()), &at(9, 90), DEADLINE);
        assert_eq!(stopped.unwrap_err().name().as_str(), "Snapferry.NewerEpoch");
    }
}
