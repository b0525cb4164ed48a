//! All load balancers that exist, with their listeners, groups and targets.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{net::TcpStream, sync::watch};

use super::{
    checks,
    control_plane::{self, ControlPlane},
    front::{Front, is_free},
    model::{
        described::{Balancer, Checks, Group, Listener},
        health::Outcome,
        misbehaviour::TargetMisbehaviours,
        targets::Seen,
    },
    state::{Placed, State},
};
use crate::{
    lock,
    ministack::Client,
    names::Names,
    network::{
        addresses::{Addresses, candidates},
        destination::Destination,
    },
    place::Place,
    process::Connection,
    rds::{
        model::clock::Clock,
        operations::{
            rds::Rds,
            reaching::{Origin, Reaching, Unreached},
        },
    },
};

/// From a registration to the first check. AWS names no time; users see from half a minute to some minutes.
const REGISTRATION: Duration = Duration::from_secs(30);
/// Templates change load balancers without a call that we see, so we look again from time to time.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Time may run fast, but what clients do between two messages does not.
const SHORTEST_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// All accounts' load balancers.
pub struct LoadBalancers {
    ministack: Client,
    clock: Clock,
    reaching: Reaching,
    addresses: Arc<Addresses>,
    names: Arc<Names>,
    misbehaviours: TargetMisbehaviours,
    /// One look at a time: an older one must not undo what a newer one saw.
    looking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// Where a new connection goes.
pub struct Route {
    /// The target.
    pub target: SocketAddrV4,
    /// Changes when the connection has to end.
    pub session: watch::Receiver<()>,
    /// How long it may be silent.
    pub idle_timeout: Duration,
}

/// The checks of a group that are due.
pub struct Due {
    /// How to check.
    pub checks: Checks,
    /// Who checks whom; nobody if no listener uses the group.
    pub targets: Option<(Arc<Placed>, Vec<SocketAddrV4>)>,
}

/// A load balancer, for tests and people.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    names: Vec<String>,
    address: Ipv4Addr,
    /// The port of each listener, and the port on which it really listens.
    ports: BTreeMap<u16, u16>,
}

impl LoadBalancers {
    /// None yet. `addresses` are those that load balancers take, `names` those that lead to them.
    pub fn new(
        ministack: Client,
        rds: Arc<Rds>,
        clock: Clock,
        addresses: Arc<Addresses>,
        names: Arc<Names>,
    ) -> Arc<Self> {
        let all = Arc::new(Self {
            reaching: Reaching::new(ministack.clone(), rds),
            ministack,
            clock,
            addresses,
            names,
            misbehaviours: TargetMisbehaviours::default(),
            looking: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        });
        tokio::spawn(look_again(Arc::clone(&all)));
        all
    }

    /// What targets do wrong on request.
    pub fn misbehaviours(&self) -> &TargetMisbehaviours {
        &self.misbehaviours
    }

    /// All of them.
    pub fn shown(&self) -> Vec<Shown> {
        let state = lock(&self.state);
        let shown = |placed: &Arc<Placed>| Shown {
            names: placed.balancer.names.clone(),
            address: placed.origin.address,
            ports: state
                .fronts
                .values()
                .filter(|it| it.listener.balancer_arn == placed.balancer.arn)
                .map(|it| (it.listener.port, it.bound_port))
                .collect(),
        };
        state.balancers.values().map(shown).collect()
    }

    /// Takes over what an account has in a Region now.
    pub async fn look(self: &Arc<Self>, place: &Place) -> anyhow::Result<()> {
        let _one_at_a_time = self.looking.lock().await;
        let found = control_plane::describe(&self.ministack, place, self.clock).await?;
        let mut state = lock(&self.state);
        let used = state.groups_in_use();
        self.place_balancers(&mut state, place, &found);
        self.open_fronts(&mut state, place, found.listeners);
        state.serve(place, found.groups);
        let begins = Instant::now() + self.clock.lasts(REGISTRATION);
        for arn in state.groups_in_use().difference(&used) {
            if let Some(served) = state.groups.get_mut(arn) {
                served.targets.begin(begins);
            }
        }
        Ok(())
    }

