//! What a lane is to a copy; sees only its arguments.

use super::need::keeps;
use super::plan::{CopySeen, LaneSeen, Seen};
use std::collections::BTreeSet;
use target_group::{Health, TargetSeen};

/// What a lane is to the copy that needs one.
#[derive(Debug, PartialEq, Eq)]
pub enum Use {
    /// The copy is a target of it.
    Own,
    /// It has no target.
    Free,
    /// Copies have it that no longer need it: the name of the newest.
    Outlived(String),
    /// Its last targets are going: the copy waits until they are gone.
    Draining,
    /// It is somebody else's: who has it, in words.
    Taken(String),
}

/// A lane with a target of others on another port is theirs, and so is one that the application's secret names.
pub fn use_of(lane: &LaneSeen, own: &CopySeen, seen: &Seen<'_>) -> Use {
    if lane.targets.iter().any(|it| it.health != Health::Draining && own.is(it)) {
        return Use::Own;
    }
    if seen.live_port == Some(lane.port) {
        return Use::Taken("the application's secret names its port".to_owned());
    }
    let others: Vec<&TargetSeen> = others(lane, own).collect();
    if let Some(reason) = others.iter().find_map(|it| holder(it, own, seen).err()) {
        return Use::Taken(reason);
    }
    let outlived: BTreeSet<String> =
        others.iter().filter_map(|it| holder(it, own, seen).ok().flatten()).collect();
    match outlived.into_iter().next_back() {
        _ if others.iter().any(|it| it.health == Health::Draining) => Use::Draining,
        Some(identifier) => Use::Outlived(identifier),
        // Targets that are dead and nobody's count as outlived, too.
        None if !others.is_empty() => Use::Outlived(String::new()),
        None => Use::Free,
    }
}

/// The targets of a lane that are not the copy's, those that are going included.
pub fn others<'a>(lane: &'a LaneSeen, own: &CopySeen) -> impl Iterator<Item = &'a TargetSeen> {
    lane.targets.iter().filter(|it| !own.is(it))
}

/// Which copy a target is that may be deregistered; `None` when it is nobody's any more. Else who needs it, in words.
pub fn holder(target: &TargetSeen, own: &CopySeen, seen: &Seen<'_>) -> Result<Option<String>, String> {
    if target.health == Health::Draining {
        return Ok(None);
    }
    if target.port != own.port {
        return Err(format!("others registered {target} in it"));
    }
    let copy = seen.copies.iter().find(|it| it.run != own.run && it.is(target));
    let Some(copy) = copy else {
        // The address that a database had before a failover, or before it was deleted.
        let is_dead = target.health == Health::Unhealthy;
        return if is_dead {
            Ok(None)
        } else {
            Err(format!("{target} is in it, which is no copy's address"))
        };
    };
    let identifier = copy.run.identifier();
    match keeps(&copy.run.id, copy.within_grace, &own.run.id, &seen.live) {
        Some(why) => Err(format!("DB instance {identifier} has it, which is {why}")),
        None => Ok(Some(identifier)),
    }
}
