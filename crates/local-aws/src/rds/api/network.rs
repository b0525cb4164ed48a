//! The security groups and subnets that a request names: EC2 must have them.

use super::protocol::request::Request;
use crate::{
    ministack::{Client, elements},
    place::Place,
    rds::model::refusal::Refusal,
};

/// Refuses what EC2 does not have. RDS itself invents the default security group and subnet here.
///
/// Source of the words on subnets, seen on AWS: hashicorp/terraform-provider-aws#49846; those on security groups are of
/// other reports.
pub async fn check(ministack: &Client, request: &Request<'_>) -> Result<(), Refusal> {
    let Request { place, parameters, .. } = *request;
    let named = |list, item| parameters.list(list, item).unwrap_or_default();
    let groups = named("VpcSecurityGroupIds", "VpcSecurityGroupId");
    let groups = unknown(ministack, place, groups, "sg", ("DescribeSecurityGroups", "groupId")).await?;
    if let Some(id) = groups.first() {
        let message = format!("Invalid security group , groupId= {id}, groupName=.");
        return Err(Refusal::InvalidParameterValue(message));
    }
    let subnets = named("SubnetIds", "SubnetIdentifier");
    let subnets = unknown(ministack, place, subnets, "subnet", ("DescribeSubnets", "subnetId")).await?;
    if subnets.is_empty() {
        return Ok(());
    }
    let message = format!("Some input subnets in :[{}] are invalid.", subnets.join(", "));
    Err(Refusal::InvalidParameterValue(message))
}

/// Those of these that EC2 does not have.
async fn unknown(
    ministack: &Client,
    place: &Place,
    ids: Vec<String>,
    kind: &str,
    (action, element): (&str, &str),
) -> Result<Vec<String>, Refusal> {
    let invented = place.invented(kind);
    let ids: Vec<String> = ids.into_iter().filter(|id| *id != invented).collect();
    if ids.is_empty() {
        return Ok(ids);
    }
    let Place { account_id, region } = place;
    let all = ministack.query(account_id, region, "ec2", action, &[]).await;
    let all = all.map_err(|error| Refusal::InternalFailure(error.to_string()))?;
    Ok(ids.into_iter().filter(|id| elements(&all, element).all(|it| it != id)).collect())
}
