//! An RDS Proxy with its one target group: how it is, and how its target comes and goes.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbProxy, DbProxyTarget};
use lambda_support::{CallFailed, Service, call_failed, found};

/// The one target group of every proxy.
const GROUP: &str = "default";

/// What a look saw of a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DbProxySeen {
    /// Its own DNS name.
    pub endpoint: String,
    /// RDS's word for its status.
    pub status: String,
    /// The family of engines that it serves.
    pub engine_family: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Whether it refuses clients without TLS.
    pub requires_tls: bool,
    /// The role by which it reads its secrets; empty when it has none.
    pub role_arn: String,
    /// The secrets that it knows logins by.
    pub secret_arns: Vec<String>,
    /// Whether clients log in with a token of IAM.
    pub takes_iam_tokens: bool,
}

/// What a look saw of a proxy's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbProxyTargetSeen {
    /// The DB instance or DB cluster.
    pub identifier: String,
    /// How it is.
    pub health: DbProxyHealth,
    /// RDS's reason, such as `AUTH_FAILURE`; empty when there is none.
    pub reason: String,
}

/// How a proxy's target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbProxyHealth {
    /// The proxy logs in to it.
    Available,
    /// The proxy does not get in.
    Unavailable,
    /// It is being registered, or RDS does not say.
    Unknown,
}

impl DbProxyHealth {
    /// Reads RDS's word. Source: RDS API, TargetHealth, `State`.
    pub fn of(state: &str) -> Self {
        match state {
            "AVAILABLE" => Self::Available,
            "UNAVAILABLE" => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

/// Looks at a proxy; `None` when it does not exist.
pub async fn look_up(rds: &Client, name: &str) -> Result<Option<DbProxySeen>, CallFailed> {
    let answer = rds.describe_db_proxies().db_proxy_name(name).send().await;
    let answer = found(Service::Rds, "DescribeDBProxies", answer, |e| e.is_db_proxy_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_proxies?.into_iter().next()).map(seen))
}

fn seen(it: DbProxy) -> DbProxySeen {
    let auth = it.auth.unwrap_or_default();
    DbProxySeen {
        takes_iam_tokens: auth
            .iter()
            .any(|it| it.iam_auth.as_ref().is_some_and(|it| it.as_str() == "REQUIRED")),
        secret_arns: auth.into_iter().filter_map(|it| it.secret_arn).collect(),
        endpoint: it.endpoint.unwrap_or_default(),
        status: it.status.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        engine_family: it.engine_family.unwrap_or_default(),
        vpc_id: it.vpc_id.unwrap_or_default(),
        requires_tls: it.require_tls.unwrap_or_default(),
        role_arn: it.role_arn.unwrap_or_default(),
    }
}

/// The targets of a proxy; none when the proxy does not exist.
pub async fn targets(rds: &Client, name: &str) -> Result<Vec<DbProxyTargetSeen>, CallFailed> {
    let answer = rds.describe_db_proxy_targets().db_proxy_name(name).target_group_name(GROUP).send().await;
    let answer = found(Service::Rds, "DescribeDBProxyTargets", answer, |e| e.is_db_proxy_not_found_fault())?;
    Ok(answer.and_then(|it| it.targets).unwrap_or_default().into_iter().filter_map(target).collect())
}

fn target(it: DbProxyTarget) -> Option<DbProxyTargetSeen> {
    let health = it.target_health;
    let state = health.as_ref().and_then(|it| it.state.as_ref()).map_or("", |it| it.as_str());
    Some(DbProxyTargetSeen {
        identifier: it.rds_resource_id?,
        health: DbProxyHealth::of(state),
        reason: health.and_then(|it| it.reason).map(|it| it.as_str().to_owned()).unwrap_or_default(),
    })
}

/// Makes a DB instance the target of a proxy.
pub async fn register(rds: &Client, name: &str, db_instance_identifier: &str) -> Result<(), CallFailed> {
    let register = rds.register_db_proxy_targets().db_proxy_name(name).target_group_name(GROUP);
    match register.db_instance_identifiers(db_instance_identifier).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(call_failed(Service::Rds, "RegisterDBProxyTargets", &error)),
    }
}

/// Takes a DB instance away from a proxy.
pub async fn deregister(rds: &Client, name: &str, db_instance_identifier: &str) -> Result<(), CallFailed> {
    let deregister = rds.deregister_db_proxy_targets().db_proxy_name(name).target_group_name(GROUP);
    match deregister.db_instance_identifiers(db_instance_identifier).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(call_failed(Service::Rds, "DeregisterDBProxyTargets", &error)),
    }
}

/// Whether RDS refused for a reason that the next look sees or that passes: the DB instance or the proxy is busy, or
/// somebody else was faster.
///
/// Source: RDS API, RegisterDBProxyTargets and DeregisterDBProxyTargets, Errors.
pub fn passes(failed: &CallFailed) -> bool {
    const PASSING: [&str; 6] = [
        "DBProxyTargetAlreadyRegisteredFault",
        "DBProxyTargetNotFoundFault",
        "InvalidDBInstanceState",
        "InvalidDBInstanceStateFault",
        "InvalidDBProxyStateFault",
        "InsufficientAvailableIPsInSubnetFault",
    ];
    PASSING.contains(&failed.code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of the API, and one of next year.
    #[test]
    fn every_state_of_a_target_is_known() {
        for (state, expected) in [
            ("AVAILABLE", DbProxyHealth::Available),
            ("UNAVAILABLE", DbProxyHealth::Unavailable),
            ("REGISTERING", DbProxyHealth::Unknown),
            ("UNUSED", DbProxyHealth::Unknown),
            ("RESTING", DbProxyHealth::Unknown),
        ] {
            assert_eq!(DbProxyHealth::of(state), expected, "{state}");
        }
    }
}
