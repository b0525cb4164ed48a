//! Decides how a target group follows a database whose address changes; sees only its arguments.

use crate::Error;
use crate::subnets::hold;
use std::collections::BTreeSet;
use step::{Deadline, Look, Waiting};
use target_group::{Health, TargetSeen};

/// What a look saw.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The addresses that the database's name leads to.
    pub addresses: &'a BTreeSet<String>,
    /// The address ranges of the database's subnets.
    pub ranges: &'a [String],
    /// Every target of the group.
    pub targets: &'a [TargetSeen],
}

/// Which database is followed.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Its identifier.
    pub identifier: &'a str,
    /// Its port.
    pub port: u16,
    /// Whether the group is a lane: other copies may be in it, too.
    pub is_lane: bool,
    /// For how long the group must be seen settled.
    pub settled_seconds: u64,
    /// How long the stage may wait.
    pub deadline: Deadline,
}

/// The one thing that a look does.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Register these addresses, then look again.
    Register(Vec<String>),
    /// Deregister these addresses, then look again.
    Deregister(Vec<String>),
    /// Nothing now, or nothing more.
    Answer(Look),
}

/// What a look remembers: since which second of the stage the database is healthy in the group, and alone.
const SETTLED_SINCE: &str = "settled since ";

/// A new address comes first. An old one goes once it was missing on two looks while a new one was healthy, so the group
/// is never emptied, whatever DNS says. Targets that others registered on another port are left; in a lane, so is a
/// target that may be another copy, since only an address that nobody answers at is surely an old one.
pub fn plan(seen: &Seen<'_>, wanted: &Wanted<'_>, waiting: &Waiting) -> Result<Act, Error> {
    let identifier = wanted.identifier;
    let wait = |status: &str, reason: String| {
        Ok(Act::Answer(waiting.wait(status, None, wanted.deadline, reason)?))
    };
    if let Some(problem) = problem(seen) {
        let reason = format!("the name of DB instance {identifier} {problem}");
        let look = waiting.wait("address unknown", None, wanted.deadline, reason);
        let identifier = identifier.to_owned();
        return look.map(Act::Answer).map_err(|_| Error::FollowedAddressUnknown { identifier, problem });
    }
    let ours = || seen.targets.iter().filter(|it| it.port == wanted.port && it.health != Health::Draining);
    let is_there = |address: &&String| ours().any(|it| it.id == **address);
    let missing: Vec<String> = seen.addresses.iter().filter(|it| !is_there(it)).cloned().collect();
    if !missing.is_empty() {
        return Ok(Act::Register(missing));
    }
    let (current, others): (Vec<_>, Vec<_>) = ours().partition(|it| seen.addresses.contains(&it.id));
    if let Some(it) = current.iter().find(|it| it.health != Health::Healthy) {
        return wait(
            "not healthy yet",
            format!("DB instance {identifier} is not healthy at {it}: {}", it.reason),
        );
    }
    let (old, perhaps_copies): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|it| !wanted.is_lane || it.health == Health::Unhealthy);
    if !old.is_empty() {
        let old: Vec<String> = old.into_iter().map(|it| it.id.clone()).collect();
        let leaving = format!("{} lead to it no longer", old.join(", "));
        return match waiting.saw(&leaving) {
            true => Ok(Act::Deregister(old)),
            false => wait(&leaving, format!("{leaving}; looking once more")),
        };
    }
    match perhaps_copies.first() {
        Some(it) => wait(
            "shared",
            format!("{it} answers in the lane of DB instance {identifier}, and is none of its addresses"),
        ),
        None => settled(wanted, waiting),
    }
}

/// The database is healthy, and alone. The look ends once that was so for long enough; the deadline is no failure then.
fn settled(wanted: &Wanted<'_>, waiting: &Waiting) -> Result<Act, Error> {
    let reason = format!("DB instance {} is healthy, and alone", wanted.identifier);
    let since = waiting.status.as_deref().and_then(|it| it.strip_prefix(SETTLED_SINCE)?.parse().ok());
    let since: u64 = since.unwrap_or(waiting.seconds);
    let status = format!("{SETTLED_SINCE}{since}");
    let is_over = waiting.seconds >= wanted.deadline.as_u64();
    if is_over || waiting.seconds.saturating_sub(since) >= wanted.settled_seconds {
        return Ok(Act::Answer(waiting.done(&status, reason)));
    }
    Ok(Act::Answer(waiting.wait(
        &status,
        None,
        wanted.deadline,
        format!("{reason}; its name may still change"),
    )?))
}

/// A stranger's address, or the load balancer's own, would lead applications astray.
fn problem(seen: &Seen<'_>) -> Option<String> {
    if seen.addresses.is_empty() {
        return Some("leads to no address".to_owned());
    }
    let stray = seen.addresses.iter().find(|it| !hold(seen.ranges, it))?;
    let ranges = seen.ranges.join(", ");
    Some(format!("leads to {stray}, which is in none of the subnets of its DB subnet group ({ranges})"))
}

#[cfg(test)]
mod tests;
