//! RDS fails DB instances over, and target groups follow them.

use crate::lanes::reached;
use anyhow::{Result, ensure};
use serde_json::json;
use tests::{Follower, Lanes, SecretSays, World, eventually};

/// Both fail over at once: the live copy, whose lane follows by events that come twice, late and in part, and another DB
/// instance with a group of its own, of which no event comes and whose name leads nowhere for a while.
pub async fn of_the_live_copy_and_of_another_instance_are_followed(
    world: &World,
    lanes: &Lanes,
    live: &SecretSays,
    other: &SecretSays,
) -> Result<()> {
    let (target, balancer) = (&world.target, lanes.load_balancer()?);
    let (live_group, other_group) = (lanes.target_group_at(live.port)?, lanes.target_group_at(other.port)?);
    let of_other =
        [("DbInstanceIdentifier", other.db_instance_identifier.as_str()), ("TargetGroupArn", other_group)];
    let by_event = lanes.follow_failovers(world).await?;
    let by_sweep = Follower::deploy(world, "instance", &of_other).await?;
    let events = async |says: &SecretSays, event: &str, times: u32, after_seconds: u32| {
        let event = format!("RDS-EVENT-{event}");
        let whose = says.db_instance_identifier.as_str();
        let how = json!({"dbInstanceIdentifier": whose, "eventId": event, "times": times, "afterSeconds": after_seconds});
        world.local_aws.misbehave(&json!({ "eventIsDelivered": how })).await
    };
    events(live, "0006", 0, 0).await?;
    events(live, "0013", 2, 0).await?;
    events(live, "0015", 1, 30).await?;
    events(live, "0049", 0, 0).await?;
    for event in ["0006", "0013", "0015", "0049"] {
        events(other, event, 0, 0).await?;
    }
    for (says, seconds, silent) in [(live, 60, false), (other, 60, true)] {
        let whose = says.db_instance_identifier.as_str();
        let how = json!({"dbInstanceIdentifier": whose, "seconds": seconds, "silent": silent});
        world.local_aws.misbehave(&json!({ "nameFollowsLate": how })).await?;
    }

    let before = (live.address().await?, other.address().await?);
    let watches = [target.watch_group(live_group), target.watch_group(other_group)];
    for says in [live, other] {
        let reboot = target.rds.reboot_db_instance().db_instance_identifier(&says.db_instance_identifier);
        reboot.force_failover(true).send().await?;
    }
    let leads = async |says: &SecretSays, group: &str, before| {
        // A silent name leads nowhere.
        let Some(now) = says.address().await.ok().filter(|it| *it != before) else { return Ok(None) };
        let alone = [(now.to_string(), "healthy".to_owned())].into();
        Ok((target.targets(group).await? == alone).then_some(now))
    };
    eventually("a sweep that leads the group to the other DB instance", || async {
        by_sweep.sweep().await?;
        leads(other, other_group, before.1).await
    })
    .await?;
    eventually("the live copy's lane to follow", || leads(live, live_group, before.0)).await?;
    for watch in watches {
        ensure!(watch.end().await? > 10, "the watch looked at the group");
    }
    for says in [live, other] {
        reached(says, balancer).await?;
    }
    ensure!(by_event.begun_by_events().await? >= 3, "no event began an execution");
    ensure!(
        by_sweep.begun_by_events().await? == 0,
        "an event of another DB instance, or one that was lost, came"
    );
    Ok(())
}
