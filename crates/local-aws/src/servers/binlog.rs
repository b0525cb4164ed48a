//! A MariaDB server that follows another one by its binary log, with each transaction's GTID.

use std::path::Path;

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};

use super::{mariadb::MariaDb, programs::ADMINISTRATOR};

/// Where a server keeps whom it follows, and how far it is.
const FOLLOWED: &str = "master.info";
const HOW_FAR: &str = "relay-log.info";

impl MariaDb {
    /// Lets the server on `port`, which runs on a copy of its source's data, follow the source behind `link` from where the
    /// copy ends. It goes on with that whenever it is started.
    pub(super) async fn follow(&self, port: u16, link: u16) -> anyhow::Result<()> {
        let mut connection = self.connect(port).await?;
        let copied: String =
            sqlx::query_scalar("SELECT @@gtid_binlog_pos").fetch_one(&mut connection).await?;
        // Safe: neither a position nor our own password has a quote.
        let follow = format!(
            "RESET MASTER; SET GLOBAL gtid_slave_pos = '{copied}'; \
             CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {link}, MASTER_USER = '{ADMINISTRATOR}', \
             MASTER_PASSWORD = '{}', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1, \
             MASTER_HEARTBEAT_PERIOD = 1; START SLAVE",
            self.password()
        );
        sqlx::raw_sql(AssertSqlSafe(follow)).execute(&mut connection).await?;
        Ok(())
    }

    /// Ends the replication of the server on this port: from now on it takes writes.
    pub(super) async fn promote(&self, port: u16) -> anyhow::Result<()> {
        let end = "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF";
        sqlx::raw_sql(end).execute(&mut self.connect(port).await?).await?;
        Ok(())
    }

    /// How many seconds the server on this port lags behind its source, as far as it knows; -1 where it does not replicate.
    /// Source: RDS User Guide, USER_MySQL.Replication.ReadReplicas.Monitor: Seconds_Behind_Master is ReplicaLag.
    pub(super) async fn replica_lag(&self, port: u16) -> anyhow::Result<Option<f64>> {
        let mut connection = self.connect(port).await?;
        let row = sqlx::raw_sql("SHOW SLAVE STATUS").fetch_optional(&mut connection).await?;
        let Some(row) = row else { return Ok(None) };
        let lag: Option<i64> = row.try_get_unchecked("Seconds_Behind_Master")?;
        let lag = lag.and_then(|seconds| i32::try_from(seconds).ok());
        Ok(Some(lag.map_or(-1.0, f64::from)))
    }
}

/// The id of the server on this data: no other server has it.
pub(super) fn server_id(directory: &Path) -> u32 {
    let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
    digest.first_chunk().map_or(1, |it| u32::from_be_bytes(*it).max(1))
}

/// Data that was copied from a server that follows another one of ours: a server on it follows nobody. What a person told a
/// server to follow stays.
pub(super) async fn follow_nobody(data: &Path) -> std::io::Result<()> {
    let followed = tokio::fs::read_to_string(data.join(FOLLOWED)).await.unwrap_or_default();
    if followed.lines().any(|line| line == ADMINISTRATOR) {
        for file in [FOLLOWED, HOW_FAR] {
            tokio::fs::remove_file(data.join(file)).await?;
        }
    }
    Ok(())
}
