//! What exists: load balancers at their addresses, listeners at work, groups with their targets.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddrV4,
    sync::Arc,
    time::Instant,
};

use tokio::sync::watch;

use super::{
    front::Front,
    model::{
        described::{Balancer, Group},
        targets::Targets,
    },
};
use crate::{place::Place, rds::operations::reaching::Origin};

#[derive(Default)]
pub struct State {
    /// By ARN, as all of these.
    pub balancers: BTreeMap<String, Arc<Placed>>,
    pub fronts: BTreeMap<String, Front>,
    pub groups: BTreeMap<String, Served>,
}

/// A load balancer at its address.
pub struct Placed {
    pub place: Place,
    pub balancer: Balancer,
    pub origin: Origin,
}

/// A group with its targets.
pub struct Served {
    pub place: Place,
    pub group: Group,
    pub targets: Targets,
    /// Connections to a target live as long as its sender.
    pub sessions: BTreeMap<SocketAddrV4, watch::Sender<()>>,
    pub turn: usize,
    pub is_checked: bool,
}

impl State {
    /// The groups to which a listener sends connections.
    pub fn groups_in_use(&self) -> BTreeSet<String> {
        self.fronts.values().map(|it| it.listener.group_arn.clone()).collect()
    }

    /// Takes over the groups of an account in a Region.
    pub fn serve(&mut self, place: &Place, found: Vec<Group>) {
        self.groups.retain(|arn, it| it.place != *place || found.iter().any(|found| found.arn == *arn));
        for group in found {
            match self.groups.get_mut(&group.arn) {
                Some(served) => served.group = group,
                None => drop(self.groups.insert(group.arn.clone(), Served::new(place.clone(), group))),
            }
        }
    }
}

impl Served {
    fn new(place: Place, group: Group) -> Self {
        let (targets, sessions) = (Targets::default(), BTreeMap::new());
        Self { place, group, targets, sessions, turn: 0, is_checked: false }
    }

    /// Ends the drainings that are over.
    pub fn settle(&mut self, now: Instant) {
        for target in self.targets.settle(now) {
            if self.group.ends_deregistered {
                self.sessions.remove(&target);
            }
        }
    }
}
