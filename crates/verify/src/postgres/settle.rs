//! What a session of PostgreSQL has to have set, so that no default of a role or database changes what SQL means.

use super::Postgres;

/// With row-level security `off` PostgreSQL refuses what it would else answer from a part of the rows.
///
/// Source: PostgreSQL, "Client Connection Defaults" and "Row Security Policies". A version takes the settings that it has.
const SETTINGS: &[(&str, &str)] = &[
    ("row_security", "off"),
    ("session_replication_role", "origin"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("check_function_bodies", "on"),
];

impl Postgres {
    /// Sets them, and everything else that a role or a database has a default for. A statement may have changed them, so
    /// it is done again before each one that must not depend on another.
    pub(crate) async fn settle(&mut self) -> Result<(), sqlx::Error> {
        let limit = (self.limit_seconds * 1000).to_string();
        let settings = SETTINGS.iter().copied().chain([("statement_timeout", limit.as_str())]);
        let wanted: Vec<String> = settings.map(|(name, value)| format!("('{name}', '{value}')")).collect();
        // The names of our own statements are looked up in the catalogue alone: a role's `search_path` may lead elsewhere.
        self.execute(&format!(
            "SET ROLE NONE;
             SET search_path = pg_catalog;
             SELECT count(set_config(name, coalesce(boot_val, ''), false)) FROM pg_settings
                 WHERE context = 'user' AND source IN ('global', 'database', 'user', 'database user');
             SELECT count(set_config(name, wanted, false)) FROM (VALUES {}) AS it (name, wanted)
                 JOIN pg_settings USING (name) WHERE setting <> wanted;
             SET search_path = \"$user\", public",
            wanted.join(", ")
        ))
        .await
    }
}
