//! What must hold whatever goes wrong.

use crate::lane::{FOREIGN, Lane};
use anyhow::{Context, Result, ensure};
use replication::Run;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::{Account, REPLICATION, SecretSays, World, eventually};

/// Statuses in which a DB instance serves.
const SERVING: &[&str] = &["available", "backing-up", "modifying", "resetting-master-credentials"];

/// Looks at the application's secret again and again: it names one serving database that accepts its credentials.
pub struct Watch {
    ended: Arc<AtomicBool>,
    looking: tokio::task::JoinHandle<Vec<String>>,
}

impl Watch {
    pub fn begin(lane: &Lane) -> Result<Self> {
        let account = lane.world.target.clone();
        let secret = lane.world.target_outputs.get("ApplicationSecretArn")?.to_owned();
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let looking = tokio::spawn(async move {
            let mut seen = Vec::new();
            while !told.load(Ordering::Relaxed) {
                if let Err(problem) = look(&account, &secret).await {
                    seen.push(format!("{problem:#}"));
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            seen
        });
        Ok(Self { ended, looking })
    }

    /// What was wrong with it meanwhile.
    pub async fn end(self) -> Result<Vec<String>> {
        self.ended.store(true, Ordering::Relaxed);
        Ok(self.looking.await?)
    }
}

async fn look(account: &Account, secret: &str) -> Result<()> {
    let (version, login) = current(account, secret).await?;
    let Err(problem) = serves(account, &login).await else { return Ok(()) };
    // What was live until a moment ago may go.
    let (now, _) = current(account, secret).await?;
    ensure!(now != version, "{problem:#}");
    Ok(())
}

/// The one version that is current, and where it leads.
async fn current(account: &Account, secret: &str) -> Result<(String, SecretSays)> {
    let described = account.secrets.describe_secret().secret_id(secret).send().await?;
    let versions = described.version_ids_to_stages.unwrap_or_default();
    let current = versions.into_iter().filter(|(_, labels)| labels.iter().any(|it| it == "AWSCURRENT"));
    let current: Vec<String> = current.map(|(version, _)| version).collect();
    ensure!(current.len() == 1, "{} versions are AWSCURRENT", current.len());
    let value = account.secrets.get_secret_value().secret_id(secret).send().await?;
    let text = value.secret_string.context("the application's secret has no text")?;
    let says = serde_json::from_str(&text).context("the application's secret leads to no database")?;
    Ok((value.version_id.unwrap_or_default(), says))
}

async fn serves(account: &Account, login: &SecretSays) -> Result<()> {
    let identifier = &login.db_instance_identifier;
    let described = account.rds.describe_db_instances().db_instance_identifier(identifier).send().await;
    let described = described.with_context(|| format!("{identifier} is not there"))?;
    let it = described.db_instances.unwrap_or_default().into_iter().next();
    let it = it.with_context(|| format!("{identifier} is not there"))?;
    let status = it.db_instance_status.unwrap_or_default();
    ensure!(SERVING.contains(&status.as_str()), "{identifier} is {status}");
    let endpoint = it.endpoint.with_context(|| format!("{identifier} has no endpoint"))?;
    let leads = (endpoint.address.as_deref(), endpoint.port) == (Some(&login.host), Some(login.port.into()));
    ensure!(leads, "the host and port are not those of {identifier}");
    login.connect().await.map(|_| ()).with_context(|| format!("{identifier} refuses the credentials"))
}

/// This run's copy is live, and available.
pub async fn is_live(lane: &Lane, run: &Run) -> Result<()> {
    let secret = lane.world.target_outputs.get("ApplicationSecretArn")?;
    let (_, login) = current(&lane.world.target, secret).await?;
    let expected = format!("{REPLICATION}-{run}");
    ensure!(
        login.db_instance_identifier == expected,
        "expected {expected} to be live, but it is {}",
        login.db_instance_identifier
    );
    lane.world.target.instance_in(&expected, "available").await?;
    serves(&lane.world.target, &login).await
}

/// Hand-offs leave the queue, and none ends as a dead letter.
pub async fn handoffs_are_received(lane: &Lane) -> Result<()> {
    eventually("the hand-off queue to be empty", || async {
        Ok((waiting(lane, "HandoffQueueUrl").await? == 0).then_some(()))
    })
    .await?;
    ensure!(waiting(lane, "HandoffDeadLetterQueueUrl").await? == 0, "a hand-off is a dead letter");
    Ok(())
}

async fn waiting(lane: &Lane, queue: &str) -> Result<u32> {
    let get = lane.world.target.sqs.get_queue_attributes().queue_url(lane.world.target_outputs.get(queue)?);
    let get = get.attribute_names(aws_sdk_sqs::types::QueueAttributeName::All);
    let attributes = get.send().await?.attributes.unwrap_or_default();
    let messages = attributes.iter().filter(|(name, _)| {
        matches!(name.as_str(), "ApproximateNumberOfMessages" | "ApproximateNumberOfMessagesNotVisible")
    });
    messages.map(|(_, number)| Ok(number.parse::<u32>()?)).sum()
}

/// No function changed anything but what this replication made, and the things of others are as they were.
pub async fn only_ours_was_changed(lane: &Lane, record: &[Value]) -> Result<()> {
    for call in record {
        let text = |key: &str| call[key].as_str().unwrap_or_default();
        let changes = [
            "Delete", "Modify", "Stop", "Start", "Put", "Update", "Restore", "AddTags", "Remove", "Tag",
            "Untag",
        ];
        let is_change = changes.iter().any(|it| text("operation").starts_with(it));
        if !text("who").contains("Role") || !is_change || !matches!(text("service"), "rds" | "secretsmanager")
        {
            continue;
        }
        let about = text("resource");
        let application = about == lane.world.target_outputs.get("ApplicationSecretArn")?;
        let is_ours = about.contains(&format!("{REPLICATION}-20"))
            || about.contains(&format!("snapferry/{REPLICATION}/20"));
        let is_foreign = about.contains(FOREIGN) || !(is_ours || application);
        ensure!(!is_foreign, "{} was called for {about:?} by {}", text("operation"), text("who"));
    }
    let now = foreign(&lane.world).await?;
    ensure!(now == lane.foreign, "things of others changed: {now:?}, and were {:?}", lane.foreign);
    Ok(())
}

/// Things of others, as far as they can be changed.
pub async fn foreign(world: &World) -> Result<BTreeMap<String, String>> {
    let mut things = BTreeMap::new();
    let describe = world.target.rds.describe_db_instances().db_instance_identifier(FOREIGN);
    for it in describe.send().await?.db_instances.unwrap_or_default() {
        let serving = it.db_instance_status.as_deref().is_some_and(|status| SERVING.contains(&status));
        let says =
            format!("{serving} {:?} {:?} {:?}", it.tag_list, it.deletion_protection, it.vpc_security_groups);
        things.insert("DB instance".to_owned(), says);
    }
    for account in [&world.source, &world.target] {
        let describe = account.rds.describe_db_snapshots().db_snapshot_identifier(FOREIGN);
        for it in describe.send().await?.db_snapshots.unwrap_or_default() {
            things.insert(
                format!("DB snapshot in {}", account.id),
                format!("{:?} {:?}", it.status, it.tag_list),
            );
        }
    }
    let name = format!("snapferry/{REPLICATION}/by-hand");
    let it = world.target.secrets.describe_secret().secret_id(&name).send().await?;
    let says = format!("{:?} {:?} {:?}", it.version_ids_to_stages, it.tags, it.deleted_date);
    things.insert("secret".to_owned(), says);
    Ok(things)
}

/// After a clean-up there are the live copy and the previous one, whole, and nothing else of the replication.
pub async fn no_orphan_survives(lane: &Lane) -> Result<()> {
    let runs: Vec<&Run> = [Some(&lane.live), lane.previous.as_ref()].into_iter().flatten().collect();
    let expected: BTreeSet<String> = runs.iter().map(|run| format!("{REPLICATION}-{run}")).collect();
    let rds = &lane.world.target.rds;
    let instances =
        rds.describe_db_instances().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
    let instances = instances.into_iter().filter_map(|it| it.db_instance_identifier);
    same("DB instances", instances, &expected)?;
    same("DB snapshots", snapshots(&lane.world.target).await?, &expected)?;

    let pages = lane.world.target.secrets.list_secrets().into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await?.into_iter();
    let secrets = pages.flat_map(|page| page.secret_list.unwrap_or_default());
    let secrets = secrets.filter(|it| it.deleted_date.is_none()).filter_map(|it| it.name);
    let secrets = secrets.filter_map(|name| {
        let run = name.strip_prefix(&format!("snapferry/{REPLICATION}/"))?.to_owned();
        (run != "by-hand").then(|| format!("{REPLICATION}-{run}"))
    });
    same("secrets of copies", secrets, &expected)?;

    // In the source account a run is kept for an hour at least; its own snapshot only until a newer run has a copy.
    for snapshot in snapshots(&lane.world.source).await? {
        // The copy that was handed off is of the latest of its runs, which may have been handed off again and again.
        let latest = lane.handed_off().strip_suffix("-copy") == Some(&snapshot);
        ensure!(latest || snapshot.ends_with("-copy"), "orphan: source snapshot {snapshot}");
    }
    Ok(())
}

fn same(what: &str, found: impl IntoIterator<Item = String>, expected: &BTreeSet<String>) -> Result<()> {
    let found: BTreeSet<String> = found.into_iter().filter(|it| it != FOREIGN).collect();
    ensure!(found == *expected, "expected the {what} {expected:?} after the clean-up, but found {found:?}");
    Ok(())
}

async fn snapshots(account: &Account) -> Result<Vec<String>> {
    let list = account.rds.describe_db_snapshots().snapshot_type("manual").into_paginator().items().send();
    let list = list.collect::<Result<Vec<_>, _>>().await?;
    let names = list.into_iter().filter_map(|it| it.db_snapshot_identifier);
    Ok(names.filter(|it| it != FOREIGN).collect())
}

/// Removes from the source account what it may keep for an hour, so that hundreds of runs fit on this machine.
pub async fn sweep_source(lane: &Lane) -> Result<()> {
    let source = &lane.world.source;
    let kept = [Some(&lane.live), lane.previous.as_ref()];
    for snapshot in snapshots(source).await? {
        let is_kept = kept.into_iter().flatten().any(|run| snapshot.contains(run.as_str()));
        if !is_kept && snapshot != lane.handed_off() {
            source.rds.delete_db_snapshot().db_snapshot_identifier(snapshot).send().await?;
        }
    }
    Ok(())
}
