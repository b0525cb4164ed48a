//! State `RegisterTargets`: makes a copy the only target of a lane that the live copy does not use.

pub mod db_proxy;
mod lane;
mod load_balancer;
pub mod need;
pub mod plan;

use crate::Error;
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::{Database, DatabaseSeen, Endpoint};
use jiff::{SignedDuration, Timestamp};
use lambda_support::{Config, SignedClient};
use need::LiveRuns;
use replication::{ApplicationSecret, HeldLane, Pin, Reach, ReachPath, ReplicationName, Run, RunId, tag};
use secret::{SecretValue, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
    /// What applications find in it: a proxy must know their login.
    #[serde(default)]
    pub application_secret: ApplicationSecret,
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
/// the copy, or somebody else's. When every lane is taken, it waits.
/// A proxy knows its login by the lane's secret, so that secret says the copy's login before the copy is registered.
/// Errors: `Snapferry.ReachNotUsable`, `TargetAddressUnknown`, `TargetNotHealthy`, `ProxyLoginRefused`,
/// `ApplicationUserUnknown`, `SecretNotFound`, `SecretNotJson`, `SecretBinary`, `SecretTooLarge`, `DbInstanceNotFound`,
/// `DbInstanceNotOurs`, `InvalidRequest`, `StageTimedOut`, `ElbRefused`, `Ec2Refused`, `RdsRefused`,
/// `SecretsManagerRefused` (fatal), `ElbUnavailable`, `Ec2Unavailable`, `RdsUnavailable`, `SecretsManagerUnavailable`
/// (retry).
/// Source: ELB v2 API `RegisterTargets`, `DeregisterTargets`, `DescribeTargetHealth`; EC2 API `DescribeSubnets`; RDS API
/// `RegisterDBProxyTargets`, `DeregisterDBProxyTargets`, `DescribeDBProxyTargets`; Secrets Manager API `PutSecretValue`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Clients { rds, secrets, .. } = clients;
    let request: Request = parse(payload)?;
    let run = Run::new(&request.replication, &request.run);
    let databases = Database::list(rds).await?;
    let database = own(&run, &databases)?;
    let Some(endpoint) = &database.endpoint else { return Err(Error::DbInstanceNotFound(run.identifier())) };
    let application = request.application_secret_arn.as_str();
    let current = secret::read_current(secrets, application).await?.version();
    let described = secret::describe(secrets, application).await?.unwrap_or_default();
    let around = Around {
        request: &request,
        run: &run,
        database,
        endpoint,
        databases: &databases,
        current: current.as_ref(),
        pinned: described.tags.get(tag::PINNED).map(String::as_str),
    };
    let Taken { look, lane, path, live } = match &request.reach {
        Reach::NetworkLoadBalancer(it) => load_balancer::look(clients, it, &around).await?,
        Reach::DbProxy(it) => db_proxy::look(clients, it, &around).await?,
    };
    tracing::info!(run = %run.id, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, lane, paths: path.into_iter().collect(), live })
}

/// What a look led to.
struct Taken {
    look: Look,
    lane: Option<HeldLane>,
    /// The lane as a path that must be proven.
    path: Option<ReachPath>,
    /// Whether the copy is live.
    live: bool,
}

/// What any kind of lane is chosen by.
#[derive(Clone, Copy)]
struct Around<'a> {
    request: &'a Request,
    run: &'a Run,
    /// The run's DB instance, and where it answers.
    database: &'a DatabaseSeen,
    endpoint: &'a Endpoint,
    databases: &'a [DatabaseSeen],
    /// The application's secret; `None` when it says nothing that can be understood.
    current: Option<&'a Version>,
    pinned: Option<&'a str>,
}

impl<'a> Around<'a> {
    fn said(&self) -> Option<&'a SecretValue> {
        self.current.map(|it| &it.value)
    }

    /// Every copy of the replication that has an endpoint, and whether it was live within the grace.
    fn copies(&self) -> impl Iterator<Item = (Run, &'a DatabaseSeen, bool)> {
        let grace = SignedDuration::from_hours(i64::from(self.request.cutover_grace_hours));
        let since = Timestamp::now() - grace;
        let replication = &self.request.replication;
        let with_endpoint = self.databases.iter().filter(|it| it.endpoint.is_some());
        with_endpoint.filter_map(move |it| {
            let run = Run::that_made(it.database.identifier(), &it.tags)?;
            let last_live = it.tags.get(tag::LAST_LIVE).map(|at| at.parse::<Timestamp>());
            // A time that cannot be read may be now.
            let within_grace = last_live.is_some_and(|at| at.map_or(true, |at| at >= since));
            (run.replication == *replication).then_some((run, it, within_grace))
        })
    }

    /// The copies that the application's secret leads to: by their identifier, by the name of their endpoint, and by
    /// what is behind its host.
    fn live(&self, behind: impl Fn(&str) -> Option<String>) -> LiveRuns {
        let said = self.said()?;
        let host = said.endpoint().map(|(host, _)| host);
        let is_reached = |it: &&DatabaseSeen| {
            it.endpoint.as_ref().zip(host).is_some_and(|(it, host)| it.address.eq_ignore_ascii_case(host))
        };
        let reached = self.databases.iter().filter(is_reached).map(|it| it.database.identifier().to_owned());
        let named = said.db_instance_identifier().map(str::to_owned);
        let names = named.into_iter().chain(reached).chain(host.and_then(behind));
        let runs = names.filter_map(|it| Run::from_identifier(&it));
        Some(runs.filter(|it| it.replication == self.request.replication).map(|it| it.id).collect())
    }
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
