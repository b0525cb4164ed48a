//! State `FollowFailover`: leads a target group to a DB instance whose address changes. It needs no replication.

pub mod plan;

use crate::names::addresses;
use crate::{Error, subnets};
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use database::Database;
use lambda_support::{Config, SignedClient};
use plan::{Act, Seen, Wanted, plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, Look, Waiting, parse, stage_deadline};

/// The clients of this function.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub elb: Elb,
    pub rds: Rds,
    pub ec2: SignedClient,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self { elb: Elb::new(config), rds: Rds::new(config), ec2: SignedClient::ec2(config) }
    }
}

/// Which target group follows which DB instance.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The DB instance, which anybody may have made.
    pub db_instance_identifier: String,
    /// The target group.
    pub target_group_arn: String,
    /// How long it may take in all.
    #[serde(default = "stage_deadline")]
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// Whether the target group leads to the DB instance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether two looks saw the DB instance healthy in the group, and alone.
    #[serde(flatten)]
    pub look: Look,
}

/// Registers the address that the DB instance's name leads to, and deregisters the one before once the new one is
/// healthy. Safe to repeat, and to run twice at once: what it does follows from what is registered.
///
/// Errors: `Snapferry.DbInstanceNotFound`, `ClusterNotServed`, `TargetAddressUnknown`, `InvalidRequest`,
/// `StageTimedOut`, `ElbRefused`, `Ec2Refused`, `RdsRefused` (fatal), `ElbUnavailable`, `Ec2Unavailable`, `RdsUnavailable` (retry).
/// Source: ELB v2 API `RegisterTargets`, `DeregisterTargets`, `DescribeTargetHealth`; EC2 API `DescribeSubnets`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Clients { elb, rds, ec2 } = clients;
    let request: Request = parse(payload)?;
    let (identifier, group) = (request.db_instance_identifier.as_str(), request.target_group_arn.as_str());
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);

    let database = Database::Instance(identifier.to_owned()).find(rds).await?;
    let database = database.ok_or_else(|| Error::DbInstanceNotFound(identifier.to_owned()))?;
    let endpoint = database.endpoint.ok_or_else(|| Error::DbInstanceNotFound(identifier.to_owned()))?;
    let targets = target_group::targets(elb, group).await?;
    let ranges = subnets::ranges(ec2, &database.subnet_ids).await?;
    let addresses = addresses(&endpoint).await;
    let seen = Seen { addresses: &addresses, ranges: &ranges, targets: &targets };
    let with_port = |ids: Vec<String>| ids.into_iter().map(|id| (id, endpoint.port)).collect::<Vec<_>>();
    let look = match plan(&seen, &Wanted { identifier, port: endpoint.port, deadline }, waiting)? {
        Act::Answer(look) => look,
        Act::Register(ids) => {
            let reason = format!("registering {}", ids.join(", "));
            target_group::register(elb, group, with_port(ids)).await?;
            waiting.wait("registering", None, deadline, reason)?
        }
        Act::Deregister(ids) => {
            let reason = format!("deregistering {}", ids.join(", "));
            target_group::deregister(elb, group, with_port(ids)).await?;
            waiting.wait("deregistering", None, deadline, reason)?
        }
    };
    tracing::info!(database = identifier, done = look.done, reason = look.reason, "looked");
    Ok(Response { look })
}
