//! The targets of one group: who is registered, who drains, and who gets a connection.

use std::{collections::BTreeMap, net::SocketAddrV4, time::Instant};

use super::{
    described::Checks,
    health::{Health, Outcome},
};

/// The targets of one group, by address and port: one address may be there on several ports.
#[derive(Debug, Clone, Default)]
pub struct Targets(BTreeMap<SocketAddrV4, Target>);

#[derive(Debug, Clone)]
struct Target {
    zone: String,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Registered {
        /// The load balancer begins to check it then.
        checked_from: Instant,
        health: Health,
    },
    Draining {
        until: Instant,
        /// New connections still reach it until then.
        taken_until: Instant,
        /// Is `until` over, and has that been told?
        over: bool,
    },
}

/// A target in an answer: its state, and why it is in that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The state.
    pub state: &'static str,
    /// The reason's code and description; a healthy target has none.
    pub reason: Option<(&'static str, &'static str)>,
}

impl Seen {
    const fn of(state: &'static str, code: &'static str, description: &'static str) -> Self {
        Self { state, reason: Some((code, description)) }
    }

    /// A target that is not in the group.
    pub const NOT_REGISTERED: Self =
        Self::of("unused", "Target.NotRegistered", "Target is not registered to the target group");
    /// A target whose group gets no connections.
    pub const NOT_IN_USE: Self = Self::of(
        "unused",
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    );
    /// A target at an address of a load balancer.
    pub const UNUSABLE: Self = Self::of(
        "unused",
        "Target.IpUnusable",
        "The target IP address is reserved for use by a load balancer",
    );
}

impl Targets {
    /// Registers a target, or does nothing if it is registered. A draining one begins anew.
    pub fn register(&mut self, target: SocketAddrV4, zone: String, checked_from: Instant) {
        let state = State::Registered { checked_from, health: Health::NEW };
        match self.0.get_mut(&target) {
            Some(Target { state: State::Registered { .. }, .. }) => {}
            Some(draining) => *draining = Target { zone, state },
            None => {
                self.0.insert(target, Target { zone, state });
            }
        }
    }

    /// Deregisters a target. An unknown one is no error, and a draining one goes on.
    pub fn deregister(&mut self, target: SocketAddrV4, until: Instant, taken_until: Instant) {
        if let Some(Target { state: state @ State::Registered { .. }, .. }) = self.0.get_mut(&target) {
            *state = State::Draining { until, taken_until, over: false };
        }
    }

    /// Begins all registered targets anew: their group has got its first listener.
    pub fn begin(&mut self, checked_from: Instant) {
        for target in self.0.values_mut() {
            if let State::Registered { .. } = target.state {
                target.state = State::Registered { checked_from, health: Health::NEW };
            }
        }
    }

    /// Forgets what has drained. The answer is the targets whose draining is over since the last time.
    pub fn settle(&mut self, now: Instant) -> Vec<SocketAddrV4> {
        let mut drained = Vec::new();
        self.0.retain(|address, target| {
            let State::Draining { until, taken_until, over } = &mut target.state else { return true };
            if now >= *until && !*over {
                *over = true;
                drained.push(*address);
            }
            now < (*until).max(*taken_until)
        });
        drained
    }

    /// The targets to check now.
    pub fn to_check(&self, now: Instant) -> Vec<SocketAddrV4> {
        let due =
            |it: &Target| matches!(it.state, State::Registered { checked_from, .. } if now >= checked_from);
        self.0.iter().filter(|(_, it)| due(it)).map(|(address, _)| *address).collect()
    }

    /// Takes note of a check; true if the target has become unhealthy by it.
    pub fn checked(&mut self, target: SocketAddrV4, outcome: Outcome, checks: &Checks) -> bool {
        let Some(Target { state: State::Registered { health, .. }, .. }) = self.0.get_mut(&target) else {
            return false;
        };
        let before = *health;
        *health = before.after(outcome, checks);
        let ill = |health: Health| matches!(health, Health::Unhealthy { .. });
        ill(*health) && !ill(before)
    }

    /// The targets that may get a new connection: the healthy ones. If there is none, all the unhealthy ones: a load
    /// balancer fails open. A target that is new gets none, nor does a draining one as a rule.
    pub fn takers(&self, now: Instant) -> Vec<SocketAddrV4> {
        let of = |wanted: fn(&State, Instant) -> bool| -> Vec<SocketAddrV4> {
            self.0.iter().filter(|(_, it)| wanted(&it.state, now)).map(|(address, _)| *address).collect()
        };
        let healthy = of(|state, now| match state {
            State::Registered { health, .. } => matches!(health, Health::Healthy { .. }),
            State::Draining { taken_until, .. } => now < *taken_until,
        });
        match healthy.is_empty() {
            true => {
                of(|state, _| matches!(state, State::Registered { health: Health::Unhealthy { .. }, .. }))
            }
            false => healthy,
        }
    }

    /// All targets that an answer shows, each with its Availability Zone.
    pub fn listed(&self, now: Instant) -> impl Iterator<Item = (SocketAddrV4, &str)> {
        let shown = move |it: &Target| !matches!(it.state, State::Draining { until, .. } if now >= until);
        self.0.iter().filter(move |(_, it)| shown(it)).map(|(address, it)| (*address, it.zone.as_str()))
    }

