//! The targets of a load balancer's target group: who is there, how they are, and how they come and go. RDS Proxies and
//! their targets are in [`db_proxy`].

pub mod db_proxy;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetHealthDescription};
use lambda_support::{CallFailed, Service, call_failed};
use std::fmt;

/// What a look saw of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSeen {
    /// Its address.
    pub id: String,
    /// Its port.
    pub port: u16,
    /// How it is.
    pub health: Health,
    /// The load balancer's reason code, such as `Target.FailedHealthChecks`; empty when there is none.
    pub reason: String,
}

/// `10.0.1.17:5432`
impl fmt::Display for TargetSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.port)
    }
}

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It is being registered, or not checked often enough yet.
    Initial,
    /// It gets connections.
    Healthy,
    /// It gets no connections, unless no target of the group is healthy.
    Unhealthy,
    /// It was deregistered: it keeps its connections for a while, and new ones may arrive for two minutes.
    Draining,
    /// It gets no connections, and nobody checks it.
    Unused,
    /// The load balancer does not know.
    Unknown,
}

impl Health {
    /// Reads the load balancer's word. Source: ELB v2 API, TargetHealth, `State`.
    pub fn of(state: &str) -> Self {
        match state {
            "initial" => Self::Initial,
            "healthy" => Self::Healthy,
            "unhealthy" => Self::Unhealthy,
            "draining" | "unhealthy.draining" => Self::Draining,
            "unused" => Self::Unused,
            _ => Self::Unknown,
        }
    }
}

/// Every target of a group.
pub async fn targets(elb: &Client, target_group_arn: &str) -> Result<Vec<TargetSeen>, CallFailed> {
    let answer = elb.describe_target_health().target_group_arn(target_group_arn).send().await;
    let answer = answer.map_err(|error| call_failed(Service::Elb, "DescribeTargetHealth", &error))?;
    Ok(answer.target_health_descriptions.unwrap_or_default().into_iter().filter_map(seen).collect())
}

fn seen(it: TargetHealthDescription) -> Option<TargetSeen> {
    let (target, health) = (it.target?, it.target_health);
    let state = health.as_ref().and_then(|it| it.state.as_ref()).map_or("", |it| it.as_str());
    Some(TargetSeen {
        id: target.id?,
        port: u16::try_from(target.port?).ok()?,
        health: Health::of(state),
        reason: health.and_then(|it| it.reason).map(|it| it.as_str().to_owned()).unwrap_or_default(),
    })
}

/// Registers addresses at a port. One that is registered already stays as it is.
pub async fn register(
    elb: &Client,
    target_group_arn: &str,
    targets: impl IntoIterator<Item = (String, u16)>,
) -> Result<(), CallFailed> {
    let targets = targets.into_iter().map(description).collect();
    let register = elb.register_targets().target_group_arn(target_group_arn);
    match register.set_targets(Some(targets)).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(call_failed(Service::Elb, "RegisterTargets", &error)),
    }
}

/// Deregisters targets. Each is named with its port: else a target that was registered with a port would stay.
pub async fn deregister(
    elb: &Client,
    target_group_arn: &str,
    targets: impl IntoIterator<Item = (String, u16)>,
) -> Result<(), CallFailed> {
    let targets = targets.into_iter().map(description).collect();
    let deregister = elb.deregister_targets().target_group_arn(target_group_arn);
    match deregister.set_targets(Some(targets)).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(call_failed(Service::Elb, "DeregisterTargets", &error)),
    }
}

fn description((id, port): (String, u16)) -> TargetDescription {
    TargetDescription::builder().id(id).port(i32::from(port)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of the API, and one of next year.
    #[test]
    fn every_state_of_a_target_is_known() {
        for (state, expected) in [
            ("initial", Health::Initial),
            ("healthy", Health::Healthy),
            ("unhealthy", Health::Unhealthy),
            ("unhealthy.draining", Health::Draining),
            ("draining", Health::Draining),
            ("unused", Health::Unused),
            ("unavailable", Health::Unknown),
            ("resting", Health::Unknown),
        ] {
            assert_eq!(Health::of(state), expected, "{state}");
        }
    }
}
