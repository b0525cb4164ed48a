//! Events: what RDS says about a DB instance or a DB snapshot while it works on it.
//! Source of the ids, the texts and the categories: RDS User Guide, USER_Events.Messages.

use std::borrow::Cow;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

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

/// What may happen to a DB instance or a DB snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The number of `RDS-EVENT-…`.
    pub id: &'static str,
    /// Its category.
    pub category: &'static str,
    /// Its text.
    pub message: Cow<'static, str>,
}

#[allow(missing_docs)] // The text says what it is.
impl Happening {
    pub const BACKUP_BEGUN: Self = Self::new("0001", "backup", "Backing up DB instance");
    pub const BACKUP_ENDED: Self = Self::new("0002", "backup", "Finished DB instance backup");
    pub const DELETED: Self = Self::new("0003", "deletion", "DB instance deleted");
    pub const CREATED: Self = Self::new("0005", "creation", "DB instance created");
    pub const RESTARTED: Self = Self::new("0006", "availability", "DB instance restarted");
    pub const FAILOVER_BEGUN: Self = Self::new("0013", "failover", "Multi-AZ instance failover started.");
    pub const FAILOVER_LED: Self = Self::new(
        "0015",
        "failover",
        "Multi-AZ instance failover completed - DNS propagation may take a few minutes.",
    );
    pub const PASSWORD_RESET: Self = Self::new("0016", "configuration change", "Reset master credentials");
    pub const SNAPSHOT_BEGUN: Self = Self::new("0040", "creation", "Creating manual snapshot");
    pub const SNAPSHOT_MADE: Self = Self::new("0042", "creation", "Manual snapshot created");
    pub const FAILOVER_ENDED: Self = Self::new("0049", "failover", "Multi-AZ instance failover completed");
    pub const STOPPED: Self = Self::new("0087", "notification", "DB instance stopped");
    pub const STARTED: Self = Self::new("0088", "notification", "DB instance started");
    pub const AUTOMATED_BEGUN: Self = Self::new("0090", "creation", "Creating automated snapshot");
    pub const AUTOMATED_MADE: Self = Self::new("0091", "creation", "Automated snapshot created");

    pub fn restored_from(snapshot: &str) -> Self {
        let message = format!("Restored from snapshot {snapshot}").into();
        Self { id: "0043", category: "restoration", message }
    }

    const fn new(id: &'static str, category: &'static str, message: &'static str) -> Self {
        Self { id, category, message: Cow::Borrowed(message) }
    }
}

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
    /// What happened.
    pub what: Happening,
}

/// The events of all accounts, the newest last.
#[derive(Debug, Default)]
pub struct Events {
    kept: Vec<Event>,
    listener: Option<UnboundedSender<Event>>,
}

impl Events {
    /// Tells each event from now on to `listener` too.
    pub fn tell(&mut self, listener: UnboundedSender<Event>) {
        self.listener = Some(listener);
    }

    /// Remembers what happened to a DB instance.
    pub fn of_instance(&mut self, it: &Instance, what: Happening) {
        self.push(INSTANCE, &it.place, (&it.identifier, it.arn()), what);
    }

    /// Remembers what happened to a DB snapshot.
    pub fn of_snapshot(&mut self, it: &Snapshot, what: Happening) {
        self.push(SNAPSHOT, &it.place, (&it.identifier, it.arn()), what);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.kept.iter()
    }

    fn push(
        &mut self,
        source: &'static str,
        place: &Place,
        (identifier, arn): (&str, String),
        what: Happening,
    ) {
        if self.kept.len() == MOST {
            self.kept.remove(0);
        }
        let (at, place, identifier) = (Timestamp::now(), place.clone(), identifier.to_owned());
        let event = Event { at, place, source, identifier, arn, what };
        if let Some(listener) = &self.listener {
            // While the local AWS ends, nobody listens any more.
            let _ = listener.send(event.clone());
        }
        self.kept.push(event);
    }
}

impl Event {
    /// Is it about a DB instance?
    pub fn is_of_instance(&self) -> bool {
        self.source == INSTANCE
    }
}
