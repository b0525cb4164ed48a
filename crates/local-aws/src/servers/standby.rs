//! A PostgreSQL server that follows another one by physical streaming replication.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::{
    postgres::Postgres,
    programs::{REPLICATOR, run},
};

/// A server follows another one while this file is in its data. The server removes it when it is promoted.
const SIGNAL: &str = "standby.signal";
const PROMOTION_PATIENCE: Duration = Duration::from_secs(60);
const SLOT_PATIENCE: Duration = Duration::from_secs(20);

impl Postgres {
    /// Copies the data of the server behind this port into `directory`. A server on it follows that server, which keeps
    /// its changes in a slot of this name until they have arrived.
    pub(super) async fn seed(&self, port: u16, slot: &str, directory: &Path) -> anyhow::Result<()> {
        let mut command = self.command("pg_basebackup", "TERM");
        command.env("PGPASSWORD", self.administrator().1).args([
            "--host=127.0.0.1",
            &format!("--port={port}"),
            &format!("--username={REPLICATOR}"),
            "--write-recovery-conf",
            "--create-slot",
            &format!("--slot={slot}"),
            "--checkpoint=fast",
            "--no-sync",
            "--no-manifest",
            "--wal-method=stream",
            "--pgdata",
        ]);
        run(command.arg(directory)).await.context("cannot copy the data of the source")
    }

    /// Ends the replication of the server on this port: from now on it takes writes.
    pub(super) async fn promote(&self, port: u16) -> anyhow::Result<()> {
        let mut connection = self.connect(port).await?;
        let seconds = i32::try_from(PROMOTION_PATIENCE.as_secs())?;
        let promoted: bool = sqlx::query_scalar("SELECT pg_promote(true, $1)")
            .bind(seconds)
            .fetch_one(&mut connection)
            .await?;
        ensure!(promoted, "the server still follows another one after {PROMOTION_PATIENCE:?}");
        Ok(())
    }

    /// How many seconds ago the newest commit was made that the server on this port has replayed; none before the first.
    /// Source: RDS User Guide, USER_PostgreSQL.Replication.ReadReplicas: RDS computes ReplicaLag so.
    pub(super) async fn replica_lag(&self, port: u16) -> anyhow::Result<Option<f64>> {
        let lag = "SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8";
        Ok(sqlx::query_scalar(lag).fetch_one(&mut self.connect(port).await?).await?)
    }

    /// Commits a transaction that leaves nothing behind.
    pub(super) async fn beat(&self, port: u16) -> anyhow::Result<()> {
        sqlx::query("SELECT pg_current_xact_id()").execute(&mut self.connect(port).await?).await?;
        Ok(())
    }

    /// Forgets the slot of a replica that follows no more.
    pub(super) async fn drop_slot(&self, port: u16, slot: &str) -> anyhow::Result<()> {
        let mut connection = self.connect(port).await?;
        let started = Instant::now();
        loop {
            let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
                        WHERE slot_name = $1 AND NOT active";
            sqlx::query(drop).bind(slot).execute(&mut connection).await?;
            let left: i64 =
                sqlx::query_scalar("SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1")
                    .bind(slot)
                    .fetch_one(&mut connection)
                    .await?;
            if left == 0 {
                return Ok(());
            }
            ensure!(started.elapsed() < SLOT_PATIENCE, "slot {slot} is still in use");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Data that was copied from a server that follows another one: a server on it follows nobody.
pub(super) async fn follow_nobody(directory: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_file(directory.join(SIGNAL)).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
