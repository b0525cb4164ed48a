//! What a DB instance and its DB snapshots have in common.

use jiff::Timestamp;

use super::{engine::Engine, settings::Settings};

/// What a DB instance and a snapshot of it have in common.
#[derive(Debug, Clone)]
pub struct Database {
    /// `db-…`, for life.
    pub resource_id: String,
    /// Its engine.
    pub engine: Engine,
    /// As it was asked for.
    pub engine_version: String,
    /// The master user's name.
    pub master_username: String,
    /// The database made with it.
    pub db_name: Option<String>,
    /// The key's ARN, if it is encrypted under a key that its owner can see.
    pub kms_key_id: Option<String>,
    /// Encrypted under a key that only AWS sees: `sse-rds`.
    pub aws_owned_key: bool,
    /// When it became available.
    pub created_at: Option<Timestamp>,
    /// The settings that are only kept and shown.
    pub settings: Settings,
}

impl Database {
    /// The major version of its engine.
    pub fn major(&self) -> &str {
        self.engine.major(&self.engine_version)
    }

    /// Is the storage encrypted, under any key?
    pub fn is_encrypted(&self) -> bool {
        self.kms_key_id.is_some() || self.aws_owned_key
    }
}
