//! What must hold in a lane after each case.

use crate::lane::Lane;
use anyhow::{Result, ensure};
use replication::RunId;
use std::collections::BTreeSet;
use tests::promises::{self, waiting};
use tests::{Copies, REPLICATION, eventually, manual_snapshots};

/// This run's copy is live, and available.
pub async fn is_live(lane: &Lane, run: &RunId) -> Result<()> {
    let secret = lane.world.target_outputs.get("ApplicationSecretArn")?;
    promises::is_live(&lane.world.target, secret, &format!("{REPLICATION}-{run}")).await.map(|_| ())
}

/// Hand-offs leave the queue, and none ends as a dead letter.
pub async fn handoffs_are_received(lane: &Lane) -> Result<()> {
    eventually("the hand-off queue to be empty", || async {
        Ok((waiting(&lane.world, "HandoffQueueUrl").await? == 0).then_some(()))
    })
    .await?;
    ensure!(waiting(&lane.world, "HandoffDeadLetterQueueUrl").await? == 0, "a hand-off is a dead letter");
    Ok(())
}

/// After a clean-up there are the live copy and the previous one, whole, and nothing else of the replication.
pub async fn no_orphan_survives(lane: &Lane) -> Result<()> {
    let runs: Vec<&RunId> = [Some(&lane.live), lane.previous.as_ref()].into_iter().flatten().collect();
    let expected: BTreeSet<String> = runs.iter().map(|run| format!("{REPLICATION}-{run}")).collect();
    Copies::of(&lane.world.target, REPLICATION).await?.are(&expected)?;

    // In the source account a run is kept for an hour at least; its own snapshot only until a newer run has a copy.
    for snapshot in manual_snapshots(&lane.world.source, REPLICATION).await? {
        // The copy that was handed off is of the latest of its runs, which may have been handed off again and again.
        let latest = lane.handed_off().strip_suffix("-copy") == Some(&snapshot);
        ensure!(latest || snapshot.ends_with("-copy"), "orphan: source snapshot {snapshot}");
    }
    Ok(())
}

/// Removes from the source account what it may keep for an hour, so that hundreds of runs fit on this machine.
pub async fn sweep_source(lane: &Lane) -> Result<()> {
    let source = &lane.world.source;
    let kept = [Some(&lane.live), lane.previous.as_ref()];
    for snapshot in manual_snapshots(source, REPLICATION).await? {
        let is_kept = kept.into_iter().flatten().any(|run| snapshot.contains(run.as_str()));
        if !is_kept && snapshot != lane.handed_off() {
            source.rds.delete_db_snapshot().db_snapshot_identifier(snapshot).send().await?;
        }
    }
    Ok(())
}
