//! Decides how a copy becomes the target of a proxy; sees only its arguments.

use crate::Error;
use crate::register_targets::need::{LiveRuns, keeps, will_not_go_live};
use replication::{Pin, Run};
use step::{Deadline, Look, Waiting};
use target_group::db_proxy::{DbProxyHealth, DbProxyTargetSeen};

/// A lane with its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSeen {
    /// The proxy.
    pub db_proxy_name: String,
    /// Its own DNS name.
    pub endpoint: String,
    /// Its target: a proxy has one at most.
    pub targets: Vec<DbProxyTargetSeen>,
    /// The secret that the proxy knows its login by.
    pub lane_secret_id: String,
    /// Whether that secret says the login that applications have in the copy.
    pub knows_login: bool,
}

/// A copy of the replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySeen {
    /// The run that made it.
    pub run: Run,
    /// Whether it was live within the grace.
    pub within_grace: bool,
}

/// All that a look saw beside the copy itself.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The lanes.
    pub lanes: &'a [LaneSeen],
    /// Every copy of the replication.
    pub copies: &'a [CopySeen],
    /// The copies that the application's secret leads to.
    pub live: LiveRuns,
    /// The host in the application's secret.
    pub live_host: Option<&'a str>,
    /// The run that the replication is pinned to, as the tag says it.
    pub pinned: Option<&'a str>,
}

/// What is asked for.
#[derive(Debug)]
pub struct Wanted {
    /// What becomes of the pin later: a run respects it, so a run that cannot go live takes no lane.
    pub pin: Pin,
    /// The port that the copy must let the proxies in at.
    pub db_port: u16,
    /// How long the stage may wait.
    pub deadline: Deadline,
}

/// The one thing that a look does.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Take a copy that no longer needs it away from the lane, then look again.
    Deregister {
        /// Which of the lanes.
        lane: usize,
        /// The outlived copy.
        db_instance_identifier: String,
    },
    /// Write the login of the copy into the lane's secret, then look again.
    WriteSecret {
        /// Which of the lanes.
        lane: usize,
    },
    /// Make the copy the target of the lane, then look again.
    Register {
        /// Which of the lanes.
        lane: usize,
    },
    /// Nothing now.
    Wait(Look),
    /// Nothing: the copy has this lane, or needs none.
    Done {
        /// The answer.
        look: Look,
        /// Which of the lanes.
        lane: Option<usize>,
    },
}

/// What a look remembers.
const AVAILABLE: &str = "available";

/// What a lane is to the copy that needs one.
#[derive(Debug, PartialEq, Eq)]
enum Use {
    /// The copy is its target.
    Own,
    /// It has no target.
    Free,
    /// A copy has it that no longer needs it.
    Outlived(String),
    /// It is somebody else's: who has it, in words.
    Taken(String),
}

/// The lane secret says the copy's login before the copy becomes a target, so the proxy never tries another's password.
pub fn plan(own: &Run, seen: &Seen<'_>, wanted: &Wanted, waiting: &Waiting) -> Result<Act, Error> {
    if let Some(reason) = will_not_go_live(&own.id, &seen.live, seen.pinned, wanted.pin) {
        return Ok(Act::Done { look: waiting.done("no lane", reason), lane: None });
    }
    let uses: Vec<Use> = seen.lanes.iter().map(|it| use_of(it, own, seen)).collect();
    if let Some(lane) = uses.iter().position(|it| *it == Use::Own) {
        return in_lane(lane, own, seen, wanted, waiting);
    }
    let free = || (0..uses.len()).filter(|lane| uses[*lane] == Use::Free);
    // The lane whose secret a look before this one wrote, if there is one.
    if let Some(lane) = free().find(|lane| seen.lanes[*lane].knows_login) {
        return Ok(Act::Register { lane });
    }
    if let Some(lane) = free().next() {
        return Ok(Act::WriteSecret { lane });
    }
    let outlived = uses.iter().enumerate().filter_map(|(lane, it)| match it {
        Use::Outlived(identifier) => Some((identifier, lane)),
        _ => None,
    });
    if let Some((identifier, lane)) = outlived.min() {
        return Ok(Act::Deregister { lane, db_instance_identifier: identifier.clone() });
    }
    let words = |(lane, it): (&LaneSeen, &Use)| match it {
        Use::Taken(reason) => format!("{}: {reason}", lane.db_proxy_name),
        _ => String::new(),
    };
    let taken: Vec<String> = seen.lanes.iter().zip(&uses).map(words).collect();
    let reason = format!("every lane is taken. {}", taken.join("; "));
    Ok(Act::Wait(waiting.wait("lanes taken", None, wanted.deadline, reason)?))
}

