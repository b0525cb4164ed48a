//! State `Fence`: the old primary gets the quarantine's security group, and its sessions are ended.

pub mod plan;

use crate::end_sessions::sessions::Sessions;
use crate::end_sessions::{self, Act};
use crate::{END_SESSIONS, Error};
use aws_sdk_rds::Client as Rds;
use database::{Changes, Database, DatabaseSeen, add_tags, busy_or_failed};
use failover::{Endpoint, Mode, ReadReplica, Run, StepRequest};
use lambda_support::{Config, Invoked, SignedClient};
use plan::{Found, Plan, after_end, before_swap, plan, replicates};
use serde::Serialize;
use serde_json::Value;
use step::{Deadline, Look, Waiting, parse};

/// What became of the old primary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether there is nothing left to do.
    #[serde(flatten)]
    pub look: Look,
    /// Whether no application writes into the old primary any more. When an unplanned failover is done without, the old
    /// Region may still take writes.
    pub fenced: bool,
    /// How far the old primary wrote its log in all, once it is fenced: the replica must replay so much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<String>,
    /// Where the replica answers, when it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

/// Fences the old primary. Before anything changes it logs in there once and looks for what writes inside the server. It
/// keeps the security groups in a tag, swaps them, ends the sessions, and looks again until two looks in a row find nobody.
/// Then replication into the replica must still run: if not, the old primary gets its security groups back at once.
///
/// An unplanned failover tries all this a few times, and goes on without a fence when it cannot have one.
///
/// Errors: `Snapferry.NewerEpoch`, `OfAnotherGroup`, `WrongDirection`, `MemberNotFound`, `MemberNotAvailable`,
/// `ReplicationBroken`, `WritersInside`, `SessionsNotEnded`, `SecurityGroupsUnknown`, `ClusterNotServed`, `InvalidRequest`, `StageTimedOut`,
/// `RdsRefused`, `LambdaRefused` (fatal), `RdsUnavailable`, `LambdaUnavailable` (retry).
/// Source: RDS API `DescribeDBInstances`, `AddTagsToResource`, `ModifyDBInstance`; Lambda API `Invoke`.
pub async fn handle(config: &Config, payload: Value) -> Result<Response, Error> {
    let StepRequest { group, epoch, mode, resource, stage_deadline_seconds, waiting } = parse(payload)?;
    let replica = resource.into_read_replica("has an old primary")?;
    let run = Run { group, epoch, mode };
    let step = Step { run: &run, replica: &replica, waiting: &waiting, deadline: stage_deadline_seconds };
    let answer = match (mode, step.look(config).await) {
        (Mode::Planned, answer) => answer?,
        (Mode::Unplanned, answer) => plan::unplanned(answer, &waiting, stage_deadline_seconds)?,
    };
    tracing::info!(group = %run.group, epoch = %run.epoch, resource = %replica.name, done = answer.look.done,
        fenced = answer.fenced, reason = answer.look.reason, "looked");
    Ok(answer)
}

/// One look of one failover.
struct Step<'a> {
    run: &'a Run,
    replica: &'a ReadReplica,
    waiting: &'a Waiting,
    deadline: Deadline,
}

impl Step<'_> {
    async fn look(&self, config: &Config) -> Result<Response, Error> {
        let there = config.in_region(self.replica.from.region.as_str());
        let (rds, lambda) = (Rds::new(&there), SignedClient::lambda(&there));
        let here = Rds::new(&config.in_region(self.replica.to.region.as_str()));
        let primary = Database::Instance(self.replica.from.db_instance_identifier.clone());
        let standby = Database::Instance(self.replica.to.db_instance_identifier.clone());
        let seen = primary.find(&rds).await?.ok_or_else(|| Error::MemberNotFound(primary.to_string()))?;
        let copied = standby.find(&here).await?.ok_or_else(|| Error::MemberNotFound(standby.to_string()))?;
        let found = Found { run: self.run, from: &self.replica.from, primary: &seen, replica: &copied };
        let answer =
            |look: Look, fenced, up_to| Ok(Response { look, fenced, up_to, endpoint: endpoint_of(&copied) });
        match plan(&found, self.waiting, self.deadline)? {
            Plan::Wait(look) => answer(look, false, None),
            Plan::Swap { tags } => {
                if self.run.mode == Mode::Planned {
                    before_swap(&found, &self.end_sessions(&lambda, &seen, Act::Look).await?)?;
                }
                if let Some(tags) = tags {
                    add_tags(&rds, &seen.arn, tags).await?;
                }
                let quarantine = vec![self.replica.from.quarantine_security_group_id.clone()];
                let reason = match give_groups(&rds, &primary, quarantine).await? {
                    None => format!("{primary} gets the quarantine's security group"),
                    Some(busy) => busy,
                };
                answer(self.waiting.look_at_once("swapped", self.deadline, reason)?, false, None)
            }
            Plan::EndSessions => {
                let sessions = self.end_sessions(&lambda, &seen, Act::End).await?;
                let (look, up_to) = after_end(&found, &sessions, self.waiting, self.deadline)?;
                if let Err(broken) = replicates(&found) {
                    let own = plan::kept_groups(&seen.tags);
                    give_groups(&rds, &primary, own).await?;
                    return Err(broken);
                }
                answer(look, up_to.is_some(), up_to)
            }
        }
    }

    /// Has the sessions of the old primary ended, or looked at, in its own VPC.
    async fn end_sessions(
        &self,
        lambda: &SignedClient,
        primary: &DatabaseSeen,
        act: Act,
    ) -> Result<Sessions, Error> {
        let failed = |reason: String| Error::SessionsNotEnded {
            function: END_SESSIONS,
            region: self.replica.from.region.to_string(),
            reason,
        };
        let endpoint = endpoint_of(primary)
            .ok_or_else(|| failed(format!("RDS says no endpoint of {} yet", primary.database)))?;
        let request =
            end_sessions::Request { master_secret_id: self.replica.master_secret_id.clone(), endpoint, act };
        let request = serde_json::to_value(request).map_err(|error| failed(error.to_string()))?;
        match lambda.invoke(END_SESSIONS, &request).await? {
            Invoked::Answered(answer) => serde_json::from_value(answer)
                .map_err(|error| failed(format!("it answers otherwise than this version expects: {error}"))),
            Invoked::Failed { error_type, error_message } => {
                Err(failed(format!("{error_type}: {error_message}")))
            }
        }
    }
}

/// Gives a DB instance these security groups; the reason when it is busy.
pub(crate) async fn give_groups(
    rds: &Rds,
    database: &Database,
    groups: Vec<String>,
) -> Result<Option<String>, Error> {
    let changes = Changes { vpc_security_group_ids: Some(groups), ..Changes::default() };
    match database.modify(rds, changes).await {
        Ok(()) => Ok(None),
        Err(failed) => Ok(Some(busy_or_failed(database, failed)?)),
    }
}

fn endpoint_of(seen: &DatabaseSeen) -> Option<Endpoint> {
    let it = seen.endpoint.as_ref()?;
    Some(Endpoint { engine: seen.engine.clone(), address: it.address.clone(), port: it.port })
}