    /// How a target is.
    pub fn seen(&self, target: SocketAddrV4, now: Instant) -> Seen {
        let Some(target) = self.0.get(&target) else { return Seen::NOT_REGISTERED };
        match target.state {
            State::Draining { until, .. } if now >= until => Seen::NOT_REGISTERED,
            State::Draining { .. } => Seen::of(
                "draining",
                "Target.DeregistrationInProgress",
                "Target deregistration is in progress",
            ),
            State::Registered { checked_from, .. } if now < checked_from => {
                Seen::of("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
            }
            State::Registered { health, .. } => match health {
                Health::Healthy { .. } => Seen { state: "healthy", reason: None },
                Health::Initial { .. } => {
                    Seen::of("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
                }
                Health::Unhealthy { timed_out: true, .. } => {
                    Seen::of("unhealthy", "Target.Timeout", "Request timed out")
                }
                Health::Unhealthy { .. } => {
                    Seen::of("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    const CHECKS: Checks = Checks {
        port: None,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        healthy_threshold: 1,
        unhealthy_threshold: 1,
    };

    fn target(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(127, 1, 2, 3), port)
    }

    /// Targets with these ports, checked from second 10 on and with these outcomes of one check each.
    fn targets(start: Instant, outcomes: &[(u16, Option<Outcome>)]) -> Targets {
        let mut targets = Targets::default();
        for (port, outcome) in outcomes {
            targets.register(target(*port), "a".to_owned(), start + Duration::from_secs(10));
            outcome.map(|outcome| targets.checked(target(*port), outcome, &CHECKS));
        }
        targets
    }

    fn ports(targets: &[SocketAddrV4]) -> Vec<u16> {
        targets.iter().map(SocketAddrV4::port).collect()
    }

    // Rule of AWS: only healthy targets get connections; if all are unhealthy, all of them do.
    #[test]
    fn healthy_targets_get_connections_and_if_there_is_none_the_unhealthy_ones() {
        use Outcome::*;
        let start = Instant::now();
        let check = |outcomes: &[(u16, Option<Outcome>)], expected: &[u16]| {
            let takers = targets(start, outcomes).takers(start);
            assert_eq!(ports(&takers), expected, "{outcomes:?}");
        };
        check(&[], &[]);
        check(&[(1, None)], &[]);
        check(&[(1, Some(Passed)), (2, Some(Failed)), (3, None)], &[1]);
        check(&[(1, Some(Failed)), (2, Some(TimedOut)), (3, None)], &[1, 2]);
        check(&[(1, Some(Passed)), (2, Some(Passed))], &[1, 2]);
    }

    #[test]
    fn each_state_has_the_reason_that_aws_gives() {
        use Outcome::*;
        let start = Instant::now();
        let later = start + Duration::from_secs(10);
        let known = targets(start, &[(1, None), (2, Some(Passed)), (3, Some(Failed)), (4, Some(TimedOut))]);
        let check = |port: u16, now: Instant, state: &str, code: Option<&str>| {
            let seen = known.seen(target(port), now);
            assert_eq!((seen.state, seen.reason.map(|it| it.0)), (state, code), "{port}");
        };
        check(1, start, "initial", Some("Elb.RegistrationInProgress"));
        check(1, later, "initial", Some("Elb.InitialHealthChecking"));
        check(2, later, "healthy", None);
        check(3, later, "unhealthy", Some("Target.FailedHealthChecks"));
        check(4, later, "unhealthy", Some("Target.Timeout"));
        check(9, later, "unused", Some("Target.NotRegistered"));
        assert_eq!(ports(&known.to_check(start)), [0; 0]);
        assert_eq!(ports(&known.to_check(later)), [1, 2, 3, 4]);
    }

    // Rule of AWS: a deregistered target drains for the delay, and is then gone.
    #[test]
    fn a_deregistered_target_drains_gets_no_connection_and_is_gone_after_the_delay() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut known = targets(start, &[(1, Some(Outcome::Passed)), (2, Some(Outcome::Passed))]);
        known.deregister(target(1), at(120), start);
        known.deregister(target(9), at(120), start);
        assert_eq!(known.seen(target(1), at(119)).state, "draining");
        assert_eq!(ports(&known.takers(at(0))), [2]);
        assert_eq!(known.listed(at(119)).count(), 2);
        assert_eq!(ports(&known.to_check(at(60))), [2]);
        // A repeated call does not begin the delay again.
        known.deregister(target(1), at(500), start);
        assert_eq!(ports(&known.settle(at(119))), [0; 0]);
        assert_eq!(ports(&known.settle(at(120))), [1]);
        assert_eq!(known.seen(target(1), at(120)), Seen::NOT_REGISTERED);
        assert_eq!(ports(&known.settle(at(120))), [0; 0]);
    }

    #[test]
    fn a_draining_target_that_is_registered_again_begins_anew() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut known = targets(start, &[(1, Some(Outcome::Passed))]);
        known.deregister(target(1), at(120), start);
        known.register(target(1), "b".to_owned(), at(30));
        assert_eq!(known.seen(target(1), at(20)).reason.unwrap().0, "Elb.RegistrationInProgress");
        assert_eq!(ports(&known.settle(at(200))), [0; 0]);
        assert_eq!(known.listed(at(200)).collect::<Vec<_>>(), [(target(1), "b")]);
    }

    // Seen on AWS: aws-load-balancer-controller#2366.
    #[test]
    fn new_connections_may_reach_a_deregistered_target_past_its_delay() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut known = targets(start, &[(1, Some(Outcome::Passed))]);
        known.deregister(target(1), at(10), at(120));
        assert_eq!(ports(&known.settle(at(10))), [1]);
        assert_eq!(known.seen(target(1), at(10)), Seen::NOT_REGISTERED);
        assert_eq!(known.listed(at(10)).count(), 0);
        assert_eq!(ports(&known.takers(at(119))), [1]);
        known.settle(at(120));
        assert_eq!(ports(&known.takers(at(120))), [0; 0]);
    }
}
