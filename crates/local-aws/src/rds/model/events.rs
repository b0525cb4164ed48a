//! Events: what RDS says about a DB instance or a DB snapshot while it works on it.
//! Source of the texts and categories: RDS User Guide, USER_Events.Messages.

use jiff::Timestamp;

use super::{instances::Instance, snapshots::Snapshot};
use crate::place::Place;

/// The kinds of sources that RDS knows. Source: botocore's model, SourceType.
pub const SOURCES: [&str; 11] = [
    INSTANCE,
    SNAPSHOT,
    "db-parameter-group",
    "db-security-group",
    "db-cluster",
    "db-cluster-snapshot",
    "custom-engine-version",
    "db-proxy",
    "blue-green-deployment",
    "db-shard-group",
    "zero-etl",
];
const INSTANCE: &str = "db-instance";
const SNAPSHOT: &str = "db-snapshot";
/// RDS keeps events for 14 days; we keep this many.
const MOST: usize = 2000;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// Where its source is.
    pub place: Place,
    /// `db-instance` or `db-snapshot`.
    pub source: &'static str,
    /// The source's identifier.
    pub identifier: String,
    /// The source's ARN.
    pub arn: String,
    /// Its category.
    pub category: &'static str,
    /// Its text.
    pub message: String,
}

/// The events of all accounts, the newest last.
#[derive(Debug, Default)]
pub struct Events(Vec<Event>);

impl Events {
    /// Remembers what happened to a DB instance.
    pub fn of_instance(&mut self, it: &Instance, category: &'static str, message: impl Into<String>) {
        self.push(INSTANCE, &it.place, (&it.identifier, it.arn()), category, message.into());
    }

    /// Remembers what happened to a DB snapshot.
    pub fn of_snapshot(&mut self, it: &Snapshot, category: &'static str, message: impl Into<String>) {
        self.push(SNAPSHOT, &it.place, (&it.identifier, it.arn()), category, message.into());
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.0.iter()
    }

    fn push(
        &mut self,
        source: &'static str,
        place: &Place,
        (identifier, arn): (&str, String),
        category: &'static str,
        message: String,
    ) {
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        let (at, place, identifier) = (Timestamp::now(), place.clone(), identifier.to_owned());
        self.0.push(Event { at, place, source, identifier, arn, category, message });
    }
}
