//! PostgreSQL servers: initialise, start, copy while running, change a password.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::process::{Child, Command};

use crate::{
    privileges::Privileges,
    process, random_hex,
    tls_front::{Authority, Gate},
};

/// The superuser, whose password only this process knows.
const ADMINISTRATOR: &str = "rdsadmin";
const START_ATTEMPTS: usize = 5;
const START_PATIENCE: Duration = Duration::from_secs(120);
const CRASH_PATIENCE: Duration = Duration::from_secs(30);

/// PostgreSQL's programs, and the folder in which all data lies.
#[derive(Clone)]
pub struct Postgres {
    binaries: PathBuf,
    folder: PathBuf,
    privileges: Privileges,
    password: String,
    version: String,
    authority: Authority,
    gate: Gate,
}

/// The master user of a new server, and the database that it owns.
pub struct Master<'a> {
    /// The master user's name.
    pub username: &'a str,
    /// The master user's password.
    pub password: &'a str,
    /// The database to create besides `postgres`.
    pub database: Option<&'a str>,
}

impl Postgres {
    /// Prepares `folder` for data and asks the programs for their version. Servers have certificates of `authority`,
    /// and everybody reaches them.
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
            gate: Gate::open(),
        })
    }

    /// Puts a gate before every server that is started from now on.
    pub fn behind(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// The version, such as `16.14`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The authority of the servers' certificates.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What stands before the servers.
    pub fn gate(&self) -> &Gate {
        &self.gate
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
        let result = self
            .run(
                self.command("initdb", "TERM")
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
                    ]),
            )
            .await;
        tokio::fs::remove_file(&password_file).await?;
        result
    }

    /// Starts a server's process on a free port.
    pub(crate) async fn start_somewhere(&self, directory: &Path) -> anyhow::Result<(Child, u16)> {
        let mut failure = anyhow::anyhow!("PostgreSQL was not started");
        for _ in 0..START_ATTEMPTS {
            let port = process::free_port()?;
            match self.start_on(directory, port).await {
                Ok(child) => return Ok((child, port)),
                Err(error) => {
                    tracing::warn!("PostgreSQL did not start on port {port}, trying another: {error:#}");
                    failure = error;
                }
            }
        }
        Err(failure)
    }

    async fn start_on(&self, directory: &Path, port: u16) -> anyhow::Result<Child> {
        let log = std::fs::File::options().create(true).append(true).open(directory.with_extension("log"))?;
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
        ] {
            command.args(["-c", setting]);
        }
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn()?;

        let started = Instant::now();
        while started.elapsed() < START_PATIENCE {
            if let Some(status) = child.try_wait()? {
                bail!("postgres ended with {status}; see {}", directory.with_extension("log").display());
            }
            if self.connect(port).await.is_ok() {
                return Ok(child);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("postgres accepts no connection on port {port} after {START_PATIENCE:?}")
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

    /// Changes the password of a role. It tries again if the server crashes meanwhile.
    pub async fn set_password(&self, port: u16, username: &str, password: &str) -> anyhow::Result<()> {
        despite_a_crash(|| async {
            let mut connection = self.connect(port).await?;
            execute(&mut connection, "ALTER ROLE %I PASSWORD %L", &[username, password]).await
        })
        .await
    }

    /// Packs the data of a running server into `directory`, complete and consistent. It tries again if the server
    /// crashes meanwhile, because a crash does not disturb RDS: it takes its snapshot from the volume.
    pub async fn back_up(&self, port: u16, directory: &Path) -> anyhow::Result<()> {
        despite_a_crash(|| async {
            if let Err(error) = tokio::fs::remove_dir_all(directory).await
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(error.into());
            }
            self.back_up_once(port, directory).await
        })
        .await
    }

    async fn back_up_once(&self, port: u16, directory: &Path) -> anyhow::Result<()> {
        self.run(
            self.command("pg_basebackup", "TERM")
                .env("PGPASSWORD", &self.password)
                .args(["--host=127.0.0.1", &format!("--port={port}"), &format!("--username={ADMINISTRATOR}")])
                // Two files instead of a thousand.
                .args(["--format=tar", "--no-manifest"])
                .args(["--checkpoint=fast", "--no-sync", "-X", "stream", "-D"])
                .arg(directory),
        )
        .await
    }

    /// Unpacks what `back_up` made into `directory`.
    pub async fn unpack(&self, backup: &Path, directory: &Path) -> anyhow::Result<()> {
        for (archive, folder) in
            [("base.tar", directory.to_path_buf()), ("pg_wal.tar", directory.join("pg_wal"))]
        {
            tokio::fs::create_dir_all(&folder).await?;
            let mut tar = Command::new("tar");
            let tar = tar.arg("--extract").arg("--file").arg(backup.join(archive)).arg("--directory");
            // The files are ours, not those of the user that the archive names.
            self.run(tar.arg(&folder).arg("--no-same-owner")).await.context("cannot unpack the data")?;
        }
        // PostgreSQL refuses a data directory that others may read.
        tokio::fs::set_permissions(directory, Permissions::from_mode(0o700)).await?;
        self.privileges.hand_over(directory)?;
        Ok(())
    }

    fn command(&self, program: &str, death_signal: &str) -> Command {
        self.privileges.command(&self.binaries.join(program), death_signal)
    }

    async fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().await?;
        if !output.status.success() {
            bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    async fn connect(&self, port: u16) -> sqlx::Result<PgConnection> {
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

/// Repeats the work until it succeeds, or until the patience with a crashed server ends.
async fn despite_a_crash<F>(work: impl Fn() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let started = Instant::now();
    loop {
        match work().await {
            Err(error) if started.elapsed() < CRASH_PATIENCE => {
                tracing::warn!("a server does not answer, trying again: {error:#}")
            }
            result => return result,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
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