    fn place_balancers(&self, state: &mut State, place: &Place, found: &ControlPlane) {
        state.balancers.retain(|arn, it| {
            let stays = it.place != *place || found.balancers.iter().any(|found| found.arn == *arn);
            if !stays {
                self.addresses.give_back(it.origin.address);
                it.balancer.names.iter().for_each(|name| self.names.remove(name));
            }
            stays
        });
        for balancer in &found.balancers {
            let known = state.balancers.get(&balancer.arn);
            if known.is_some_and(|it| it.balancer == *balancer) {
                continue;
            }
            let ports = found.listeners.iter().filter(|it| it.balancer_arn == balancer.arn).map(|it| it.port);
            let address = match known {
                Some(known) => Some(known.origin.address),
                None => self.new_address(balancer, &ports.collect::<Vec<_>>()),
            };
            let Some(address) = address else {
                tracing::error!("{} gets no address: all that it may have are taken", balancer.arn);
                continue;
            };
            balancer.names.iter().for_each(|name| self.names.set(name, address));
            tracing::info!("{} has the address {address}", balancer.arn);
            let origin = Origin {
                who: balancer.arn.clone(),
                address,
                security_group_ids: balancer.security_group_ids.clone(),
                cidrs: balancer.cidrs.clone(),
            };
            let placed = Placed { place: place.clone(), balancer: balancer.clone(), origin };
            state.balancers.insert(balancer.arn.clone(), Arc::new(placed));
        }
    }

    fn new_address(&self, balancer: &Balancer, ports: &[u16]) -> Option<Ipv4Addr> {
        let free = |address: &Ipv4Addr| ports.iter().all(|port| is_free(*address, *port));
        let mut candidates = candidates(&balancer.arn, &balancer.cidrs).filter(free);
        candidates.find(|address| self.addresses.take(*address))
    }

    fn open_fronts(self: &Arc<Self>, state: &mut State, place: &Place, listeners: Vec<Listener>) {
        let State { balancers, fronts, .. } = state;
        let of_place =
            |front: &Front| balancers.get(&front.listener.balancer_arn).is_none_or(|it| it.place == *place);
        fronts.retain(|arn, front| {
            !of_place(front) || listeners.iter().any(|it| it.arn == *arn && it.port == front.listener.port)
        });
        for listener in listeners {
            if let Some(front) = fronts.get_mut(&listener.arn) {
                front.listener = listener;
                continue;
            }
            let Some(placed) = balancers.get(&listener.balancer_arn) else { continue };
            let arn = listener.arn.clone();
            match Front::open(self, listener, placed.origin.address) {
                Ok(front) => drop(fronts.insert(arn, front)),
                Err(error) => tracing::error!("{arn} cannot listen: {error}"),
            }
        }
    }

    /// The group with this ARN.
    pub fn group(&self, arn: &str) -> Option<Group> {
        lock(&self.state).groups.get(arn).map(|it| it.group.clone())
    }

    /// Registers targets, each with its Availability Zone.
    pub fn register(self: &Arc<Self>, group_arn: &str, targets: Vec<(SocketAddrV4, String)>) {
        let mut state = lock(&self.state);
        let Some(served) = state.groups.get_mut(group_arn) else { return };
        for (target, zone) in targets {
            let wanted = self.misbehaviours.registration_takes(target);
            let takes = wanted.map_or(REGISTRATION, |seconds| Duration::from_secs(seconds.into()));
            served.targets.register(target, zone, Instant::now() + self.clock.lasts(takes));
        }
        if !std::mem::replace(&mut served.is_checked, true) {
            tokio::spawn(checks::of_group(Arc::clone(self), group_arn.to_owned()));
        }
    }

    /// Deregisters targets.
    pub fn deregister(&self, group_arn: &str, targets: &[SocketAddrV4]) {
        let mut state = lock(&self.state);
        let in_use = state.groups_in_use().contains(group_arn);
        let Some(served) = state.groups.get_mut(group_arn) else { return };
        let now = Instant::now();
        for target in targets {
            let lingers = self.misbehaviours.deregistration_takes(*target).unwrap_or_default();
            let lingers = self.clock.lasts(Duration::from_secs(lingers.into()));
            // Nothing drains where no listener sends connections.
            let drains = if in_use { served.group.deregistration_delay } else { Duration::ZERO };
            served.targets.deregister(*target, now + drains, now + lingers);
        }
        served.settle(now);
    }

