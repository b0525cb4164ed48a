//! The sessions of a PostgreSQL server, and what writes there without one.

use super::Act;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};

/// How many writers are named.
const MOST_NAMED: usize = 10;

/// Everybody who can write but us. Roles that are superusers are RDS's own. Replication has sessions, too, and writes
/// nothing: they stay.
macro_rules! others {
    () => {
        "pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
         WHERE a.pid <> pg_catalog.pg_backend_pid() AND NOT r.rolsuper
           AND coalesce(a.backend_type, 'client backend') = 'client backend'
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication s WHERE s.pid = a.pid)"
    };
}

/// What a server without sessions would still write by.
const WRITERS: &str = "
    SELECT 'prepared transaction ' || gid || ' in database ' || database FROM pg_catalog.pg_prepared_xacts
    UNION ALL
    SELECT 'subscription ' || s.subname || ' in database ' || d.datname
        FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE s.subenabled
    ORDER BY 1";

/// What a look found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sessions {
    /// Whether the server takes writes at all.
    pub is_primary: bool,
    /// How many sessions were told to end.
    pub ended: i64,
    /// How many there are now, beside ours.
    pub left: i64,
    /// What writes inside the server without a session; at most ten of them.
    pub writers: Vec<String>,
    /// How far the server has written its log. Absent unless it is a primary.
    pub wal_lsn: Option<String>,
}

/// Ends the sessions if that is asked for, and looks. The position in the log is read last.
pub async fn of(session: &mut PgConnection, act: Act) -> Result<Sessions, sqlx::Error> {
    let is_primary: bool =
        sqlx::query_scalar("SELECT NOT pg_catalog.pg_is_in_recovery()").fetch_one(&mut *session).await?;
    let mut found = Sessions { is_primary, ..Sessions::default() };
    if is_primary && act == Act::End {
        let end =
            concat!("SELECT count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(a.pid)) FROM ", others!());
        found.ended = sqlx::query_scalar(end).fetch_one(&mut *session).await?;
    }
    found.left =
        sqlx::query_scalar(concat!("SELECT count(*) FROM ", others!())).fetch_one(&mut *session).await?;
    found.writers = sqlx::query_scalar(WRITERS).fetch_all(&mut *session).await?;
    found.writers.extend(jobs(session).await?);
    found.writers.truncate(MOST_NAMED);
    if is_primary {
        let position = "SELECT pg_catalog.pg_current_wal_lsn()::text";
        found.wal_lsn = sqlx::query_scalar(position).fetch_one(&mut *session).await?;
    }
    Ok(found)
}

/// What pg_cron would run. Its jobs are in one database, which need not be this one, and it shows each role its own jobs
/// alone: where they cannot be looked at, they count as writers.
async fn jobs(session: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let home = "SELECT pg_catalog.current_setting('cron.database_name', true)";
    let home: Option<String> = sqlx::query_scalar(home).fetch_one(&mut *session).await?;
    let Some(home) = home else { return Ok(None) };
    let here = "SELECT pg_catalog.current_database()::text";
    let here: String = sqlx::query_scalar(here).fetch_one(&mut *session).await?;
    if here != home {
        return Ok(Some(format!("jobs of pg_cron in database {home}, which nobody looked at")));
    }
    let table = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = 'cron' AND c.relname = 'job')";
    let is_there: bool = sqlx::query_scalar(table).fetch_one(&mut *session).await?;
    if !is_there {
        return Ok(None);
    }
    let mut looking = session.begin().await?;
    // Else its policy would hide rows in place of refusing.
    sqlx::query("SET LOCAL row_security = off").execute(&mut *looking).await?;
    let count = "SELECT count(*) FROM cron.job WHERE active";
    let count: Result<i64, sqlx::Error> = sqlx::query_scalar(count).fetch_one(&mut *looking).await;
    looking.rollback().await?;
    Ok(match count {
        Ok(0) => None,
        Ok(count) => Some(format!("{count} jobs of pg_cron in database {home}")),
        Err(sqlx::Error::Database(_)) => {
            Some(format!("jobs of pg_cron in database {home}, which are hidden"))
        }
        Err(error) => return Err(error),
    })
}
