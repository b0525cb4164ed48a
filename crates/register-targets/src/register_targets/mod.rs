//! State `RegisterTargets`: makes a copy the only target of a lane that the live copy does not use.

mod lane;
pub mod plan;

use crate::names::addresses;
use crate::plan::usable;
use crate::{Error, GroupSeen, group, subnets};
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::{Database, DatabaseSeen, Endpoint};
use jiff::{SignedDuration, Timestamp};
use lambda_support::{Config, SignedClient};
use plan::{Act, CopySeen, LaneSeen, Seen, Wanted, after, plan};
use replication::{HeldLane, Pin, Reach, ReachPath, ReplicationName, Run, RunId, tag};
use secret::SecretValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use step::{Bounded, Deadline, Look, Waiting, parse};

/// The clients of this function.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub elb: Elb,
    pub rds: Rds,
    pub secrets: Secrets,
    pub ec2: SignedClient,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self {
            elb: Elb::new(config),
            rds: Rds::new(config),
            secrets: Secrets::new(config),
            ec2: SignedClient::ec2(config),
        }
    }
}

/// Which copy needs a lane, and what bounds the choice.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run that made the copy.
    pub run: RunId,
    /// The lanes.
    pub reach: Reach,
    /// The application's secret, which names the live copy.
    pub application_secret_arn: String,
    /// A copy that was live so many hours ago keeps its lane.
    pub cutover_grace_hours: Bounded<0, 8760>,
    /// What becomes of the pin when the copy goes live: a run respects it.
    #[serde(default)]
    pub pin: Pin,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// The lane that the copy has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the copy is healthy in a lane, and alone there.
    #[serde(flatten)]
    pub look: Look,
    /// The lane; null while the copy has none, and when the copy does not go live.
    pub lane: Option<HeldLane>,
    /// The lane as a path that must be proven.
    pub paths: Vec<ReachPath>,
    /// Whether the copy is live: its password may have been rotated since.
    pub live: bool,
}

/// Makes the copy the only target of a lane. Safe to repeat: what it does follows from what is registered.
///
/// It takes the lane that the copy has, else a free one, else the lane of the oldest copy that no longer needs it. It
/// never touches the lane that the application's secret names, nor a target that is live, within the grace, newer than
/// the copy, or on another port. When every lane is taken, it waits.
/// Errors: `Snapferry.ReachNotUsable`, `TargetAddressUnknown`, `TargetNotHealthy`, `DbInstanceNotFound`,
/// `DbInstanceNotOurs`, `InvalidRequest`, `StageTimedOut`, `ElbRefused`, `Ec2Refused`, `RdsRefused`,
/// `SecretsManagerRefused` (fatal), `ElbUnavailable`, `Ec2Unavailable`, `RdsUnavailable`, `SecretsManagerUnavailable`
/// (retry).
/// Source: ELB v2 API `RegisterTargets`, `DeregisterTargets`, `DescribeTargetHealth`; EC2 API `DescribeSubnets`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Clients { elb, rds, secrets, ec2 } = clients;
    let request: Request = parse(payload)?;
    let (run, waiting) = (Run::new(&request.replication, &request.run), &request.waiting);
    let deadline = request.stage_deadline_seconds;

    let databases = Database::list(rds).await?;
    let database = own(&run, &databases)?;
    let Some(endpoint) = &database.endpoint else { return Err(Error::DbInstanceNotFound(run.identifier())) };
    let mut groups = Vec::new();
    let mut lanes = Vec::new();
    for lane in request.reach.lanes() {
        let found = group::look_at(elb, &lane.target_group_arn).await?;
        usable(lane, found.as_ref(), database.vpc_id.as_deref())?;
        let targets = target_group::targets(elb, &lane.target_group_arn).await?;
        let target_group_arn = lane.target_group_arn.clone();
        lanes.push(LaneSeen { target_group_arn, port: lane.port(), targets });
        groups.push(found.unwrap_or_default());
    }
    let application = request.application_secret_arn.as_str();
    let said = secret::read_current(secrets, application).await?.value();
    let described = secret::describe(secrets, application).await?.unwrap_or_default();
    let copies = copies(&request, &databases).await;
    let ranges = subnets::ranges(ec2, &database.subnet_ids).await?;
    let seen = Seen {
        lanes: &lanes,
        copies: &copies,
        live: said.as_ref().map(|it| live(it, &request.replication, &databases)),
        live_port: said.as_ref().and_then(|it| u16::try_from(it.endpoint()?.1?).ok()),
        pinned: described.tags.get(tag::PINNED).map(String::as_str),
        ranges: &ranges,
    };
    let from = match &request.reach.network_load_balancer.load_balancer_security_group_id {
        Some(id) => format!("the load balancer's security group {id}"),
        None => "the load balancer's security group".to_owned(),
    };
    let wanted = Wanted { pin: request.pin, from: &from, deadline };
    let own = copies.iter().find(|it| it.run == run);
    let own = own.ok_or_else(|| Error::DbInstanceNotFound(run.identifier()))?;

    let act = plan(own, &seen, &wanted, waiting)?;
    let status = after(&act);
    let (look, held) = match act {
        Act::Wait(look) => (look, None),
        Act::Done { look, lane } => (look, lane),
        Act::Register { lane, targets } => {
            let reason = format!("registering DB instance {} at port {}", run.identifier(), lanes[lane].port);
            target_group::register(elb, &lanes[lane].target_group_arn, targets).await?;
            (waiting.wait(status, None, deadline, reason)?, None)
        }
        Act::Deregister { lane, targets } => {
            let reason = format!("deregistering what no longer needs port {}", lanes[lane].port);
            target_group::deregister(elb, &lanes[lane].target_group_arn, targets).await?;
            (waiting.wait(status, None, deadline, reason)?, None)
        }
    };
    let is_live = seen.live.as_ref().is_some_and(|it| it.contains(&run.id));
    let lane = held.map(|lane| held_lane(&request.reach, &groups[lane], &lanes[lane], own, endpoint));
    let paths = lane.iter().map(|lane| path(&request.reach, lane)).collect();
    tracing::info!(run = %run.id, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, lane, paths, live: is_live })
}

