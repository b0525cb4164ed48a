//! Decides whether applications reach the copy by its lane; sees only its arguments.

use crate::Error;
use replication::{HeldLane, ProvenPath};
use serde::Deserialize;
use target_group::{Health, TargetSeen};

/// The lane that applications reach the copy by, and who logged in through it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Way {
    /// The lane; `None` for a copy that was not to go live.
    #[serde(default)]
    pub lane: Option<HeldLane>,
    /// Every path that somebody logged in to the copy through.
    #[serde(default)]
    pub proven: Vec<ProvenPath>,
}

impl Way {
    /// Refuses a copy that nobody logged in to through its lane.
    pub fn must_be_proven(&self, identifier: &str) -> Result<(), Error> {
        let problem = match &self.lane {
            None => "it has no lane".to_owned(),
            Some(lane) if !lane.is_proven(&self.proven) => {
                format!("nobody logged in to it at {}:{}", lane.address, lane.port)
            }
            Some(_) => return Ok(()),
        };
        Err(Error::ReachNotProven { identifier: identifier.to_owned(), problem })
    }
}

/// Why the lane does not lead to the copy at this moment; `None` when it does. Targets that are not the copy's are
/// refused: the login proved nothing of them.
pub fn patience(identifier: &str, lane: &HeldLane, targets: &[TargetSeen]) -> Result<Option<String>, Error> {
    let staying: Vec<&TargetSeen> = targets.iter().filter(|it| it.health != Health::Draining).collect();
    let not_proven = |problem: String| Error::ReachNotProven { identifier: identifier.to_owned(), problem };
    if let Some(it) = staying.iter().find(|it| !lane.target_ids.contains(&it.id)) {
        return Err(not_proven(format!("{it} is a target of its lane by now")));
    }
    if let Some(id) = lane.target_ids.iter().find(|id| !staying.iter().any(|it| it.id == **id)) {
        return Err(not_proven(format!("its address {id} is no target of its lane any more")));
    }
    let ill = staying.iter().find(|it| it.health != Health::Healthy);
    Ok(ill.map(|it| {
        format!("the load balancer does not reach DB instance {identifier} at {it}: {}", it.reason)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane() -> HeldLane {
        HeldLane {
            target_group_arn: "lane".to_owned(),
            address: "nlb.example".to_owned(),
            host: "copy.example".to_owned(),
            port: 6002,
            target_ids: ["10.0.0.4".to_owned()].into(),
        }
    }

    #[test]
    fn a_copy_goes_live_only_by_a_lane_that_somebody_logged_in_through() {
        let check = |lane: Option<HeldLane>, proven: &[(&str, u16)], expected: &str| {
            let proven =
                proven.iter().map(|(it, port)| ProvenPath { address: (*it).to_owned(), port: *port });
            let way = Way { lane, proven: proven.collect() };
            let got = way
                .must_be_proven("orders")
                .err()
                .map(|it| format!("{} {it}", it.name()))
                .unwrap_or_default();
            assert!(
                got.contains(expected) && got.is_empty() == expected.is_empty(),
                "{got} lacks {expected}"
            );
            assert!(got.is_empty() || got.starts_with("Snapferry.ReachNotProven"), "{got}");
        };
        check(Some(lane()), &[("copy.example", 5432), ("nlb.example", 6002)], "");
        check(Some(lane()), &[("nlb.example", 6001)], "nobody logged in to it at nlb.example:6002");
        check(Some(lane()), &[], "nobody logged in to it");
        check(None, &[("nlb.example", 6002)], "it has no lane");
    }

    #[test]
    fn the_lane_must_lead_to_the_copy_alone_at_the_last_moment() {
        let check = |targets: &[(&str, &str)], expected: &str| {
            let target = |(id, state): &(&str, &str)| TargetSeen {
                id: (*id).to_owned(),
                port: 5432,
                health: Health::of(state),
                reason: "Target.Timeout".to_owned(),
            };
            let targets: Vec<TargetSeen> = targets.iter().map(target).collect();
            let got = match patience("orders", &lane(), &targets) {
                Ok(None) => "leads".to_owned(),
                Ok(Some(reason)) => format!("wait: {reason}"),
                Err(error) => error.to_string(),
            };
            assert!(got.contains(expected), "{targets:?}: {got} lacks {expected}");
        };
        check(&[("10.0.0.4", "healthy")], "leads");
        check(&[("10.0.0.4", "healthy"), ("10.0.0.2", "draining")], "leads");
        check(
            &[("10.0.0.4", "unhealthy")],
            "wait: the load balancer does not reach DB instance orders at 10.0.0.4:5432: Target.Timeout",
        );
        check(&[("10.0.0.4", "initial")], "wait");
        check(
            &[("10.0.0.4", "healthy"), ("10.0.0.5", "initial")],
            "10.0.0.5:5432 is a target of its lane by now",
        );
        check(&[("10.0.0.4", "draining")], "its address 10.0.0.4 is no target of its lane any more");
        check(&[], "is no target of its lane any more");
    }
}
