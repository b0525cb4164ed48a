//! Regions that are away on request, wholly or partly, and their return.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::lock;

/// What is away of a Region. What is not named goes on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outage {
    /// The Region, of all accounts.
    pub region: String,
    /// Calls for the Region, and calls of its functions for any Region, get no answer and have no effect.
    #[serde(default)]
    pub calls: Option<Calls>,
    /// What becomes of the servers of its DB instances.
    #[serde(default)]
    pub servers: Option<Servers>,
    /// CloudWatch gets no new values of its DB instances.
    #[serde(default)]
    pub metrics_are_silent: bool,
}

/// How a call gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Calls {
    /// The connection closes.
    Close,
    /// Nothing happens until the Region is back; then the connection closes.
    Hang,
}

/// What becomes of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Servers {
    /// Connections end, new ones get no answer, and nothing is replicated to or from another Region. The servers run.
    AreCutOff,
    /// The same, and the servers are killed. They start again with the data that they had when the Region returns.
    Stop,
}

/// The outages of now.
#[derive(Default)]
pub struct Outages {
    now: Mutex<BTreeMap<String, Outage>>,
    changes: watch::Sender<()>,
}

impl Outages {
    /// All of them.
    pub fn all(&self) -> Vec<Outage> {
        self.now().values().cloned().collect()
    }

    /// Begins an outage. It replaces another one of the Region.
    pub fn begin(&self, outage: Outage) {
        tracing::info!("an outage begins: {outage:?}");
        self.now().insert(outage.region.clone(), outage);
        self.changes.send_replace(());
    }

    /// Ends the outage of a Region; false if there is none.
    pub fn end(&self, region: &str) -> bool {
        tracing::info!("{region} is back");
        let ended = self.now().remove(region).is_some();
        self.changes.send_replace(());
        ended
    }

    /// How a call gets no answer that is for one of these Regions or comes from there.
    pub fn unanswered(&self, regions: &[&str]) -> Option<Calls> {
        regions.iter().find_map(|region| self.of(region)?.calls)
    }

    /// Waits until calls between these Regions are answered again.
    pub async fn pass(&self, regions: &[&str]) {
        let mut changes = self.changes.subscribe();
        while self.unanswered(regions).is_some() && changes.changed().await.is_ok() {}
    }

    /// Are the servers of the Region cut off?
    pub fn cuts_servers_of(&self, region: &str) -> bool {
        self.of(region).is_some_and(|it| it.servers.is_some())
    }

    /// Does CloudWatch get no values of the Region?
    pub fn silences_metrics_of(&self, region: &str) -> bool {
        self.of(region).is_some_and(|it| it.metrics_are_silent)
    }

    fn of(&self, region: &str) -> Option<Outage> {
        self.now().get(region).cloned()
    }

    fn now(&self) -> MutexGuard<'_, BTreeMap<String, Outage>> {
        lock(&self.now)
    }
}
