//! Decides which runs a load balancer or a proxy still leads to; sees only its arguments.

use crate::resource::{Kind, Owned};
use replication::retention::Verdict;
use replication::{NetworkLoadBalancer, RunId};
use std::collections::{BTreeMap, BTreeSet};
use target_group::{Health, TargetSeen};

/// The lanes that the settings name, and what they lead to.
#[derive(Debug)]
pub enum Lanes<'a> {
    /// There are none.
    Nothing,
    /// Those of a load balancer, with every target of theirs.
    LoadBalancer(&'a NetworkLoadBalancer, Vec<TargetSeen>),
    /// RDS Proxies.
    DbProxies(Vec<DbProxyLane>),
}

/// A proxy, and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbProxyLane {
    /// Its own DNS name.
    pub endpoint: String,
    /// Its targets.
    pub identifiers: Vec<String>,
}

/// The addresses that the name of each run's DB instance leads to; none where it leads nowhere.
pub type Addresses = BTreeMap<RunId, BTreeSet<String>>;

/// The names to look up: those of DB instances that are about to go, and of the others, which explain the other targets.
pub fn names(owned: &[Owned]) -> impl Iterator<Item = (&RunId, &str, u16)> {
    owned.iter().filter_map(|it| match &it.resource.kind {
        Kind::Database { endpoint: Some(endpoint), .. } => {
            Some((&it.run, endpoint.address.as_str(), endpoint.port))
        }
        _ => None,
    })
}

/// Keeps every run whose DB instance is the target of a proxy.
pub fn keep_behind(runs: &mut BTreeMap<RunId, Verdict>, owned: &[Owned], proxies: &[DbProxyLane]) {
    let is_target =
        |it: &Owned| proxies.iter().any(|lane| lane.identifiers.contains(&it.resource.identifier));
    let is_database = |it: &Owned| matches!(it.resource.kind, Kind::Database { .. });
    for it in owned.iter().filter(|it| is_database(it) && is_target(it)) {
        if let Some(verdict) = runs.get_mut(&it.run).filter(|it| it.delete()) {
            *verdict = Verdict::KeepInLane;
        }
    }
}

/// Keeps every run whose DB instance is a target: else its address may go to a stranger, and applications with it. An
/// address that nobody knows may be that of a DB instance whose name leads nowhere.
pub fn keep(runs: &mut BTreeMap<RunId, Verdict>, addresses: &Addresses, targets: &[TargetSeen]) {
    let staying = || targets.iter().filter(|it| it.health != Health::Draining);
    let is_known = |it: &TargetSeen| addresses.values().any(|known| known.contains(&it.id));
    let unknown = staying().any(|it| !is_known(it));
    for (run, verdict) in runs.iter_mut().filter(|(_, it)| it.delete()) {
        let Some(own) = addresses.get(run) else { continue };
        if staying().any(|it| own.contains(&it.id)) || (own.is_empty() && unknown) {
            *verdict = Verdict::KeepInLane;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Invariant: no database is deleted while it is a target.
    #[test]
    fn a_run_whose_instance_is_a_target_is_kept() {
        let run = |day: u32| RunId::try_from(format!("202611{day:02}t000000z-0000")).unwrap();
        let check = |targets: &[(&str, &str)], expected: [Verdict; 4]| {
            let target = |(id, state): &(&str, &str)| TargetSeen {
                id: (*id).to_owned(),
                port: 5432,
                health: Health::of(state),
                reason: String::new(),
            };
            let targets: Vec<TargetSeen> = targets.iter().map(target).collect();
            let address = |day: u32| (run(day), BTreeSet::from([format!("10.0.0.{day}")]));
            // The name of day 3 leads nowhere; day 4 has no DB instance.
            let addresses = Addresses::from([address(1), address(2), (run(3), BTreeSet::new())]);
            let before = [
                (run(1), Verdict::DeleteSuperseded),
                (run(2), Verdict::KeepLive),
                (run(3), Verdict::DeleteFailed),
                (run(4), Verdict::DeleteRemains),
            ];
            let mut runs = BTreeMap::from(before);
            keep(&mut runs, &addresses, &targets);
            assert_eq!(runs.into_values().collect::<Vec<_>>(), expected, "{targets:?}");
        };
        use Verdict::{DeleteFailed, DeleteRemains, DeleteSuperseded, KeepInLane, KeepLive};
        check(&[], [DeleteSuperseded, KeepLive, DeleteFailed, DeleteRemains]);
        check(&[("10.0.0.2", "healthy")], [DeleteSuperseded, KeepLive, DeleteFailed, DeleteRemains]);
        check(&[("10.0.0.1", "unhealthy")], [KeepInLane, KeepLive, DeleteFailed, DeleteRemains]);
        check(&[("10.0.0.1", "draining")], [DeleteSuperseded, KeepLive, DeleteFailed, DeleteRemains]);
        check(&[("10.0.0.9", "healthy")], [DeleteSuperseded, KeepLive, KeepInLane, DeleteRemains]);
    }
}