    /// The health of the targets of a group: of these, or of all that it has. With each stands its zone, if known.
    pub fn health(
        &self,
        group_arn: &str,
        asked: &[SocketAddrV4],
    ) -> Vec<(SocketAddrV4, Option<String>, Seen)> {
        let mut state = lock(&self.state);
        let in_use = state.groups_in_use().contains(group_arn);
        let Some(served) = state.groups.get_mut(group_arn) else { return vec![] };
        let now = Instant::now();
        served.settle(now);
        let targets = &served.targets;
        let listed: BTreeMap<SocketAddrV4, &str> = targets.listed(now).collect();
        let seen = |target: SocketAddrV4| match listed.get(&target) {
            None => Seen::NOT_REGISTERED,
            Some(_) if !in_use => Seen::NOT_IN_USE,
            Some(_) if self.addresses.has(*target.ip()) => Seen::UNUSABLE,
            Some(_) => targets.seen(target, now),
        };
        let all: Vec<SocketAddrV4> = listed.keys().copied().collect();
        let asked = if asked.is_empty() { &all } else { asked };
        let zone = |target: &SocketAddrV4| listed.get(target).map(|it| (*it).to_owned());
        asked.iter().map(|it| (*it, zone(it), seen(*it))).collect()
    }

    /// The checks of a group that are due; nothing if the group is gone.
    pub fn due(&self, group_arn: &str) -> Option<Due> {
        let mut state = lock(&self.state);
        let front = state.fronts.values().find(|it| it.listener.group_arn == group_arn);
        let placed = front.and_then(|it| state.balancers.get(&it.listener.balancer_arn)).cloned();
        let served = state.groups.get_mut(group_arn)?;
        let now = Instant::now();
        served.settle(now);
        let usable = |target: &SocketAddrV4| !self.addresses.has(*target.ip());
        let targets = served.targets.to_check(now).into_iter().filter(usable).collect();
        Some(Due { checks: served.group.checks, targets: placed.map(|placed| (placed, targets)) })
    }

    /// Takes note of a check.
    pub fn checked(&self, group_arn: &str, target: SocketAddrV4, outcome: Outcome) {
        let mut state = lock(&self.state);
        let Some(served) = state.groups.get_mut(group_arn) else { return };
        let became_unhealthy = served.targets.checked(target, outcome, &served.group.checks);
        if became_unhealthy {
            tracing::info!("{target} of {group_arn} is unhealthy: {outcome:?}");
            if served.group.ends_unhealthy {
                served.sessions.remove(&target);
            }
        }
    }

    /// The load balancer of a listener.
    pub fn behind(&self, listener_arn: &str) -> Option<Arc<Placed>> {
        let state = lock(&self.state);
        state.balancers.get(&state.fronts.get(listener_arn)?.listener.balancer_arn).cloned()
    }

    /// Where the next connection to a listener goes; nothing if there is nobody to take it.
    pub fn route(&self, listener_arn: &str) -> Option<Route> {
        let mut state = lock(&self.state);
        let Listener { group_arn, idle_timeout, .. } = &state.fronts.get(listener_arn)?.listener;
        let (group_arn, idle_timeout) = (group_arn.clone(), (*idle_timeout).max(SHORTEST_IDLE_TIMEOUT));
        let served = state.groups.get_mut(&group_arn)?;
        let takers = served.targets.takers(Instant::now());
        served.turn = served.turn.wrapping_add(1);
        let target = *takers.get(served.turn.checked_rem(takers.len())?)?;
        let session = served.sessions.entry(target).or_insert_with(|| watch::channel(()).0).subscribe();
        Some(Route { target, session, idle_timeout })
    }

    /// A connection from a load balancer to a target.
    pub async fn connect(
        &self,
        from: &Placed,
        target: SocketAddrV4,
        timeout: Duration,
    ) -> Result<TcpStream, Unreached> {
        self.reaching.connect(&from.origin, target, timeout).await
    }

    /// Do the load balancer's security groups let a connection to a listener in? Without any they let in everybody.
    pub async fn lets_in(&self, to: &Placed, listener_arn: &str, connection: Connection) -> bool {
        let Balancer { arn, internet_facing, security_group_ids, .. } = &to.balancer;
        let port = lock(&self.state).fronts.get(listener_arn).map(|it| it.listener.port);
        let destination = Destination {
            arn: arn.clone(),
            place: to.place.clone(),
            publicly_accessible: *internet_facing,
            port: port.unwrap_or_default(),
            security_group_ids: security_group_ids.clone(),
        };
        security_group_ids.is_empty() || destination.lets_in(&self.ministack, connection).await
    }
}

/// Looks again wherever there are targets.
async fn look_again(all: Arc<LoadBalancers>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let places: BTreeSet<Place> =
            lock(&all.state).groups.values().filter(|it| it.is_checked).map(|it| it.place.clone()).collect();
        for place in places {
            if let Err(error) = all.look(&place).await {
                tracing::warn!("cannot look at the load balancers of {place:?}: {error:#}");
            }
        }
    }
}
