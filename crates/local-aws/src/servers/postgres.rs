//! PostgreSQL servers: initialise, start, copy while running, change a password.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::process::Command;

use super::{
    programs::{ADMINISTRATOR, Master, REPLICATOR, run, untar},
    standby,
};
use crate::{privileges::Privileges, random_hex, tls_front::Authority};

/// PostgreSQL's programs, and the folder in which all data lies.
#[derive(Clone)]
pub struct Postgres {
    binaries: PathBuf,
    folder: PathBuf,
    privileges: Privileges,
    password: String,
    version: String,
    authority: Authority,
}

impl Postgres {
    /// Prepares `folder` for data and asks the programs for their version. Servers have certificates of `authority`.
    pub async fn open(binaries: &Path, folder: &Path, authority: Authority) -> anyhow::Result<Self> {
        tokio::fs::create_dir_all(folder).await.context("cannot make the folder for PostgreSQL's data")?;
        let output = Command::new(binaries.join("postgres")).arg("--version").output().await;
        let output = output.with_context(|| format!("cannot run postgres in {}", binaries.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().last().context("`postgres --version` prints no version")?;

        let privileges = Privileges::detect();
        privileges.hand_over(folder)?;
        tracing::info!("PostgreSQL {version} in {}, {privileges:?}", binaries.display());
        Ok(Self {
            binaries: binaries.to_path_buf(),
            folder: folder.to_path_buf(),
            privileges,
            password: random_hex(24)?,
            version: version.to_owned(),
            authority,
        })
    }

    /// The version, such as `16.14`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The authority of the servers' certificates.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A name for new data, in the folder given at the start.
    pub fn data(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes a new, empty cluster in `directory`.
    pub async fn initialise(&self, directory: &Path) -> anyhow::Result<()> {
        let password_file = directory.with_extension("password");
        write_private(&password_file, &self.password).await?;
        self.privileges.hand_over(&password_file)?;
        let result = run(self
            .command("initdb", "TERM")
            .arg("--pgdata")
            .arg(directory)
            .arg("--pwfile")
            .arg(&password_file)
            .arg(format!("--username={ADMINISTRATOR}"))
            // Small segments: every snapshot, copy and restore carries at least one.
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "--wal-segsize=1",
            ]))
        .await;
        tokio::fs::remove_file(&password_file).await?;
        result
    }

    /// The command of a server on this port.
    pub(super) fn server(&self, directory: &Path, port: u16) -> Command {
        // SIGINT, not SIGTERM, when we are killed: SIGTERM would wait for every client to go.
        let mut command = self.command("postgres", "INT");
        command.arg("-D").arg(directory).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "shared_buffers=16MB",
            "min_wal_size=2MB",
            "max_wal_size=64MB",
            // A replica comes back soon after its source, and says often how far it is.
            "wal_retrieve_retry_interval=100ms",
            "wal_receiver_status_interval=1s",
        ] {
            command.args(["-c", setting]);
        }
        command
    }

    /// The superuser's name and password, for a test that compares rows: policies hide some from all others.
    pub fn administrator(&self) -> (&'static str, &str) {
        (ADMINISTRATOR, &self.password)
    }

    /// Creates the master user as RDS does: no superuser, but it may make roles and databases.
    pub async fn create_master(&self, port: u16, master: &Master<'_>) -> anyhow::Result<()> {
        let mut connection = self.connect(port).await?;
        let mut statements = vec![
            ("CREATE ROLE rds_superuser NOLOGIN", vec![]),
            ("GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION", vec![]),
            ("CREATE ROLE %I LOGIN CREATEDB CREATEROLE PASSWORD %L", vec![master.username, master.password]),
            ("GRANT rds_superuser TO %I", vec![master.username]),
            ("CREATE ROLE %I LOGIN REPLICATION PASSWORD %L", vec![REPLICATOR, &self.password]),
            ("ALTER DATABASE postgres OWNER TO %I", vec![master.username]),
        ];
        // RDS User Guide, "Understanding the rds_superuser role": it may give these on, where the version has them.
        let known: Vec<String> = sqlx::query_scalar(
            "SELECT rolname::text FROM pg_roles WHERE rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_create_subscription')",
        )
        .fetch_all(&mut connection)
        .await?;
        for role in &known {
            statements.push(("GRANT %I TO rds_superuser WITH ADMIN OPTION", vec![role]));
        }
        if let Some(database) = master.database {
            statements.push(("CREATE DATABASE %I OWNER %I", vec![database, master.username]));
        }
        for (statement, values) in statements {
            execute(&mut connection, statement, &values).await.context("cannot create the master user")?;
        }
        Ok(())
    }

    /// Changes the password of a role.
    pub async fn set_password(&self, port: u16, username: &str, password: &str) -> anyhow::Result<()> {
        let mut connection = self.connect(port).await?;
        execute(&mut connection, "ALTER ROLE %I PASSWORD %L", &[username, password]).await
    }

    /// Packs the data of a running server into `directory`, complete and consistent.
    pub async fn back_up(&self, port: u16, directory: &Path) -> anyhow::Result<()> {
        run(self
            .command("pg_basebackup", "TERM")
            .env("PGPASSWORD", &self.password)
            .args(["--host=127.0.0.1", &format!("--port={port}"), &format!("--username={ADMINISTRATOR}")])
            // Two files instead of a thousand.
            .args(["--format=tar", "--no-manifest"])
            .args(["--checkpoint=fast", "--no-sync", "-X", "stream", "-D"])
            .arg(directory))
        .await
    }

    /// Unpacks what `back_up` made into `directory`.
    pub async fn unpack(&self, backup: &Path, directory: &Path) -> anyhow::Result<()> {
        for (archive, folder) in
            [("base.tar", directory.to_path_buf()), ("pg_wal.tar", directory.join("pg_wal"))]
        {
            untar(&backup.join(archive), &folder).await.context("cannot unpack the data")?;
        }
        standby::follow_nobody(directory).await?;
        // PostgreSQL refuses a data directory that others may read.
        tokio::fs::set_permissions(directory, Permissions::from_mode(0o700)).await?;
        self.privileges.hand_over(directory)?;
        Ok(())
    }

    pub(super) fn command(&self, program: &str, death_signal: &str) -> Command {
        self.privileges.command(&self.binaries.join(program), death_signal)
    }

    pub(super) async fn connect(&self, port: u16) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username(ADMINISTRATOR)
            .password(&self.password)
            .database("postgres")
            .ssl_mode(PgSslMode::Disable);
        PgConnection::connect_with(&options).await
    }
}

/// Runs a statement that takes no bind parameters. The server itself quotes the values (`%I` a name, `%L` text),
/// and does not log the statement when it fails.
async fn execute(connection: &mut PgConnection, statement: &str, values: &[&str]) -> anyhow::Result<()> {
    sqlx::raw_sql("SET log_min_error_statement = 'panic'").execute(&mut *connection).await?;
    let quoted: String = sqlx::query_scalar("SELECT format($1, VARIADIC $2::text[])")
        .bind(statement)
        .bind(values)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(quoted)).execute(connection).await?;
    Ok(())
}

async fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut file =
        tokio::fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(path).await?;
    file.write_all(text.as_bytes()).await?;
    file.flush().await
}