/// The run's DB instance, if the run made it.
fn own<'a>(run: &Run, databases: &'a [DatabaseSeen]) -> Result<&'a DatabaseSeen, Error> {
    let identifier = run.identifier();
    let found = databases.iter().find(|it| it.database.identifier() == identifier);
    let Some(found) = found else { return Err(Error::DbInstanceNotFound(identifier)) };
    match run.made(&identifier, &found.tags) {
        true => Ok(found),
        false => Err(Error::DbInstanceNotOurs(identifier)),
    }
}

/// Every copy of the replication that has an endpoint, with the addresses that its name leads to.
async fn copies(request: &Request, databases: &[DatabaseSeen]) -> Vec<CopySeen> {
    let grace = SignedDuration::from_hours(i64::from(request.cutover_grace_hours));
    let since = Timestamp::now() - grace;
    let mut copies = Vec::new();
    for it in databases {
        let Some(run) = Run::that_made(it.database.identifier(), &it.tags) else { continue };
        let Some(endpoint) = it.endpoint.as_ref().filter(|_| run.replication == request.replication) else {
            continue;
        };
        let last_live = it.tags.get(tag::LAST_LIVE).map(|at| at.parse::<Timestamp>());
        copies.push(CopySeen {
            run,
            addresses: addresses(endpoint).await,
            port: endpoint.port,
            // A time that cannot be read may be now.
            within_grace: last_live.is_some_and(|at| at.map_or(true, |at| at >= since)),
        });
    }
    copies
}

/// The copies that the application's secret leads to: by their identifier, and by the name of their endpoint.
fn live(said: &SecretValue, replication: &ReplicationName, databases: &[DatabaseSeen]) -> BTreeSet<RunId> {
    let host = said.endpoint().map(|(host, _)| host);
    let is_reached = |it: &&DatabaseSeen| {
        it.endpoint.as_ref().zip(host).is_some_and(|(it, host)| it.address.eq_ignore_ascii_case(host))
    };
    let reached = databases.iter().filter(is_reached).map(|it| it.database.identifier());
    let names = said.db_instance_identifier().into_iter().chain(reached);
    let runs = names.filter_map(Run::from_identifier).filter(|it| it.replication == *replication);
    runs.map(|it| it.id).collect()
}

fn held_lane(
    reach: &Reach,
    group: &GroupSeen,
    lane: &LaneSeen,
    own: &CopySeen,
    endpoint: &Endpoint,
) -> HeldLane {
    HeldLane {
        target_group_arn: lane.target_group_arn.clone(),
        address: group.dns_name.clone(),
        host: reach.network_load_balancer.host.of_copy(&endpoint.address).to_owned(),
        port: lane.port,
        target_ids: own.addresses.clone(),
    }
}

/// The lane as a path. `VerifyPath` takes the direct way by itself.
fn path(reach: &Reach, lane: &HeldLane) -> ReachPath {
    ReachPath { address: lane.address.clone(), port: lane.port, tls: reach.network_load_balancer.tls }
}
