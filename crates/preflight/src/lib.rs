//! State `Preflight`: looks at every database of the failover in both Regions before anything is changed, and again after a
//! failure.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client as Rds;
use database::{Database, DatabaseSeen};
use failover::{EpochId, GroupName, Mode, ReadReplica, Resource, ResourceLayer, Run};
use lambda_support::{CallFailed, Config};
use plan::{Pair, fenced, nothing_was_promoted, plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, Look, Waiting, parse};

/// The failover, with all its resources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The group.
    pub group: GroupName,
    /// The epoch that the failover begins.
    pub epoch: EpochId,
    /// Whether the old Region takes part.
    pub mode: Mode,
    /// The resources, layer by layer.
    pub layers: Vec<ResourceLayer>,
    /// Whether the failover failed: then only what was promoted is looked at.
    #[serde(default)]
    pub has_failed: bool,
    /// How long the stage may wait in all.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the failover can go on.
    #[serde(flatten)]
    pub look: Look,
    /// Whether it can be undone: surely it promoted nothing.
    pub can_be_undone: bool,
    /// The resources whose old primaries it fenced.
    pub fenced: Vec<Resource>,
    /// What people should know, but does not stop the failover.
    pub warnings: Vec<String>,
}

/// Looks at each replica and its source. RDS says who is what: a failover in the wrong direction is refused, and what this
/// failover promoted already counts as done. It waits while a database is backed up or changed. It changes nothing.
///
/// Errors: `Snapferry.MemberNotFound`, `MemberNotTagged`, `CopyInGroup`, `WrongDirection`, `MemberNotAvailable`,
/// `ReplicationBroken`, `StandbyNotFit`, `NewerEpoch`, `OfAnotherGroup`, `ClusterNotServed`, `InvalidRequest`,
/// `StageTimedOut`, `RdsRefused` (fatal), `RdsUnavailable` (retry).
/// Source: RDS API `DescribeDBInstances`.
pub async fn handle(config: &Config, payload: Value) -> Result<Response, Error> {
    let Request { group, epoch, mode, layers, has_failed, stage_deadline_seconds, waiting } = parse(payload)?;
    let run = Run { group, epoch, mode };
    let mut pairs = Vec::new();
    for resource in layers.into_iter().flat_map(|it| it.resources) {
        if let Resource::RdsReadReplica(replica) = resource {
            pairs.push(look(config, *replica).await?);
        }
    }
    let can_be_undone = nothing_was_promoted(&run, &pairs);
    let (look, warnings) = match has_failed {
        true => (waiting.done("looked", "looked at what was promoted"), Vec::new()),
        false => plan(&run, &pairs, &waiting, stage_deadline_seconds)?,
    };
    tracing::info!(group = %run.group, epoch = %run.epoch, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, can_be_undone, fenced: fenced(&run, pairs), warnings })
}

/// Looks at a replica and its source, each in its Region.
async fn look(config: &Config, replica: ReadReplica) -> Result<Pair, CallFailed> {
    let find = async |region: &str, identifier: &str| -> Result<Option<DatabaseSeen>, CallFailed> {
        let rds = Rds::new(&config.in_region(region));
        Database::Instance(identifier.to_owned()).find(&rds).await
    };
    let from = find(replica.from.region.as_str(), &replica.from.db_instance_identifier).await?;
    let to = find(replica.to.region.as_str(), &replica.to.db_instance_identifier).await?;
    Ok(Pair { replica, from, to })
}
