//! What RDS does all the time for a read replica: it measures the lag each minute, and has the source commit something every
//! five minutes, without which the lag of an idle source would grow for ever.
//! Source: RDS User Guide, USER_PostgreSQL.Replication.ReadReplicas: an idle source shows up to five minutes.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use jiff::Timestamp;

use super::rds::Rds;

const MINUTE: Duration = Duration::from_secs(60);
const MINUTES_BETWEEN_BEATS: u32 = 5;
/// At a small time scale a minute would be too short for a login.
const SHORTEST_MINUTE: Duration = Duration::from_millis(200);
/// CloudWatch keeps values of a minute for 15 days; we keep this many.
const MOST: usize = 1440;

/// Watches a replica until it follows no more.
pub(super) fn begin(rds: &Arc<Rds>, resource_id: &str) {
    let (rds, resource_id) = (Arc::downgrade(rds), resource_id.to_owned());
    tokio::spawn(async move {
        let mut minute = 0;
        while let Some(lasts) = look(&rds, &resource_id, minute % MINUTES_BETWEEN_BEATS == 0).await {
            minute += 1;
            tokio::time::sleep(lasts).await;
        }
    });
}

/// One look; how long it is until the next one, or nothing where the DB instance follows no more.
async fn look(rds: &Weak<Rds>, resource_id: &str, beats: bool) -> Option<Duration> {
    let rds = rds.upgrade()?;
    let (engine, region, source, there) = {
        let state = rds.state();
        let instance = state.instances.get(resource_id)?;
        let source = instance.replica.as_ref()?.source.clone();
        let there = state.instances.get(&source).map(|it| it.place.region.clone());
        (instance.database.engine, instance.place.region.clone(), source, there)
    };
    let programs = rds.programs(engine).ok()?;
    let alive = there.is_some_and(|region| !rds.outages().cuts_servers_of(&region));
    if let Some(port) = rds.port_of(&source).filter(|_| beats && alive)
        && let Err(error) = programs.beat(port).await
    {
        tracing::debug!("{source} commits nothing: {error:#}");
    }
    if let Some(port) = rds.port_of(resource_id).filter(|_| !rds.outages().silences_metrics_of(&region)) {
        match programs.replica_lag(port).await {
            Ok(Some(lag)) => rds.change(resource_id, |it| {
                if it.lags.len() == MOST {
                    it.lags.pop_front();
                }
                it.lags.push_back((Timestamp::now(), lag));
            }),
            Ok(None) => {}
            Err(error) => tracing::debug!("the lag of {resource_id} is not known: {error:#}"),
        }
    }
    Some(rds.clock.lasts(MINUTE).max(SHORTEST_MINUTE))
}
