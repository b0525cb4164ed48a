//! The two accounts of a replication.

use serde::{Deserialize, Serialize};

/// Which of the two accounts a step works in. Its machine says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Account {
    /// The account of the database that is replicated.
    Source,
    /// The account of the copies.
    Target,
}
