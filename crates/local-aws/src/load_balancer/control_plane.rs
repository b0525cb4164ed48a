//! Load balancers, listeners and target groups of an account in a Region, as MiniStack keeps them.

use std::time::Duration;

use super::{
    mend,
    model::{
        described::{Balancer, Checks, Group, Listener},
        placing::Subnet,
    },
};
use crate::{
    ministack::{Client, elements},
    network::asked,
    place::Place,
    rds::model::clock::Clock,
};

/// Source: NLB user guide, "Target group attributes" and "Listener attributes".
const DEREGISTRATION_DELAY: Duration = Duration::from_secs(300);
const IDLE_TIMEOUT: Duration = Duration::from_secs(350);

/// Everything of load balancing that an account has in a Region.
#[derive(Debug, Default)]
pub struct ControlPlane {
    /// Network Load Balancers.
    pub balancers: Vec<Balancer>,
    /// Their listeners.
    pub listeners: Vec<Listener>,
    /// TCP groups.
    pub groups: Vec<Group>,
}

/// Asks MiniStack. All durations in the answer are in real time.
pub async fn describe(ministack: &Client, place: &Place, clock: Clock) -> anyhow::Result<ControlPlane> {
    let asked = Asked { ministack, place, clock };
    let mut found = ControlPlane::default();
    let balancers = asked.ask("DescribeLoadBalancers", &[]).await?;
    for xml in mend::parts(&balancers, "LoadBalancerArn").filter(|it| text(it, "Type") == Some("network")) {
        let balancer = asked.balancer(xml).await;
        let listeners = asked.ask("DescribeListeners", &[("LoadBalancerArn", &balancer.arn)]).await?;
        for xml in mend::parts(&listeners, "ListenerArn") {
            found.listeners.extend(asked.listener(xml).await?);
        }
        found.balancers.push(balancer);
    }
    let groups = asked.ask("DescribeTargetGroups", &[]).await?;
    for xml in mend::parts(&groups, "TargetGroupArn").filter(|it| text(it, "Protocol") == Some("TCP")) {
        found.groups.extend(asked.group(xml).await?);
    }
    Ok(found)
}

/// The subnets of a VPC.
pub async fn subnets(ministack: &Client, place: &Place, vpc_id: &str) -> anyhow::Result<Vec<Subnet>> {
    let only = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc_id)];
    let answer = ministack.query(&place.account_id, &place.region, "ec2", "DescribeSubnets", &only).await?;
    let subnet = |xml: &str| {
        Some(Subnet {
            cidr: text(xml, "cidrBlock")?.to_owned(),
            zone: text(xml, "availabilityZone")?.to_owned(),
        })
    };
    Ok(mend::parts(&answer, "subnetId").filter_map(subnet).collect())
}

struct Asked<'a> {
    ministack: &'a Client,
    place: &'a Place,
    clock: Clock,
}

impl Asked<'_> {
    async fn ask(&self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        let Place { account_id, region } = self.place;
        self.ministack.query(account_id, region, "elasticloadbalancing", action, parameters).await
    }

    async fn balancer(&self, xml: &str) -> Balancer {
        let get = |name: &str| text(xml, name).unwrap_or_default();
        let (arn, name) = (get("LoadBalancerArn"), get("DNSName"));
        let subnet_ids: Vec<String> = elements(xml, "SubnetId").map(str::to_owned).collect();
        let groups = text(xml, "SecurityGroups").unwrap_or_default();
        Balancer {
            arn: arn.to_owned(),
            names: [mend::dns_name(arn, &self.place.region), Some(name.to_owned())]
                .into_iter()
                .flatten()
                .collect(),
            internet_facing: get("Scheme") == "internet-facing",
            security_group_ids: elements(groups, "member").map(str::to_owned).collect(),
            // Subnets that are gone, or were never there, have no addresses.
            cidrs: asked::cidrs(self.ministack, self.place, &subnet_ids).await.unwrap_or_default(),
        }
    }

    /// Nothing for a listener that forwards to no group.
    async fn listener(&self, xml: &str) -> anyhow::Result<Option<Listener>> {
        let get = |name: &str| text(xml, name).map(str::to_owned);
        let (Some(arn), Some(balancer_arn)) = (get("ListenerArn"), get("LoadBalancerArn")) else {
            return Ok(None);
        };
        let (Some(port), Some(group_arn)) = (number(xml, "Port"), get("TargetGroupArn")) else {
            return Ok(None);
        };
        let named = [("ListenerArn", arn.as_str())];
        let attributes = Attributes(self.ask("DescribeListenerAttributes", &named).await?);
        let idle_timeout = attributes.seconds("tcp.idle_timeout.seconds").unwrap_or(IDLE_TIMEOUT);
        let idle_timeout = self.clock.lasts(idle_timeout);
        Ok(Some(Listener { arn, balancer_arn, port, group_arn, idle_timeout }))
    }

    async fn group(&self, xml: &str) -> anyhow::Result<Option<Group>> {
        let (Some(arn), Some(port)) = (text(xml, "TargetGroupArn"), number(xml, "Port")) else {
            return Ok(None);
        };
        let named = [("TargetGroupArn", arn)];
        let attributes = Attributes(self.ask("DescribeTargetGroupAttributes", &named).await?);
        let seconds = |name: &str, default: u64| {
            self.clock.lasts(Duration::from_secs(number(xml, name).unwrap_or(default)))
        };
        let delay =
            attributes.seconds("deregistration_delay.timeout_seconds").unwrap_or(DEREGISTRATION_DELAY);
        Ok(Some(Group {
            arn: arn.to_owned(),
            vpc_id: text(xml, "VpcId").unwrap_or_default().to_owned(),
            of_addresses: text(xml, "TargetType") == Some("ip"),
            port,
            checks: Checks {
                port: number(xml, "HealthCheckPort"),
                interval: seconds("HealthCheckIntervalSeconds", 30),
                timeout: seconds("HealthCheckTimeoutSeconds", 10),
                healthy_threshold: number(xml, "HealthyThresholdCount").unwrap_or(5),
                unhealthy_threshold: number(xml, "UnhealthyThresholdCount").unwrap_or(2),
            },
            deregistration_delay: self.clock.lasts(delay),
            ends_deregistered: attributes.is_on("deregistration_delay.connection_termination.enabled", false),
            ends_unhealthy: attributes
                .is_on("target_health_state.unhealthy.connection_termination.enabled", true),
        }))
    }
}

/// The XML of an answer with attributes.
struct Attributes(String);

impl Attributes {
    fn get(&self, key: &str) -> Option<&str> {
        text(mend::parts(&self.0, "Key").find(|it| text(it, "Key") == Some(key))?, "Value")
    }

    fn seconds(&self, key: &str) -> Option<Duration> {
        self.get(key)?.parse().ok().map(Duration::from_secs)
    }

    fn is_on(&self, key: &str, default: bool) -> bool {
        self.get(key).map_or(default, |value| value == "true")
    }
}

fn text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    elements(xml, name).next()
}

fn number<T: std::str::FromStr>(xml: &str, name: &str) -> Option<T> {
    text(xml, name)?.parse().ok()
}
