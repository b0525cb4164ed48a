//! State `Prune`, in both accounts and in the clean-up: deletes what retention no longer keeps.

mod act;
mod answer;
mod error;
pub mod lanes;
pub mod live;
mod log_group;
mod look;
pub mod plan;
pub mod resource;

pub use error::Error;

use act::{Before, act};
use answer::{dry, live_copy_changed, pruned};
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use jiff::Timestamp;
use lambda_support::{Config, SignedClient};
use lanes::Lanes;
use live::live;
use plan::{Action, plan, redundant_snapshots, seen_in_source, seen_in_target};
use replication::retention::{SourceRetention, TargetFacts, TargetRetention, Verdict, of_source, of_target};
use replication::{Reach, ReplicationName, RunId};
use resource::owned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use step::{Look, Waiting, parse};

/// What the step calls.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub elb: Elb,
    pub rds: Rds,
    pub secrets: Secrets,
    pub logs: SignedClient,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self {
            elb: Elb::new(config),
            rds: Rds::new(config),
            secrets: Secrets::new(config),
            logs: SignedClient::logs(config),
        }
    }
}

/// `{"account": {"source": {…}} or {"target": {…}}, "deleted": [], "stage": {}}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Which account this is.
    pub account: Account,
    /// What the looks before this one deleted; empty at first.
    #[serde(default)]
    pub deleted: BTreeSet<String>,
    /// Only tell what would be deleted.
    #[serde(default)]
    pub dry_run: bool,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// The account, with what bounds a decision in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Account {
    /// The source account: snapshots.
    Source(SourceAccount),
    /// The target account: snapshots, DB instances, copies' secrets and log groups.
    Target(TargetAccount),
}

/// What bounds a decision in the source account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceAccount {
    /// The replication.
    pub replication: ReplicationName,
    /// What is kept.
    #[serde(default)]
    pub retention: SourceRetention,
    /// The run that is at work, when one is.
    #[serde(default)]
    pub current_run: Option<RunId>,
}

/// What bounds a decision in the target account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetAccount {
    /// The replication.
    pub replication: ReplicationName,
    /// What is kept.
    #[serde(default)]
    pub retention: TargetRetention,
    /// The application's secret, which names the live copy.
    pub application_secret_arn: String,
    /// The way by which applications reach the live copy: what is a target of a lane stays.
    #[serde(default)]
    pub reach: Option<Reach>,
    /// The run that is at work, when one is.
    #[serde(default)]
    pub current_run: Option<RunId>,
}

/// What becomes of each run, and what was deleted. Resources are told as `db:…`, `snapshot:…`,
/// `log-group:…` and `secret:…`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether nothing is left to delete.
    #[serde(flatten)]
    pub look: Look,
    /// The verdict on each run.
    pub runs: BTreeMap<RunId, Verdict>,
    /// What goes now, as this look saw it: with `dryRun` it is left at that.
    pub planned: BTreeSet<String>,
    /// What this look and those before it deleted.
    pub deleted: BTreeSet<String>,
}

/// Deletes what this replication provably made and retention no longer keeps. Safe to repeat.
///
/// It never deletes the live copy: while the application's secret cannot say which one that is, every copy that was
/// ever fit to go live stays. It deletes no DB instance either that a load balancer or a proxy
/// leads to.
/// Errors: `Snapferry.InvalidRequest`, `StageTimedOut`, `RdsRefused`, `SecretsManagerRefused`, `LogsRefused`,
/// `ElbRefused` (fatal), `RdsUnavailable`, `SecretsManagerUnavailable`, `LogsUnavailable`, `ElbUnavailable` (retry).
/// Source: RDS API `DeleteDBInstance`, `DeleteDBSnapshot`, `DescribeDBProxyTargets`; Secrets Manager API `DeleteSecret`; CloudWatch Logs API
/// `DescribeLogGroups`, `DeleteLogGroup`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Clients { elb, rds, secrets, logs } = clients;
    let Request { account, deleted, dry_run, waiting } = parse(payload)?;
    let now = Timestamp::now();
    let mut said = None;
    let (runs, owned, redundant) = match &account {
        Account::Source(it) => {
            let owned = owned(look::snapshots(rds).await?, &it.replication);
            let redundant = redundant_snapshots(&owned, it.current_run.as_ref());
            let seen = seen_in_source(&owned);
            (of_source(now, it.current_run.as_ref(), &it.retention, &seen), owned, redundant)
        }
        Account::Target(it) => {
            let said = said.insert(look::application_secret(secrets, &it.application_secret_arn).await?);
            let mut resources = look::snapshots(rds).await?;
            // Secrets and log groups are made after their database: seen in this order, one without has lost it.
            resources.extend(look::log_groups(logs, &it.replication).await?);
            resources.extend(look::secrets(secrets, &it.replication).await?);
            resources.extend(look::databases(rds).await?);
            let lanes = look::lanes(elb, rds, it.reach.as_ref()).await?;
            let live = live(said, &it.replication, &resources, &lanes);
            let pinned = said.pinned.as_ref().ok().and_then(Option::as_ref);
            let owned = owned(resources, &it.replication);
            let facts = TargetFacts { now, current: it.current_run.as_ref(), live: &live, pinned };
            let mut runs = of_target(&facts, &it.retention, &seen_in_target(&owned));
            match &lanes {
                Lanes::Nothing => {}
                Lanes::LoadBalancer(_, targets) => {
                    lanes::keep(&mut runs, &look::addresses(&owned).await, targets);
                }
                Lanes::DbProxies(proxies) => lanes::keep_behind(&mut runs, &owned, proxies),
            }
            (runs, owned, BTreeSet::new())
        }
    };
    let actions = plan(&runs, &owned, &redundant);
    let goes = |action: &&Action| !action.waits_for_others();
    let planned = actions.iter().filter(goes).map(Action::to_string).collect();
    let kept = runs.values().filter(|it| !it.delete()).count();
    if dry_run {
        return Ok(Response { look: dry(&waiting, kept), runs, planned, deleted });
    }
    let before = match (&account, &said) {
        (Account::Target(it), Some(said)) => Some(Before { secret_id: &it.application_secret_arn, said }),
        _ => None,
    };
    let acted = act(clients, &actions, before).await?;
    let deleted: BTreeSet<String> = deleted.into_iter().chain(acted.deleted).collect();
    let look = if acted.live_changed {
        live_copy_changed(&waiting)?
    } else {
        let unsure = said.is_some_and(|it| it.pointer.is_none());
        pruned(&waiting, acted.done, kept, deleted.len(), unsure)?
    };
    tracing::info!(done = look.done, reason = look.reason, ?deleted, "looked");
    Ok(Response { look, runs, planned, deleted })
}
