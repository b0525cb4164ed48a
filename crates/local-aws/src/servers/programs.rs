//! What RDS needs of an engine's programs: first data, a server on them, its master user, and copies of its data.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::bail;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::{mariadb::MariaDb, postgres::Postgres};
use crate::{
    process,
    tls_front::{Authority, Certificate},
};

/// The superuser of every server, whose password only this process knows.
pub(super) const ADMINISTRATOR: &str = "rdsadmin";
/// The user of PostgreSQL by which replicas follow their source. It is no superuser.
pub(super) const REPLICATOR: &str = "rdsrepladmin";
const START_ATTEMPTS: usize = 5;
const START_PATIENCE: Duration = Duration::from_secs(120);
const CRASH_PATIENCE: Duration = Duration::from_secs(30);

/// One engine's programs.
#[derive(Clone)]
pub enum Programs {
    /// PostgreSQL's.
    Postgres(Postgres),
    /// MariaDB's.
    MariaDb(MariaDb),
}

/// The master user of a new server, and the database that it owns.
pub struct Master<'a> {
    /// The master user's name.
    pub username: &'a str,
    /// The master user's password.
    pub password: &'a str,
    /// The database to create besides the engine's own.
    pub database: Option<&'a str>,
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Open connections are closed, and nothing that was committed is lost.
    InOrder,
    /// At once: its data is not needed any more.
    AtOnce,
}

impl Programs {
    /// The version, such as `16.14` or `10.11.19`.
    pub fn version(&self) -> &str {
        match self {
            Self::Postgres(it) => it.version(),
            Self::MariaDb(it) => it.version(),
        }
    }

    /// Makes first data in `directory`: nothing but the engine's own.
    pub async fn initialise(&self, directory: &Path) -> anyhow::Result<()> {
        match self {
            Self::Postgres(it) => it.initialise(directory).await,
            Self::MariaDb(it) => it.initialise(directory).await,
        }
    }

    /// Creates the master user as RDS does, with its database. It is no superuser.
    pub(super) async fn create_master(&self, port: u16, master: &Master<'_>) -> anyhow::Result<()> {
        match self {
            Self::Postgres(it) => it.create_master(port, master).await,
            Self::MariaDb(it) => it.create_master(port, master).await,
        }
    }

    /// Changes the password of the master user.
    pub(super) async fn set_password(&self, port: u16, username: &str, password: &str) -> anyhow::Result<()> {
        match self {
            Self::Postgres(it) => it.set_password(port, username, password).await,
            Self::MariaDb(it) => it.set_password(port, username, password).await,
        }
    }

    /// Unpacks what a server's `back_up` made into `directory`.
    pub async fn unpack(&self, backup: &Path, directory: &Path) -> anyhow::Result<()> {
        match self {
            Self::Postgres(it) => it.unpack(backup, directory).await,
            Self::MariaDb(it) => it.unpack(backup, directory).await,
        }
    }

    /// Lets the server on `port`, which runs on the data of its source, follow the source behind `link`.
    pub async fn follow(&self, port: u16, link: u16) -> anyhow::Result<()> {
        match self {
            // Its data says whom it follows.
            Self::Postgres(_) => Ok(()),
            Self::MariaDb(it) => it.follow(port, link).await,
        }
    }

    /// Ends the replication of the server on this port.
    pub async fn promote(&self, port: u16) -> anyhow::Result<()> {
        match self {
            Self::Postgres(it) => it.promote(port).await,
            Self::MariaDb(it) => it.promote(port).await,
        }
    }

    /// How many seconds the server on this port lags behind its source; none while that cannot be told.
    pub async fn replica_lag(&self, port: u16) -> anyhow::Result<Option<f64>> {
        match self {
            Self::Postgres(it) => it.replica_lag(port).await,
            Self::MariaDb(it) => it.replica_lag(port).await,
        }
    }

    /// Lets the server on this port commit a transaction that leaves nothing behind. A MariaDB knows its lag without it.
    pub async fn beat(&self, port: u16) -> anyhow::Result<()> {
        match self {
            Self::Postgres(it) => it.beat(port).await,
            Self::MariaDb(_) => Ok(()),
        }
    }

    /// Lets the server on this port forget a replica that follows no more. A MariaDB keeps its log for nobody.
    pub async fn drop_slot(&self, port: u16, slot: &str) -> anyhow::Result<()> {
        match self {
            Self::Postgres(it) => it.drop_slot(port, slot).await,
            Self::MariaDb(_) => Ok(()),
        }
    }

    /// Who issues the servers' certificates.
    pub(super) fn authority(&self) -> &Authority {
        match self {
            Self::Postgres(it) => it.authority(),
            Self::MariaDb(it) => it.authority(),
        }
    }

    /// Does the front speak TLS for the server, which cannot?
    pub(super) fn needs_tls_of_front(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What ends a server so.
    pub(super) fn signal(&self, ending: Ending) -> Signal {
        match (self, ending) {
            // Its SIGTERM would wait for every client to go.
            (Self::Postgres(_), Ending::InOrder) => Signal::INT,
            (Self::Postgres(_), Ending::AtOnce) => Signal::QUIT,
            (Self::MariaDb(_), Ending::InOrder) => Signal::TERM,
            (Self::MariaDb(_), Ending::AtOnce) => Signal::KILL,
        }
    }

    /// Starts a server's process on a free port, and waits until it accepts connections.
    pub(super) async fn start_somewhere(
        &self,
        directory: &Path,
        certificate: &Certificate,
    ) -> anyhow::Result<(Child, u16)> {
        let mut failure = anyhow::anyhow!("the server was not started");
        for _ in 0..START_ATTEMPTS {
            let port = process::free_port()?;
            match self.start_on(directory, port, certificate).await {
                Ok(child) => return Ok((child, port)),
                Err(error) => {
                    tracing::warn!("a server did not start on port {port}, trying another: {error:#}");
                    failure = error;
                }
            }
        }
        Err(failure)
    }

    async fn start_on(
        &self,
        directory: &Path,
        port: u16,
        certificate: &Certificate,
    ) -> anyhow::Result<Child> {
        let path = directory.with_extension("log");
        let log = File::options().create(true).append(true).open(&path)?;
        let mut command = match self {
            Self::Postgres(it) => it.server(directory, port),
            Self::MariaDb(it) => it.server(directory, port, certificate)?,
        };
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let started = Instant::now();
        while started.elapsed() < START_PATIENCE {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}; see {}", path.display());
            }
            let answers = match self {
                Self::Postgres(it) => it.connect(port).await.is_ok(),
                Self::MariaDb(it) => it.connect(port).await.is_ok(),
            };
            if answers {
                return Ok(child);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the server accepts no connection on port {port} after {START_PATIENCE:?}")
    }
}

/// Repeats the work until it succeeds, or until the patience with a crashed server ends.
pub(super) async fn despite_a_crash<F>(work: impl Fn() -> F) -> anyhow::Result<()>
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

/// Runs a program to its end.
pub(super) async fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().await?;
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Unpacks a tar file into a folder, which it makes. The files are ours, not those of the user that the file names.
pub(super) async fn untar(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let mut tar = Command::new("tar");
    run(tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(folder).arg("--no-same-owner"))
        .await
}
