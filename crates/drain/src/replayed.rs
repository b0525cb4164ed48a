//! How far a PostgreSQL server has replayed the log of another one.

use sqlx::PgConnection;

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Whether it takes writes itself.
    pub is_primary: bool,
    /// How far it has replayed; absent before the first record.
    pub position: Option<String>,
    /// Whether somebody paused the replay.
    pub is_paused: bool,
}

/// Asks the server.
pub async fn of(session: &mut PgConnection) -> Result<Replayed, sqlx::Error> {
    let sql = "SELECT NOT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_replay_lsn()::text,
                      CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END";
    let (is_primary, position, is_paused) = sqlx::query_as(sql).fetch_one(session).await?;
    Ok(Replayed { is_primary, position, is_paused })
}
