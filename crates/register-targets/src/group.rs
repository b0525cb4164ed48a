//! Looks at target groups, with the load balancers and listeners before them.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{self, LoadBalancerTypeEnum};
use lambda_support::{CallFailed, Service, call_failed, found, tags};
use step::Tags;

/// What a look saw of a target group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupSeen {
    /// `ip`, `instance`, …
    pub target_type: String,
    /// `TCP`, `TLS`, …
    pub protocol: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its tags.
    pub tags: Tags,
    /// Whether the load balancer before it is a Network Load Balancer.
    pub is_network: bool,
    /// The load balancer's own name; empty when there is no load balancer.
    pub dns_name: String,
    /// The listeners that forward to it.
    pub listeners: Vec<Listener>,
}

/// A listener that forwards to a target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its port.
    pub port: i32,
    /// `TCP`, `TLS`, …
    pub protocol: String,
}

/// Looks at a target group; `None` when it does not exist.
pub(crate) async fn look_at(elb: &Client, target_group_arn: &str) -> Result<Option<GroupSeen>, CallFailed> {
    let answer = elb.describe_target_groups().target_group_arns(target_group_arn).send().await;
    let is_missing = |error: &_| is_not_found(error);
    let answer = found(Service::Elb, "DescribeTargetGroups", answer, is_missing)?;
    let Some(group) = answer.and_then(|it| it.target_groups?.into_iter().next()) else { return Ok(None) };

    let answer = elb.describe_tags().resource_arns(target_group_arn).send().await;
    let answer = answer.map_err(|error| call_failed(Service::Elb, "DescribeTags", &error))?;
    let described = answer.tag_descriptions.unwrap_or_default().into_iter().next();
    let mut seen = GroupSeen {
        target_type: group.target_type.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        protocol: group.protocol.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        vpc_id: group.vpc_id.unwrap_or_default(),
        tags: tags(described.and_then(|it| it.tags), |it| (it.key, it.value)),
        ..GroupSeen::default()
    };
    // A target group of a Network Load Balancer has one at most.
    if let Some(arn) = group.load_balancer_arns.unwrap_or_default().into_iter().next() {
        let answer = elb.describe_load_balancers().load_balancer_arns(&arn).send().await;
        let answer = answer.map_err(|error| call_failed(Service::Elb, "DescribeLoadBalancers", &error))?;
        if let Some(balancer) = answer.load_balancers.unwrap_or_default().into_iter().next() {
            seen.is_network = balancer.r#type == Some(LoadBalancerTypeEnum::Network);
            seen.dns_name = balancer.dns_name.unwrap_or_default();
        }
        seen.listeners = listeners(elb, &arn, target_group_arn).await?;
    }
    Ok(Some(seen))
}

fn is_not_found(
    error: &aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsError,
) -> bool {
    error.is_target_group_not_found_exception()
}

/// The listeners of a load balancer that forward to a target group, from all pages.
async fn listeners(
    elb: &Client,
    load_balancer_arn: &str,
    target_group_arn: &str,
) -> Result<Vec<Listener>, CallFailed> {
    let mut pages = elb.describe_listeners().load_balancer_arn(load_balancer_arn).into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::Elb, "DescribeListeners", &error))?;
        let forwards =
            page.listeners.unwrap_or_default().into_iter().filter(|it| leads(it, target_group_arn));
        all.extend(forwards.map(|it| Listener {
            port: it.port.unwrap_or_default(),
            protocol: it.protocol.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        }));
    }
    Ok(all)
}

fn leads(listener: &types::Listener, target_group_arn: &str) -> bool {
    listener.default_actions().iter().any(|action| {
        let groups = action.forward_config().map(|it| it.target_groups()).unwrap_or_default();
        action.target_group_arn() == Some(target_group_arn)
            || groups.iter().any(|it| it.target_group_arn() == Some(target_group_arn))
    })
}
