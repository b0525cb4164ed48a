//! What must hold whatever goes wrong, and who looks at it meanwhile.

use crate::{Account, SecretSays, World};
use anyhow::{Context, Result, ensure};
use aws_sdk_sfn::types::ExecutionStatus;
use executions::Execution;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Statuses in which a DB instance serves.
pub const SERVING: &[&str] =
    &["available", "backing-up", "modifying", "resetting-master-credentials", "storage-initialization"];
/// How long a DB instance may be away after its server was killed: long for RDS here, short for a broken one.
const RECOVERY: Duration = Duration::from_secs(20);

/// DB instances whose servers were killed, and when: RDS needs a moment to start them again.
#[derive(Debug, Clone, Default)]
pub struct Crashes(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Crashes {
    /// From now on the DB instance may be away, for a moment.
    pub fn expect(&self, identifier: &str) {
        let mut crashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        crashes.insert(identifier.to_owned(), Instant::now());
    }

    fn excuse(&self, identifier: &str) -> bool {
        let crashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        crashes.get(identifier).is_some_and(|at| at.elapsed() < RECOVERY)
    }
}

/// Looks at an application's secret again and again: from the first promotion on it names one serving database that
/// accepts its credentials.
#[derive(Debug)]
pub struct Watch {
    ended: Arc<AtomicBool>,
    looking: tokio::task::JoinHandle<Watched>,
}

/// What a watch saw.
#[derive(Debug, Default)]
pub struct Watched {
    /// How often it looked at a secret that leads somewhere.
    pub looks: u32,
    /// What was wrong.
    pub problems: Vec<String>,
}

impl Watch {
    /// Looks from now on.
    pub fn begin(account: &Account, secret: &str, crashes: &Crashes) -> Self {
        let (account, secret, crashes) = (account.clone(), secret.to_owned(), crashes.clone());
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let looking = tokio::spawn(async move {
            let mut watched = Watched::default();
            while !told.load(Ordering::Relaxed) {
                match look(&account, &secret, &crashes, watched.looks > 0).await {
                    Ok(led) => watched.looks += u32::from(led),
                    Err(problem) => watched.problems.push(format!("{}: {problem:#}", jiff::Timestamp::now())),
                }
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            watched
        });
        Self { ended, looking }
    }

    /// What it saw.
    pub async fn end(self) -> Result<Watched> {
        self.ended.store(true, Ordering::Relaxed);
        Ok(self.looking.await?)
    }
}

/// Whether the secret leads somewhere; an error if it does not and must, or leads to nothing that serves.
async fn look(account: &Account, secret: &str, crashes: &Crashes, promoted: bool) -> Result<bool> {
    let Some((version, login)) = current(account, secret).await? else {
        ensure!(!promoted, "it leads to no database any more");
        return Ok(false);
    };
    let Err(problem) = serves(account, &login).await else { return Ok(true) };
    // What was live until a moment ago may go.
    let now = current(account, secret).await?.map(|(version, _)| version);
    let excused = crashes.excuse(&login.db_instance_identifier);
    ensure!(excused || now != Some(version), "{problem:#}");
    Ok(true)
}

/// The one version that is current, and where it leads; none if it says nothing of a DB instance.
pub async fn current(account: &Account, secret: &str) -> Result<Option<(String, SecretSays)>> {
    let described = account.secrets.describe_secret().secret_id(secret).send().await?;
    let versions = described.version_ids_to_stages.unwrap_or_default();
    let current = versions.into_iter().filter(|(_, labels)| labels.iter().any(|it| it == "AWSCURRENT"));
    let current: Vec<String> = current.map(|(version, _)| version).collect();
    ensure!(current.len() == 1, "{} versions are AWSCURRENT", current.len());
    let value = account.secrets.get_secret_value().secret_id(secret).send().await?;
    let text = value.secret_string.context("the application's secret has no text")?;
    let says: Value = serde_json::from_str(&text).context("the application's secret is not JSON")?;
    if says.get("dbInstanceIdentifier").is_none() {
        return Ok(None);
    }
    let says = SecretSays::read(account, says).context("the application's secret leads to no database")?;
    Ok(Some((value.version_id.unwrap_or_default(), says)))
}

/// The DB instance is there, serves, and takes these credentials.
pub async fn serves(account: &Account, login: &SecretSays) -> Result<()> {
    let identifier = &login.db_instance_identifier;
    let described = account.rds.describe_db_instances().db_instance_identifier(identifier).send().await;
    let described = described.with_context(|| format!("{identifier} is not there"))?;
    let it = described.db_instances.unwrap_or_default().into_iter().next();
    let it = it.with_context(|| format!("{identifier} is not there"))?;
    let status = it.db_instance_status.unwrap_or_default();
    ensure!(SERVING.contains(&status.as_str()), "{identifier} is {status}");
    let endpoint = it.endpoint.with_context(|| format!("{identifier} has no endpoint"))?;
    let is_port = login.load_balancer.is_some() || endpoint.port == Some(login.port.into());
    let leads = is_port && endpoint.address.as_deref() == Some(&login.host);
    ensure!(leads, "the host and port are not those of {identifier}");
    login.connect().await.map(|_| ()).with_context(|| format!("{identifier} refuses the credentials"))
}

/// This DB instance is live, and serves.
pub async fn is_live(account: &Account, secret: &str, expected: &str) -> Result<SecretSays> {
    let (_, login) = current(account, secret).await?.context("nothing is live")?;
    let live = &login.db_instance_identifier;
    ensure!(live == expected, "expected {expected} to be live, but it is {live}");
    serves(account, &login).await?;
    Ok(login)
}

/// Whether it failed; an error if not by one of our names.
pub fn failed_by_name(it: &Execution) -> Result<bool> {
    if it.status == ExecutionStatus::Succeeded {
        return Ok(false);
    }
    let error = it.error.as_deref().unwrap_or_default();
    ensure!(
        error.starts_with("Snapferry."),
        "expected success or a failure by name, but {} is {} with {error:?}: {:?}",
        it.arn,
        it.status,
        it.cause
    );
    Ok(true)
}

/// How many messages wait in a queue of the target account, or are in flight.
pub async fn waiting(world: &World, queue: &str) -> Result<u32> {
    let get = world.target.sqs.get_queue_attributes().queue_url(world.target_outputs.get(queue)?);
    let get = get.attribute_names(aws_sdk_sqs::types::QueueAttributeName::All);
    let attributes = get.send().await?.attributes.unwrap_or_default();
    let messages = attributes.iter().filter(|(name, _)| {
        matches!(name.as_str(), "ApproximateNumberOfMessages" | "ApproximateNumberOfMessagesNotVisible")
    });
    messages.map(|(_, number)| Ok(number.parse::<u32>()?)).sum()
}

/// No function changed anything but what these replications made and their application's secrets.
pub fn only_ours_was_changed(record: &[Value], replications: &[(&str, &str)]) -> Result<()> {
    let changes = [
        "Delete", "Modify", "Stop", "Start", "Put", "Update", "Restore", "AddTags", "Remove", "Tag", "Untag",
    ];
    for call in record {
        let text = |key: &str| call[key].as_str().unwrap_or_default();
        let is_change = changes.iter().any(|it| text("operation").starts_with(it));
        if !text("who").contains("Role") || !is_change || !matches!(text("service"), "rds" | "secretsmanager")
        {
            continue;
        }
        let about = text("resource");
        let is_ours = replications.iter().any(|(replication, secret)| {
            about == *secret
                || about.contains(&format!("{replication}-20"))
                || about.contains(&format!("snapferry/{replication}/20"))
        });
        let is_foreign = about.contains(crate::Others::NAME) || !is_ours;
        ensure!(!is_foreign, "{} was called for {about:?} by {}", text("operation"), text("who"));
    }
    Ok(())
}
