//! State `Promote`: the read replica becomes the primary. There is no way back.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client as Rds;
use database::{Database, add_tags, busy_or_failed};
use failover::{Endpoint, Run, StepRequest};
use lambda_support::{CallFailed, Config};
use plan::{ASKED, Plan, plan};
use serde::Serialize;
use serde_json::Value;
use step::{Look, parse};

/// What became of the replica.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether it is the primary.
    #[serde(flatten)]
    pub look: Look,
    /// Where it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

/// Promotes the replica. It tags the replica with the failover before it asks RDS, so that each look knows that a
/// promotion may have begun. It is done once RDS names no source any more and two looks in a row see it available: the
/// status changes late.
///
/// An answer that RDS did not give is no refusal. Then the next looks tell, and only a replica that is still one after a
/// minute is asked for once more.
///
/// Errors: `Snapferry.NewerEpoch`, `OfAnotherGroup`, `WrongDirection`, `MemberNotFound`, `MemberNotAvailable`,
/// `PromotedBySomebodyElse`, `ClusterNotServed`, `InvalidRequest`, `StageTimedOut`, `RdsRefused` (fatal),
/// `RdsUnavailable` (retry).
/// Source: RDS API `DescribeDBInstances`, `AddTagsToResource`, `PromoteReadReplica`.
pub async fn handle(config: &Config, payload: Value) -> Result<Response, Error> {
    let StepRequest { group, epoch, mode, resource, stage_deadline_seconds: deadline, waiting } =
        parse(payload)?;
    let replica = resource.into_read_replica("can be promoted")?;
    let run = Run { group, epoch, mode };
    let rds = Rds::new(&config.in_region(replica.to.region.as_str()));
    let database = Database::Instance(replica.to.db_instance_identifier.clone());
    let seen = database.find(&rds).await?.ok_or_else(|| Error::MemberNotFound(database.to_string()))?;
    let look = match plan(&run, &replica.from, &seen, &waiting, deadline)? {
        Plan::Answer(look) => look,
        Plan::Promote { tags, backup_retention_period } => {
            if let Some(tags) = tags {
                add_tags(&rds, &seen.arn, tags).await?;
            }
            let asked = database.promote_read_replica(&rds, backup_retention_period).await;
            let reason = after(&database, asked)?;
            waiting.started().look_at_once(ASKED, deadline, reason)?
        }
    };
    tracing::info!(group = %run.group, epoch = %run.epoch, resource = %replica.name, done = look.done,
        reason = look.reason, "looked");
    let endpoint =
        seen.endpoint.map(|it| Endpoint { engine: seen.engine, address: it.address, port: it.port });
    Ok(Response { look, endpoint })
}

/// What a promotion that was asked for leads to: in any case another look, unless RDS refused it for good.
fn after(database: &Database, asked: Result<(), CallFailed>) -> Result<String, CallFailed> {
    match asked {
        Ok(()) => Ok(format!("RDS promotes {database}")),
        Err(failed) if failed.name.retryable() => {
            Ok(format!("nobody knows yet whether RDS promotes {database}: {failed}"))
        }
        Err(failed) => busy_or_failed(database, failed),
    }
}
