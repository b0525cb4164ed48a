//! State `CheckReach`: looks at the lanes before anything is copied or restored.

use crate::{Error, db_proxy, group, plan};
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
    /// RDS's name of the engine of copies: not every proxy serves it.
    #[serde(default)]
    pub engine: Option<String>,
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
/// `DescribeDBProxies`, `DescribeDBSubnetGroups`.
pub async fn handle(elb: &Elb, rds: &Rds, payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let vpc_id = match &request.db_subnet_group_name {
        Some(name) => vpc_of(rds, name).await?,
        None => None,
    };
    let (vpc_id, engine) = (vpc_id.as_deref(), request.engine.as_deref());
    let lanes = match &request.reach {
        Reach::NetworkLoadBalancer(it) => {
            for lane in &it.lanes {
                let seen = group::look_at(elb, &lane.target_group_arn).await?;
                plan::can_be_lane(lane, seen.as_ref(), vpc_id)?;
            }
            it.lanes.len()
        }
        Reach::DbProxy(it) => {
            for lane in &it.lanes {
                let seen = target_group::db_proxy::look_up(rds, &lane.db_proxy_name).await?;
                db_proxy::can_be_lane(lane, seen.as_ref(), vpc_id, engine)?;
            }
            it.lanes.len()
        }
    };
    tracing::info!(lanes, "looked");
    Ok(Response { lanes })
}

/// The VPC of a DB subnet group; `None` when there is no such group, which `Restore` tells.
async fn vpc_of(rds: &Rds, db_subnet_group_name: &str) -> Result<Option<String>, CallFailed> {
    let answer = rds.describe_db_subnet_groups().db_subnet_group_name(db_subnet_group_name).send().await;
    let answer =
        found(Service::Rds, "DescribeDBSubnetGroups", answer, |e| e.is_db_subnet_group_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_subnet_groups?.into_iter().next()?.vpc_id))
}
