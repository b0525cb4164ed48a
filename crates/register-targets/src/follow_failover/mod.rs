//! State `FollowFailover`: leads a target group to a database whose address changes. It follows any DB instance, or the
//! live copy of a replication in its lane.

pub mod live_copy;
pub mod plan;

use crate::names::addresses;
use crate::{Error, subnets};
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::Database;
use lambda_support::{Config, SignedClient};
use live_copy::LiveCopy;
use plan::{Act, Seen, Wanted, plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Bounded, Deadline, Look, Waiting, parse, stage_deadline};

/// The clients of this function.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub elb: Elb,
    pub rds: Rds,
    pub secrets: Secrets,
    pub ssm: SignedClient,
    pub ec2: SignedClient,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self {
            elb: Elb::new(config),
            rds: Rds::new(config),
            secrets: Secrets::new(config),
            ssm: SignedClient::ssm(config),
            ec2: SignedClient::ec2(config),
        }
    }
}

/// What is followed, and for how long.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// What is followed.
    pub follow: Follow,
    /// For how long the target group must be seen settled. After an event the name may still be old.
    #[serde(default = "at_once")]
    pub settled_seconds: Bounded<0, 3_600>,
    /// How long it may take in all.
    #[serde(default = "stage_deadline")]
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

fn at_once() -> Bounded<0, 3_600> {
    Bounded::constant::<0>()
}

/// Which target group leads to which database.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Follow {
    /// One group to one DB instance.
    DbInstance(GroupOfInstance),
    /// The lane of a replication's live copy to that copy.
    LiveCopy(LiveCopy),
}

/// A target group and the one DB instance that it leads to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupOfInstance {
    /// The DB instance, which anybody may have made.
    pub db_instance_identifier: String,
    /// The target group.
    pub target_group_arn: String,
}

/// Whether the target group leads to the database.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the database is healthy in the group, and alone; or nothing is there to follow.
    #[serde(flatten)]
    pub look: Look,
}

/// Registers the address that the database's name leads to, and deregisters the one before once the new one is healthy.
/// Safe to repeat: what it does follows from what is registered. The live copy is looked up anew on each look.
///
/// Errors: `Snapferry.DbInstanceNotFound`, `ClusterNotServed`, `TargetAddressUnknown`, `InvalidSettings`,
/// `InvalidRequest`, `StageTimedOut`, `ElbRefused`, `Ec2Refused`, `RdsRefused`, `SecretsManagerRefused`, `SsmRefused`
/// (fatal), `ElbUnavailable`, `Ec2Unavailable`, `RdsUnavailable`, `SecretsManagerUnavailable`, `SsmUnavailable` (retry).
/// Source: ELB v2 API `RegisterTargets`, `DeregisterTargets`, `DescribeTargetHealth`; EC2 API `DescribeSubnets`; SSM API
/// `GetParameter`; Secrets Manager API `GetSecretValue`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Clients { elb, rds, secrets, ssm, ec2 } = clients;
    let request: Request = parse(payload)?;
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);
    let (followed, is_lane) = match request.follow {
        Follow::DbInstance(it) => (Ok(it), false),
        Follow::LiveCopy(it) => (live_copy::find(ssm, secrets, &it).await?, true),
    };
    let nothing = |reason: String| {
        tracing::info!(reason, "nothing to follow");
        Ok(Response { look: waiting.done("nothing to follow", reason) })
    };
    let GroupOfInstance { db_instance_identifier: identifier, target_group_arn: group } = match followed {
        Ok(followed) => followed,
        Err(reason) => return nothing(reason),
    };

    let database = Database::Instance(identifier.clone()).find(rds).await?;
    let Some(database) = database else {
        let cure = if is_lane { OF_COPY } else { OF_INSTANCE };
        return Err(Error::FollowedIsGone { identifier, cure });
    };
    let Some(endpoint) = database.endpoint else {
        return nothing(format!("DB instance {identifier} is {}, and has no endpoint", database.status));
    };
    let targets = target_group::targets(elb, &group).await?;
    let ranges = subnets::ranges(ec2, &database.subnet_ids).await?;
    let addresses = addresses(&endpoint).await;
    let seen = Seen { addresses: &addresses, ranges: &ranges, targets: &targets };
    let wanted = Wanted {
        identifier: &identifier,
        port: endpoint.port,
        is_lane,
        settled_seconds: request.settled_seconds.as_u64(),
        deadline,
    };
    let with_port = |ids: Vec<String>| ids.into_iter().map(|id| (id, endpoint.port)).collect::<Vec<_>>();
    let look = match plan(&seen, &wanted, waiting)? {
        Act::Answer(look) => look,
        Act::Register(ids) => {
            let reason = format!("registering {}", ids.join(", "));
            target_group::register(elb, &group, with_port(ids)).await?;
            waiting.wait("registering", None, deadline, reason)?
        }
        Act::Deregister(ids) => {
            let reason = format!("deregistering {}", ids.join(", "));
            target_group::deregister(elb, &group, with_port(ids)).await?;
            waiting.wait("deregistering", None, deadline, reason)?
        }
    };
    tracing::info!(database = identifier, done = look.done, reason = look.reason, "looked");
    Ok(Response { look })
}

const OF_INSTANCE: &str = "correct DbInstanceIdentifier of the stack that follows it, or delete that stack";
const OF_COPY: &str =
    "the application's secret still names it. Roll back to another copy, or start a new run";
