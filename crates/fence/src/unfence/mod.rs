//! State `Unfence`: the old primary gets its security groups back, as long as nothing was promoted.

pub mod plan;

use crate::Error;
use crate::fence::give_groups;
use aws_sdk_rds::Client as Rds;
use database::{Database, remove_tag};
use failover::{Run, StepRequest, tag};
use lambda_support::Config;
use plan::{Plan, plan};
use serde::Serialize;
use serde_json::Value;
use step::{Look, parse};

/// What became of the fence.
#[derive(Debug, Serialize)]
pub struct Response {
    /// Whether the old primary has its security groups.
    #[serde(flatten)]
    pub look: Look,
}

/// Gives the old primary the security groups that `Fence` kept in a tag. Once a promotion was asked for, it refuses: nobody
/// knows then whether there is another primary. Safe to repeat.
///
/// Errors: `Snapferry.AlreadyPromoted`, `NewerEpoch`, `OfAnotherGroup`, `SecurityGroupsUnknown`, `ClusterNotServed`,
/// `InvalidRequest`, `StageTimedOut`, `RdsRefused` (fatal), `RdsUnavailable` (retry).
/// Source: RDS API `DescribeDBInstances`, `ModifyDBInstance`, `RemoveTagsFromResource`.
pub async fn handle(config: &Config, payload: Value) -> Result<Response, Error> {
    let StepRequest { group, epoch, mode, resource, stage_deadline_seconds: deadline, waiting } =
        parse(payload)?;
    let replica = resource.into_read_replica("has an old primary")?;
    let run = Run { group, epoch, mode };
    let rds = |region: &str| Rds::new(&config.in_region(region));
    let (here, there) = (rds(replica.to.region.as_str()), rds(replica.from.region.as_str()));
    let primary = Database::Instance(replica.from.db_instance_identifier.clone());
    let standby = Database::Instance(replica.to.db_instance_identifier.clone()).find(&here).await?;
    let seen = primary.find(&there).await?;
    let look = match plan(&run, &replica.from, seen.as_ref(), standby.as_ref(), &waiting, deadline)? {
        Plan::Answer(look) => look,
        Plan::GiveBack(groups) => {
            let reason = match give_groups(&there, &primary, groups).await? {
                None => format!("{primary} gets its own security groups"),
                Some(busy) => busy,
            };
            waiting.look_at_once("given back", deadline, reason)?
        }
        Plan::Forget { arn } => {
            remove_tag(&there, &arn, tag::SECURITY_GROUPS).await?;
            waiting.done("unfenced", format!("{primary} has its own security groups"))
        }
    };
    tracing::info!(group = %run.group, epoch = %run.epoch, resource = %replica.name, done = look.done,
        reason = look.reason, "looked");
    Ok(Response { look })
}