/// A lane that the application's secret names is taken, and so is one with a target that is no copy of this replication.
fn use_of(lane: &LaneSeen, own: &Run, seen: &Seen<'_>) -> Use {
    if lane.targets.iter().any(|it| it.identifier == own.identifier()) {
        return Use::Own;
    }
    if seen.live_host.is_some_and(|it| it.eq_ignore_ascii_case(&lane.endpoint)) {
        return Use::Taken("the application's secret names it".to_owned());
    }
    for DbProxyTargetSeen { identifier, .. } in &lane.targets {
        let Some(copy) = seen.copies.iter().find(|it| it.run.identifier() == *identifier) else {
            return Use::Taken(format!("{identifier} is its target, which is no copy of this replication"));
        };
        if let Some(why) = keeps(&copy.run.id, copy.within_grace, &own.id, &seen.live) {
            return Use::Taken(format!("DB instance {identifier} has it, which is {why}"));
        }
    }
    lane.targets.first().map_or(Use::Free, |it| Use::Outlived(it.identifier.clone()))
}

fn in_lane(
    lane: usize,
    own: &Run,
    seen: &Seen<'_>,
    wanted: &Wanted,
    waiting: &Waiting,
) -> Result<Act, Error> {
    let LaneSeen { db_proxy_name, lane_secret_id, knows_login, targets, .. } = &seen.lanes[lane];
    if !knows_login {
        return Ok(Act::WriteSecret { lane });
    }
    let (identifier, db_proxy) = (own.identifier(), db_proxy_name.clone());
    let target = targets.iter().find(|it| it.identifier == identifier);
    let health = target.map_or(DbProxyHealth::Unknown, |it| it.health);
    let rds_reason = target.map(|it| it.reason.clone()).unwrap_or_default();
    let told = match rds_reason.as_str() {
        "" => format!("DB instance {identifier} is registered in RDS Proxy {db_proxy}"),
        it => format!("DB instance {identifier} is not available in RDS Proxy {db_proxy}: {it}"),
    };
    let wait =
        |status: &str, reason: String| Ok(Act::Wait(waiting.wait(status, None, wanted.deadline, reason)?));
    match (health, rds_reason.as_str()) {
        // Nothing was done: another execution, or this stage before, has seen it twice.
        (DbProxyHealth::Available, _) if waiting.looks == 0 || waiting.saw(AVAILABLE) => {
            let reason = format!("DB instance {identifier} is available in RDS Proxy {db_proxy}");
            Ok(Act::Done { look: waiting.done(AVAILABLE, reason), lane: Some(lane) })
        }
        (DbProxyHealth::Available, _) => wait(AVAILABLE, format!("{told}, and available; looking once more")),
        // A target that is new is unavailable for a while. Source: RDS API, TargetHealth, `State`.
        (DbProxyHealth::Unavailable, "AUTH_FAILURE") => {
            let look = waiting.refused(wanted.deadline, told)?;
            let secret = lane_secret_id.clone();
            look.map(Act::Wait).ok_or(Error::ProxyLoginRefused { identifier, db_proxy, secret })
        }
        (DbProxyHealth::Unavailable, "UNREACHABLE" | "CONNECTION_FAILED" | "INVALID_REPLICATION_STATE") => {
            let look = waiting.refused(wanted.deadline, told)?;
            let (reason, port) = (rds_reason, wanted.db_port);
            look.map(Act::Wait).ok_or(Error::ProxyTargetNotAvailable { identifier, db_proxy, reason, port })
        }
        _ => wait("not available yet", told),
    }
}

#[cfg(test)]
mod tests;
