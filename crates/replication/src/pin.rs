//! The pin of a replication: a tag on the application's secret that keeps later runs from going live.

use serde::{Deserialize, Serialize};

/// What becomes of the pin when a copy goes live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pin {
    /// A run goes live only when the replication is not pinned, or pinned to that run.
    #[default]
    Respect,
    /// A rollback pins the replication to its copy: later runs do not undo it.
    Set,
    /// A rollback to the latest copy releases the pin: later runs go live again.
    Release,
}
