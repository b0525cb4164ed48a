//! Who needs a lane, and who does not; sees only its arguments.

use replication::{Pin, RunId};
use std::collections::BTreeSet;

/// The copies that the application's secret leads to; `None` when it says nothing that can be understood.
pub type LiveRuns = Option<BTreeSet<RunId>>;

/// Why a run that is pinned out or superseded stays without a lane: somebody else may need it.
pub fn will_not_go_live(own: &RunId, live: &LiveRuns, pinned: Option<&str>, pin: Pin) -> Option<String> {
    if pin != Pin::Respect {
        return None;
    }
    match pinned {
        Some(pinned) if pinned == own.as_str() => None,
        Some(pinned) => Some(format!("the replication is pinned to run {pinned}: the copy takes no lane")),
        None => {
            let newer = live.iter().flatten().find(|it| *it > own);
            newer.map(|it| format!("run {it} is live and newer: the copy takes no lane"))
        }
    }
}

/// Why another copy keeps its lane; `None` when it is outlived.
pub fn keeps(copy: &RunId, within_grace: bool, own: &RunId, live: &LiveRuns) -> Option<&'static str> {
    match live {
        None => Some("perhaps live, as the application's secret does not say"),
        Some(live) if live.contains(copy) => Some("live"),
        _ if within_grace => Some("within cutoverGraceHours"),
        _ if copy > own => Some("newer"),
        _ => None,
    }
}
