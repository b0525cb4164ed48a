//! The connection keys of a secret.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The connection keys of a secret, and nothing else; the names are those of AWS's rotation templates.
///
/// Source: Secrets Manager User Guide, "JSON structure of AWS Secrets Manager secrets".
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// RDS's name of the engine: `postgres`, `mysql`, …
    pub engine: String,
    /// The endpoint's address.
    pub host: String,
    /// The endpoint's port.
    pub port: u16,
    /// The user, as a rule the master user.
    pub username: String,
    /// The user's password.
    pub password: String,
    /// The database to connect to, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbname: Option<String>,
    /// The DB instance.
    #[serde(default, rename = "dbInstanceIdentifier", skip_serializing_if = "Option::is_none")]
    pub db_instance_identifier: Option<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection to {}:{} (the rest is secret)", self.host, self.port)
    }
}
