//! Decides how a copy becomes the only target of a lane; sees only its arguments.

use super::lane::{Use, holder, others, use_of};
use super::need::{LiveRuns, will_not_go_live};
use crate::Error;
use crate::subnets::hold;
use replication::{Pin, Run};
use std::collections::BTreeSet;
use step::{Deadline, Look, Waiting};
use target_group::{Health, TargetSeen};

/// A lane with its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSeen {
    /// The target group.
    pub target_group_arn: String,
    /// The listener's port.
    pub port: u16,
    /// Every target, those that are going included.
    pub targets: Vec<TargetSeen>,
}

/// A copy of the replication with the addresses that its name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySeen {
    /// The run that made it.
    pub run: Run,
    /// Its addresses; none while its name leads nowhere.
    pub addresses: BTreeSet<String>,
    /// Its port.
    pub port: u16,
    /// Whether it was live within the grace.
    pub within_grace: bool,
}

impl CopySeen {
    /// Whether a target is this copy.
    pub fn is(&self, target: &TargetSeen) -> bool {
        target.port == self.port && self.addresses.contains(&target.id)
    }
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
    /// The port in the application's secret.
    pub live_port: Option<u16>,
    /// The run that the replication is pinned to, as the tag says it.
    pub pinned: Option<&'a str>,
    /// The address ranges of the copy's subnets.
    pub ranges: &'a [String],
}

/// What is asked for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What becomes of the pin later: a run respects it, so a run that cannot go live takes no lane.
    pub pin: Pin,
    /// Whom the copy must let in, in words.
    pub from: &'a str,
    /// How long the stage may wait.
    pub deadline: Deadline,
}

