//! Load balancers, listeners and target groups, as their owner described them.

use std::time::Duration;

/// A Network Load Balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balancer {
    /// Its ARN, in MiniStack's form.
    pub arn: String,
    /// Its DNS names: the one of its API, and the one that MiniStack gives to templates.
    pub names: Vec<String>,
    /// Does it have public addresses?
    pub internet_facing: bool,
    /// Its security groups. One that was made without any filters nothing.
    pub security_group_ids: Vec<String>,
    /// The address ranges of its subnets.
    pub cidrs: Vec<String>,
}

/// A listener of a Network Load Balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its ARN.
    pub arn: String,
    /// Its load balancer.
    pub balancer_arn: String,
    /// Its port.
    pub port: u16,
    /// The group whose targets get its connections.
    pub group_arn: String,
    /// How long a connection may be silent.
    pub idle_timeout: Duration,
}

/// A TCP target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its ARN.
    pub arn: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Are its targets addresses?
    pub of_addresses: bool,
    /// The port of targets that name none.
    pub port: u16,
    /// How their health is found out.
    pub checks: Checks,
    /// How long a deregistered target drains.
    pub deregistration_delay: Duration,
    /// Do the connections of a deregistered target end with the delay?
    pub ends_deregistered: bool,
    /// Do the connections of a target end when it becomes unhealthy?
    pub ends_unhealthy: bool,
}

/// Health checks. Those of a TCP group open a connection and close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// Their port; none for the target's own.
    pub port: Option<u16>,
    /// From one check of a target to the next.
    pub interval: Duration,
    /// How long a check waits for an answer.
    pub timeout: Duration,
    /// Checks in a row that a target must pass to be healthy.
    pub healthy_threshold: u32,
    /// Checks in a row that a target must fail to be unhealthy.
    pub unhealthy_threshold: u32,
}
