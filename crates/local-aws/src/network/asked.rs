//! Where a connection comes from and what security groups say, as MiniStack keeps them.

use anyhow::Context;

use super::rules::{Origin, Rule};
use crate::{
    ministack::{Client, elements},
    place::Place,
    process::FunctionProcess,
};

/// Where the connections of a function come from.
pub async fn origin(ministack: &Client, function: &FunctionProcess) -> anyhow::Result<Origin> {
    let FunctionProcess { function_name, region, access_key_id } = function;
    let account_id = ministack.account_of(access_key_id).await.context("its access key is unknown")?;
    let config = ministack.vpc_config(&account_id, region, function_name).await?;
    if config.subnet_ids.is_empty() {
        return Ok(Origin::Internet);
    }
    let place = Place { account_id, region: region.clone() };
    let cidrs = cidrs(ministack, &place, &config.subnet_ids).await?;
    Ok(Origin::Vpc { security_group_ids: config.security_group_ids, cidrs })
}

/// The address ranges of subnets.
pub async fn cidrs(ministack: &Client, place: &Place, subnet_ids: &[String]) -> anyhow::Result<Vec<String>> {
    let mut cidrs = Vec::new();
    for id in subnet_ids {
        let named = [("SubnetId.1", id.as_str())];
        let answer =
            ministack.query(&place.account_id, &place.region, "ec2", "DescribeSubnets", &named).await?;
        cidrs.extend(elements(&answer, "cidrBlock").map(str::to_owned));
    }
    Ok(cidrs)
}

/// The inbound rules of security groups.
pub async fn inbound(ministack: &Client, place: &Place, ids: &[String]) -> anyhow::Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for id in ids {
        rules.extend(inbound_of(ministack, place, id).await?);
    }
    Ok(rules)
}

/// RDS invents the default security group: it lets in only its own members.
async fn inbound_of(ministack: &Client, place: &Place, id: &str) -> anyhow::Result<Vec<Rule>> {
    if id == place.invented("sg") {
        return Ok(vec![Rule::of_members(id)]);
    }
    let only = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", id)];
    let Place { account_id, region } = place;
    let answer = ministack.query(account_id, region, "ec2", "DescribeSecurityGroupRules", &only).await?;
    let rules =
        answer.split("<securityGroupRuleId>").skip(1).filter(|rule| rule.contains("<isEgress>false<"));
    Ok(rules.map(read).collect())
}

fn read(rule: &str) -> Rule {
    let text = |xml: &str, name: &str| elements(xml, name).next().map(str::to_owned);
    let port = |name: &str| text(rule, name).and_then(|it| it.parse().ok()).unwrap_or(-1);
    Rule {
        protocol: text(rule, "ipProtocol").unwrap_or_default(),
        from_port: port("fromPort"),
        to_port: port("toPort"),
        security_group_id: text(rule, "referencedGroupInfo").and_then(|it| text(&it, "groupId")),
        cidr: text(rule, "cidrIpv4"),
    }
}