/// The one thing that a look does.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Register these addresses in the lane, then look again.
    Register {
        /// Which of the lanes.
        lane: usize,
        /// The copy's addresses.
        targets: Vec<(String, u16)>,
    },
    /// Deregister these targets of the lane, then look again.
    Deregister {
        /// Which of the lanes.
        lane: usize,
        /// What no longer needs it.
        targets: Vec<(String, u16)>,
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

/// What a look remembers: the copy was healthy, or was healthy while others were still going.
const HEALTHY: &str = "healthy";
const LEAVING: &str = "others are leaving";

/// A new target comes first: only once it is healthy, the outlived ones of its lane go. So no group is ever emptied.
pub fn plan(own: &CopySeen, seen: &Seen<'_>, wanted: &Wanted<'_>, waiting: &Waiting) -> Result<Act, Error> {
    let identifier = own.run.identifier();
    if let Some(reason) = will_not_go_live(&own.run.id, &seen.live, seen.pinned, wanted.pin) {
        return Ok(Act::Done { look: waiting.done("no lane", reason), lane: None });
    }
    if let Some(problem) = problem_of_addresses(own, seen.ranges) {
        let look =
            waiting.refused(wanted.deadline, format!("the name of DB instance {identifier} {problem}"))?;
        return look.map(Act::Wait).ok_or(Error::TargetAddressUnknown { identifier, problem });
    }
    let uses: Vec<Use> = seen.lanes.iter().map(|it| use_of(it, own, seen)).collect();
    if let Some(lane) = uses.iter().position(|it| *it == Use::Own) {
        return in_lane(lane, own, seen, wanted, waiting);
    }
    let going_back =
        |lane: &usize| seen.lanes[*lane].targets.iter().any(|it| own.is(it)) && uses[*lane] == Use::Free;
    let free = (0..uses.len()).find(going_back).or_else(|| uses.iter().position(|it| *it == Use::Free));
    let outlived = uses.iter().enumerate().filter_map(|(lane, it)| match it {
        Use::Outlived(identifier) => Some((identifier, lane)),
        _ => None,
    });
    if let Some(lane) = free.or_else(|| outlived.min().map(|(_, lane)| lane)) {
        let targets = own.addresses.iter().map(|it| (it.clone(), own.port)).collect();
        return Ok(Act::Register { lane, targets });
    }
    let words = |(lane, it): (&LaneSeen, &Use)| {
        let why = match it {
            Use::Taken(reason) => reason,
            _ => "its last targets are going",
        };
        format!("port {}: {why}", lane.port)
    };
    let taken: Vec<String> = seen.lanes.iter().zip(&uses).map(words).collect();
    let reason = format!("every lane is taken. {}", taken.join("; "));
    Ok(Act::Wait(waiting.wait("lanes taken", None, wanted.deadline, reason)?))
}

/// A stranger's address, or the load balancer's own, would lead applications astray.
fn problem_of_addresses(own: &CopySeen, ranges: &[String]) -> Option<String> {
    if own.addresses.is_empty() {
        return Some("leads to no address".to_owned());
    }
    let stray = own.addresses.iter().find(|it| !hold(ranges, it))?;
    Some(format!(
        "leads to {stray}, which is in none of the subnets of its DB subnet group ({})",
        ranges.join(", ")
    ))
}

fn in_lane(
    lane: usize,
    own: &CopySeen,
    seen: &Seen<'_>,
    wanted: &Wanted<'_>,
    waiting: &Waiting,
) -> Result<Act, Error> {
    let LaneSeen { port, targets, .. } = &seen.lanes[lane];
    let identifier = own.run.identifier();
    let wait =
        |status: &str, reason: String| Ok(Act::Wait(waiting.wait(status, None, wanted.deadline, reason)?));
    let ours = || targets.iter().filter(|it| own.is(it) && it.health != Health::Draining);
    let missing: Vec<(String, u16)> = own
        .addresses
        .iter()
        .filter(|it| !ours().any(|own| own.id == **it))
        .map(|it| (it.clone(), own.port))
        .collect();
    if !missing.is_empty() {
        return Ok(Act::Register { lane, targets: missing });
    }
    if let Some(it) = ours().find(|it| matches!(it.health, Health::Unhealthy | Health::Unused)) {
        let reason = format!("DB instance {identifier} is not healthy at port {port}: {}", it.reason);
        let look = waiting.refused(wanted.deadline, reason)?;
        return look.map(Act::Wait).ok_or_else(|| Error::TargetNotHealthy {
            identifier,
            target: it.to_string(),
            reason: it.reason.clone(),
            from: wanted.from.to_owned(),
            port: own.port,
        });
    }
    if let Some(it) = ours().find(|it| it.health != Health::Healthy) {
        return wait(
            "not healthy yet",
            format!("DB instance {identifier} is registered at port {port}: {}", it.reason),
        );
    }
    let others: Vec<&TargetSeen> = others(&seen.lanes[lane], own).collect();
    if others.is_empty() && waiting.looks == 0 {
        // Nothing was done: another execution, or this stage before, has seen it twice.
        return Ok(done(lane, *port, &identifier, waiting));
    }
    if !waiting.saw(HEALTHY) && !waiting.saw(LEAVING) {
        return wait(
            HEALTHY,
            format!("DB instance {identifier} is healthy at port {port}; looking once more"),
        );
    }
    if let Some(reason) = others.iter().find_map(|it| holder(it, own, seen).err()) {
        return wait(LEAVING, format!("port {port} is shared: {reason}"));
    }
    let outlived: Vec<(String, u16)> =
        others.iter().filter(|it| it.health != Health::Draining).map(|it| (it.id.clone(), it.port)).collect();
    match (outlived.is_empty(), others.first()) {
        (false, _) => Ok(Act::Deregister { lane, targets: outlived }),
        (true, Some(it)) => wait(LEAVING, format!("{it} leaves port {port}")),
        (true, None) => Ok(done(lane, *port, &identifier, waiting)),
    }
}

fn done(lane: usize, port: u16, identifier: &str, waiting: &Waiting) -> Act {
    let reason = format!("DB instance {identifier} is healthy at port {port}, and alone there");
    Act::Done { look: waiting.done(HEALTHY, reason), lane: Some(lane) }
}

/// What a look after an act remembers.
pub fn after(act: &Act) -> &'static str {
    match act {
        Act::Deregister { .. } => LEAVING,
        _ => "registering",
    }
}

#[cfg(test)]
mod tests;
