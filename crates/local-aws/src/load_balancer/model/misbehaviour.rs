//! Misbehaviour of targets: what a load balancer does on request that people saw it do on AWS.

use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use super::health::Outcome;
use crate::{iam::pattern, planned::Planned};

/// One thing to do wrong, until it is forgotten. A target is `address:port`, as a pattern: `*` stands for any text.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum TargetMisbehaviour {
    /// No health check of the target passes.
    NeverHealthy {
        /// The targets, in any group.
        target: String,
        /// Does a check end in silence? If not, the target refuses it.
        #[serde(default)]
        silent: bool,
    },
    /// The registration takes this long, in which nobody checks the target.
    RegistrationTakes {
        /// The targets, in any group.
        target: String,
        /// Seconds of AWS's time.
        seconds: u32,
    },
    /// New connections still reach the target for this long after its deregistration, whatever its group's delay.
    DeregistrationTakes {
        /// The targets, in any group.
        target: String,
        /// Seconds of AWS's time: users saw two minutes.
        seconds: u32,
    },
}

/// The misbehaviours that were asked for.
pub type TargetMisbehaviours = Planned<TargetMisbehaviour>;

impl TargetMisbehaviours {
    /// What every check of the target comes to, if not to what it finds.
    pub fn outcome(&self, target: SocketAddrV4) -> Option<Outcome> {
        self.find(target, |it| match it {
            TargetMisbehaviour::NeverHealthy { silent: true, .. } => Some(Outcome::TimedOut),
            TargetMisbehaviour::NeverHealthy { .. } => Some(Outcome::Failed),
            _ => None,
        })
    }

    /// How many seconds the registration takes, if not as many as usual.
    pub fn registration_takes(&self, target: SocketAddrV4) -> Option<u32> {
        self.find(target, |it| match it {
            TargetMisbehaviour::RegistrationTakes { seconds, .. } => Some(*seconds),
            _ => None,
        })
    }

    /// For how many seconds new connections reach a deregistered target.
    pub fn deregistration_takes(&self, target: SocketAddrV4) -> Option<u32> {
        self.find(target, |it| match it {
            TargetMisbehaviour::DeregistrationTakes { seconds, .. } => Some(*seconds),
            _ => None,
        })
    }

    fn find<T>(&self, target: SocketAddrV4, matches: impl Fn(&TargetMisbehaviour) -> Option<T>) -> Option<T> {
        let concerns = |it: &TargetMisbehaviour| {
            let (TargetMisbehaviour::NeverHealthy { target: wanted, .. }
            | TargetMisbehaviour::RegistrationTakes { target: wanted, .. }
            | TargetMisbehaviour::DeregistrationTakes { target: wanted, .. }) = it;
            pattern::matches(wanted, &target.to_string())
        };
        self.lock().iter().filter(|it| concerns(it)).find_map(matches)
    }
}
