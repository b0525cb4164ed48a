//! State `CheckReach`: looks at the lanes before anything is copied or restored.

use crate::Error;
use crate::group;
use crate::plan::usable;
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use lambda_support::{CallFailed, Service, found};
use replication::Reach;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::parse;

/// The lanes, and where copies will be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The lanes.
    pub reach: Reach,
    /// The DB subnet group of copies; when it is absent, their VPC is not known yet.
    #[serde(default)]
    pub db_subnet_group_name: Option<String>,
}

/// What was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// How many lanes can be used: all of them.
    pub lanes: usize,
}

/// Refuses lanes that no copy could be reached by. It changes nothing.
///
/// Errors: `Snapferry.ReachNotUsable`, `InvalidRequest`, `ElbRefused`, `RdsRefused` (fatal), `ElbUnavailable`,
/// `RdsUnavailable` (retry).
/// Source: ELB v2 API `DescribeTargetGroups`, `DescribeLoadBalancers`, `DescribeListeners`, `DescribeTags`; RDS API
/// `DescribeDBSubnetGroups`.
pub async fn handle(elb: &Elb, rds: &Rds, payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let vpc_id = match &request.db_subnet_group_name {
        Some(name) => vpc_of(rds, name).await?,
        None => None,
    };
    let lanes = request.reach.lanes();
    for lane in lanes {
        usable(lane, group::look_at(elb, &lane.target_group_arn).await?.as_ref(), vpc_id.as_deref())?;
    }
    tracing::info!(lanes = lanes.len(), "looked");
    Ok(Response { lanes: lanes.len() })
}

/// The VPC of a DB subnet group; `None` when there is no such group, which `Restore` tells.
async fn vpc_of(rds: &Rds, db_subnet_group_name: &str) -> Result<Option<String>, CallFailed> {
    let answer = rds.describe_db_subnet_groups().db_subnet_group_name(db_subnet_group_name).send().await;
    let answer =
        found(Service::Rds, "DescribeDBSubnetGroups", answer, |e| e.is_db_subnet_group_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_subnet_groups?.into_iter().next()?.vpc_id))
}
