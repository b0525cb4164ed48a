//! Decides whether applications reach the copy by its lane; sees only its arguments.

use crate::Error;
use replication::{HeldLane, ProvenPath};
use serde::Deserialize;
use std::collections::BTreeSet;
use target_group::db_proxy::{DbProxyHealth, DbProxyTargetSeen};
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

/// What is behind the lane at a look.
#[derive(Debug)]
pub enum Behind {
    /// There is no lane.
    Nothing,
    /// A target group, which should have these targets alone.
    TargetGroup(BTreeSet<String>, Vec<TargetSeen>),
    /// A proxy, which should have the copy alone.
    DbProxy(Vec<DbProxyTargetSeen>),
}

/// Why the lane does not lead to the copy at this moment; `None` when it does. Targets that are not the copy's are
/// refused: the login proved nothing of them.
pub fn patience(identifier: &str, behind: &Behind) -> Result<Option<String>, Error> {
    let reason = match behind {
        Behind::Nothing => Ok(None),
        Behind::TargetGroup(target_ids, targets) => of_target_group(target_ids, targets),
        Behind::DbProxy(targets) => of_db_proxy(identifier, targets),
    };
    match reason {
        Ok(None) => Ok(None),
        Ok(Some(reason)) => Ok(Some(format!("DB instance {identifier} {reason}"))),
        Err(problem) => Err(Error::ReachNotProven { identifier: identifier.to_owned(), problem }),
    }
}

fn of_target_group(target_ids: &BTreeSet<String>, targets: &[TargetSeen]) -> Result<Option<String>, String> {
    let staying: Vec<&TargetSeen> = targets.iter().filter(|it| it.health != Health::Draining).collect();
    if let Some(it) = staying.iter().find(|it| !target_ids.contains(&it.id)) {
        return Err(format!("{it} is a target of its lane by now"));
    }
    if let Some(id) = target_ids.iter().find(|id| !staying.iter().any(|it| it.id == **id)) {
        return Err(format!("its address {id} is no target of its lane any more"));
    }
    let ill = staying.iter().find(|it| it.health != Health::Healthy);
    Ok(ill.map(|it| format!("is not reached by the load balancer at {it}: {}", it.reason)))
}

fn of_db_proxy(identifier: &str, targets: &[DbProxyTargetSeen]) -> Result<Option<String>, String> {
    if let Some(it) = targets.iter().find(|it| it.identifier != identifier) {
        return Err(format!("{} is the target of its lane by now", it.identifier));
    }
    let own = targets.first().ok_or("it is not the target of its lane any more")?;
    let is_ill = own.health != DbProxyHealth::Available;
    Ok(is_ill.then(|| format!("is not available in its RDS Proxy: {}", own.reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use replication::HeldIn;

    fn lane() -> HeldLane {
        HeldLane {
            address: "nlb.example".to_owned(),
            host: "copy.example".to_owned(),
            port: 6002,
            held_in: HeldIn::DbProxy { db_proxy_name: "orders-b".to_owned() },
        }
    }

    fn says(behind: &Behind) -> String {
        match patience("orders", behind) {
            Ok(None) => "leads".to_owned(),
            Ok(Some(reason)) => format!("wait: {reason}"),
            Err(error) => error.to_string(),
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
            let targets = targets.iter().map(target).collect();
            let behind = Behind::TargetGroup(["10.0.0.4".to_owned()].into(), targets);
            let got = says(&behind);
            assert!(got.contains(expected), "{behind:?}: {got} lacks {expected}");
        };
        check(&[("10.0.0.4", "healthy")], "leads");
        check(&[("10.0.0.4", "healthy"), ("10.0.0.2", "draining")], "leads");
        check(
            &[("10.0.0.4", "unhealthy")],
            "wait: DB instance orders is not reached by the load balancer at 10.0.0.4:5432: Target.Timeout",
        );
        check(&[("10.0.0.4", "initial")], "wait");
        check(
            &[("10.0.0.4", "healthy"), ("10.0.0.5", "initial")],
            "10.0.0.5:5432 is a target of its lane by now",
        );
        check(&[("10.0.0.4", "draining")], "its address 10.0.0.4 is no target of its lane any more");
        check(&[], "is no target of its lane any more");
    }
    #[test]
    fn the_proxy_must_lead_to_the_copy_at_the_last_moment() {
        let check = |targets: &[(&str, &str)], expected: &str| {
            let target = |(identifier, state): &(&str, &str)| DbProxyTargetSeen {
                identifier: (*identifier).to_owned(),
                health: DbProxyHealth::of(state),
                reason: "AUTH_FAILURE".to_owned(),
            };
            let behind = Behind::DbProxy(targets.iter().map(target).collect());
            let got = says(&behind);
            assert!(got.contains(expected), "{behind:?}: {got} lacks {expected}");
        };
        check(&[("orders", "AVAILABLE")], "leads");
        check(
            &[("orders", "UNAVAILABLE")],
            "wait: DB instance orders is not available in its RDS Proxy: AUTH",
        );
        check(&[("orders", "REGISTERING")], "wait");
        check(&[("payroll", "AVAILABLE")], "payroll is the target of its lane by now");
        check(&[], "it is not the target of its lane any more");
        assert_eq!(says(&Behind::Nothing), "leads");
    }
}
