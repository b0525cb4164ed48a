//! Looks at what there is in the account, made by Snapferry or not.

use crate::lanes::{Addresses, DbProxyLane, Lanes, names};
use crate::live::{ApplicationSecret, Pointer};
use crate::log_group;
use crate::resource::{Kind, Owned, Resource};
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::{Database, DatabaseSeen, SnapshotSeen, snapshot};
use lambda_support::{CallFailed, SignedClient};
use replication::{Reach, ReplicationName, Run, RunId, tag};
use secret::SecretListed;
use step::Tags;
use target_group::db_proxy;

/// The application's secret: where it leads, and the run that it pins.
pub(crate) async fn application_secret(
    secrets: &Secrets,
    secret: &str,
) -> Result<ApplicationSecret, CallFailed> {
    let value = secret::read_current(secrets, secret).await?.value();
    let described = secret::describe(secrets, secret).await?.unwrap_or_default();
    Ok(ApplicationSecret {
        pointer: value.as_ref().map(Pointer::of),
        pinned: described.tags.get(tag::PINNED).cloned().map(RunId::try_from).transpose(),
    })
}

/// All manual DB snapshots of the account.
pub(crate) async fn snapshots(rds: &Rds) -> Result<Vec<Resource>, CallFailed> {
    Ok(snapshot::list_manual(rds).await?.into_iter().map(Resource::from).collect())
}

/// All databases of the account.
pub(crate) async fn databases(rds: &Rds) -> Result<Vec<Resource>, CallFailed> {
    Ok(Database::list(rds).await?.into_iter().map(Resource::from).collect())
}

/// All secrets that are named as this replication's are.
pub(crate) async fn secrets(
    secrets: &Secrets,
    replication: &ReplicationName,
) -> Result<Vec<Resource>, CallFailed> {
    let listed = secret::list(secrets, &Run::secret_name_prefix(replication)).await?;
    Ok(listed.into_iter().map(Resource::from).collect())
}

/// All log groups that are named as those of this replication's copies are.
pub(crate) async fn log_groups(
    logs: &SignedClient,
    replication: &ReplicationName,
) -> Result<Vec<Resource>, CallFailed> {
    let names = log_group::list(logs, &Run::log_group_prefix(replication)).await?;
    let seen = |identifier| Resource {
        identifier,
        kind: Kind::LogGroup,
        status: String::new(),
        created_at: None,
        tags: Tags::new(),
    };
    Ok(names.into_iter().map(seen).collect())
}

/// What the lanes lead to. A target group or a proxy that is gone leads nowhere.
pub(crate) async fn lanes<'a>(
    elb: &Elb,
    rds: &Rds,
    reach: Option<&'a Reach>,
) -> Result<Lanes<'a>, CallFailed> {
    match reach {
        None => Ok(Lanes::Nothing),
        Some(Reach::NetworkLoadBalancer(it)) => {
            let mut all = Vec::new();
            for lane in &it.lanes {
                match target_group::targets(elb, &lane.target_group_arn).await {
                    Ok(targets) => all.extend(targets),
                    Err(failed) if failed.code == "TargetGroupNotFound" => {}
                    Err(failed) => return Err(failed),
                }
            }
            Ok(Lanes::LoadBalancer(it, all))
        }
        Some(Reach::DbProxy(it)) => {
            let mut all = Vec::new();
            for lane in &it.lanes {
                let Some(found) = db_proxy::look_up(rds, &lane.db_proxy_name).await? else { continue };
                let targets = db_proxy::targets(rds, &lane.db_proxy_name).await?;
                let identifiers = targets.into_iter().map(|it| it.identifier).collect();
                all.push(DbProxyLane { endpoint: found.endpoint, identifiers });
            }
            Ok(Lanes::DbProxies(all))
        }
    }
}

/// The addresses that the names of these DB instances lead to. Outside their VPC, too, it is the private ones.
///
/// Source: RDS User Guide, "Hiding a DB instance in a VPC from the internet".
pub(crate) async fn addresses(owned: &[Owned]) -> Addresses {
    let mut addresses = Addresses::new();
    for (run, name, port) in names(owned) {
        let found = tokio::net::lookup_host((name, port)).await;
        let found = found.into_iter().flatten().map(|it| it.ip().to_string());
        addresses.entry(run.clone()).or_default().extend(found);
    }
    addresses
}

impl From<SnapshotSeen> for Resource {
    fn from(it: SnapshotSeen) -> Self {
        Self {
            identifier: it.identifier,
            kind: Kind::Snapshot,
            status: it.status,
            created_at: it.created_at,
            tags: it.tags,
        }
    }
}

impl From<DatabaseSeen> for Resource {
    fn from(it: DatabaseSeen) -> Self {
        Self {
            identifier: it.database.identifier().to_owned(),
            kind: Kind::Database { protected: it.is_protected(), endpoint: it.endpoint },
            status: it.status,
            created_at: it.created_at,
            tags: it.tags,
        }
    }
}

impl From<SecretListed> for Resource {
    fn from(it: SecretListed) -> Self {
        let (kind, status) = (Kind::Secret, String::new());
        Self { identifier: it.name, kind, status, created_at: it.created_at, tags: it.tags }
    }
}
