//! Decides whether a failover can go on; sees only its arguments.

use crate::Error;
use database::{Condition, DatabaseSeen};
use failover::{Mode, ReadReplica, Resource, Run, tag};
use replication::tag::REPLICATION;
use step::{Deadline, Look, Waiting};

/// A replica and its source, as RDS sees them.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What the manifest says.
    pub replica: ReadReplica,
    /// The DB instance of the old Region.
    pub from: Option<DatabaseSeen>,
    /// The DB instance of the new Region.
    pub to: Option<DatabaseSeen>,
}

/// What a pair is fit for.
enum Fit {
    /// This failover promoted the replica already.
    Promoted,
    /// It can fail over.
    Ready,
    /// It can after a while, for this reason.
    Busy(String),
}

/// Looks at every pair: the answer, and what people should know.
pub fn plan(
    run: &Run,
    pairs: &[Pair],
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<(Look, Vec<String>), Error> {
    let (mut promoted, mut busy, mut warnings) = (0, Vec::new(), Vec::new());
    for pair in pairs {
        match fit(run, pair, &mut warnings)? {
            Fit::Promoted => promoted += 1,
            Fit::Ready => {}
            Fit::Busy(reason) => busy.push(reason),
        }
    }
    if let Some(reason) = busy.into_iter().next() {
        return Ok((waiting.wait("busy", None, deadline, reason)?, warnings));
    }
    let reason =
        format!("{} of {} databases can fail over, {promoted} did", pairs.len() - promoted, pairs.len());
    Ok((waiting.done("ready", reason), warnings))
}

/// Whether surely this failover promoted no replica, nor asked for it: `Promote` tags a replica before it does.
pub fn nothing_was_promoted(run: &Run, pairs: &[Pair]) -> bool {
    pairs.iter().all(|pair| pair.to.as_ref().is_none_or(|it| !run.changed(&it.tags)))
}

/// The resources whose old primaries this failover fenced, or began to: `Fence` tags them before it does.
pub fn fenced(run: &Run, pairs: Vec<Pair>) -> Vec<Resource> {
    let is_fenced = |pair: &Pair| pair.from.as_ref().is_some_and(|it| run.changed(&it.tags));
    let fenced = pairs.into_iter().filter(is_fenced);
    fenced.map(|pair| Resource::RdsReadReplica(Box::new(pair.replica))).collect()
}

/// Whether RDS names the old primary as the source of this replica.
fn is_source(pair: &Pair, replica: &DatabaseSeen) -> bool {
    replica.read_replica_source.as_deref().is_some_and(|source| pair.replica.from.is_source(source))
}

fn fit(run: &Run, pair: &Pair, warnings: &mut Vec<String>) -> Result<Fit, Error> {
    let named =
        |identifier: &str, region: &dyn std::fmt::Display| format!("DB instance {identifier} in {region}");
    let (old, new) = (&pair.replica.from, &pair.replica.to);
    let old_name = named(&old.db_instance_identifier, &old.region);
    let new_name = named(&new.db_instance_identifier, &new.region);
    let to = pair.to.as_ref().ok_or_else(|| Error::MemberNotFound(new_name.clone()))?;
    of_group(run, &new_name, to)?;
    if to.read_replica_source.is_none() && run.changed(&to.tags) {
        return Ok(Fit::Promoted);
    }
    let from = match (&pair.from, run.mode) {
        (Some(from), _) => Some(from),
        (None, Mode::Planned) => return Err(Error::MemberNotFound(old_name)),
        (None, Mode::Unplanned) => None,
    };
    from.map_or(Ok(()), |from| of_group(run, &old_name, from))?;
    if !is_source(pair, to) {
        let why = match &to.read_replica_source {
            Some(source) => format!("RDS says that its source is {source}"),
            None => "RDS says that it is a primary, so the group may be active there already".to_owned(),
        };
        return Err(Error::WrongDirection { to: new_name, from: old_name, why });
    }
    for (name, seen) in [(&new_name, Some(to)), (&old_name, from)] {
        let Some(seen) = seen else { continue };
        // RDS promotes no replica that is backed up.
        let is_busy = seen.status == "backing-up" || seen.condition() == Condition::Waiting;
        match seen.condition() {
            _ if is_busy => return Ok(Fit::Busy(format!("{name} is {}", seen.status))),
            Condition::Hopeless if run.mode == Mode::Planned || name == &new_name => {
                let (database, status) = (name.clone(), seen.status.clone());
                return Err(Error::MemberNotAvailable { database, status });
            }
            _ => {}
        }
    }
    let mut unfit = Vec::new();
    if to.settings.backup_retention_period.is_none_or(|it| it.as_i32() == 0) {
        unfit.push("its automated backups are off, so nothing could replicate from it later".to_owned());
    }
    if let Some(from) = from {
        if to.engine_version != from.engine_version {
            let (ours, theirs) = (&to.engine_version, &from.engine_version);
            unfit.push(format!("its engine version is {ours}, and that of the primary is {theirs}"));
        }
        let (ours, theirs) = (&to.settings.db_instance_class, &from.settings.db_instance_class);
        if ours != theirs {
            let text = |class: &Option<String>| class.clone().unwrap_or_default();
            warnings.push(format!("{new_name} is a {}, {old_name} a {}", text(ours), text(theirs)));
        }
    }
    match (run.mode, unfit.into_iter().next()) {
        (Mode::Planned, Some(problem)) => return Err(Error::StandbyNotFit { replica: new_name, problem }),
        (Mode::Unplanned, Some(problem)) => warnings.push(format!("{new_name}: {problem}")),
        (_, None) => {}
    }
    let status = to.replication_status.as_deref().unwrap_or("unknown");
    if run.mode == Mode::Planned && status != "replicating" {
        return Err(Error::ReplicationBroken { replica: new_name, status: status.to_owned() });
    }
    Ok(Fit::Ready)
}

/// Checks that a DB instance belongs to the group, to no replication, and to no newer failover.
fn of_group(run: &Run, name: &str, seen: &DatabaseSeen) -> Result<(), Error> {
    run.has_taken(name, &seen.tags)?;
    if let Some(replication) = seen.tags.get(REPLICATION) {
        let (database, replication) = (name.to_owned(), replication.clone());
        return Err(Error::CopyInGroup { database, replication });
    }
    match seen.tags.contains_key(tag::GROUP) {
        true => Ok(()),
        false => Err(Error::MemberNotTagged { database: name.to_owned(), group: run.group.to_string() }),
    }
}
