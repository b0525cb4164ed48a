//! A running server, and the task that starts it again after a crash, as RDS does.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::{
    process::Child,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::JoinHandle,
};

use super::{
    mariadb,
    programs::{Ending, Master, Programs, despite_a_crash},
};
use crate::{
    loopback,
    process::{self, Standstill},
    tls_front::{Certificate, Front, Gate},
};

const STOP_PATIENCE: Duration = Duration::from_secs(20);
const RESTART_PATIENCE: Duration = Duration::from_secs(120);

/// Where a server is to be reached.
#[derive(Debug, Clone)]
pub struct Door {
    /// The name that its certificate is for. Without a name, its certificate is for its address.
    pub name: Option<String>,
    /// The address, if that is free.
    pub address: Option<Ipv4Addr>,
    /// The port; 0 chooses a free one.
    pub port: u16,
}

/// Where a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name or address that clients are told, and that its certificate is for.
    pub host: String,
    /// Where it really is.
    pub address: SocketAddrV4,
}

/// A running server. Dropping it kills it; `stop` ends it in order.
pub struct Server {
    programs: Programs,
    front: Arc<Front>,
    commands: UnboundedSender<Command>,
    keeper: JoinHandle<()>,
}

enum Command {
    End(Ending),
    Crash,
    Restart(oneshot::Sender<()>),
    /// Copies the data while the process stands still.
    Copy(PathBuf, oneshot::Sender<anyhow::Result<()>>),
}

/// What the task that looks after a server has.
struct Keeper {
    programs: Programs,
    directory: PathBuf,
    front: Arc<Front>,
    commands: UnboundedReceiver<Command>,
}

impl Server {
    /// Starts a server on `directory` behind a door, and waits until it accepts connections. It is reached there also when
    /// it is started again after a crash. The gate says who reaches it.
    pub async fn start(
        programs: &Programs,
        directory: &Path,
        door: &Door,
        gate: &Gate,
    ) -> anyhow::Result<(Self, Endpoint)> {
        let listener = loopback::listen(door.address, door.port).await?;
        let (endpoint, certificate) = door.opened_at(listener.local_addr()?, programs)?;
        let (child, port) = programs.start_somewhere(directory, &certificate).await?;
        let front = Front::open(listener, port, certificate, programs.needs_tls_of_front(), gate)?;
        let front = Arc::new(front);
        let (commands, received) = unbounded_channel();
        let keeper = Keeper {
            programs: programs.clone(),
            directory: directory.to_path_buf(),
            front: Arc::clone(&front),
            commands: received,
        };
        let server =
            Self { programs: programs.clone(), front, commands, keeper: tokio::spawn(keeper.keep(child)) };
        Ok((server, endpoint))
    }

    /// Is reached by another door from now on. `restart` must follow: it ends the connections that came by the old one,
    /// and MariaDB reads its certificate then.
    pub fn move_to(&self, door: &Door) -> impl Future<Output = anyhow::Result<Endpoint>> + use<> {
        let (programs, front, door) = (self.programs.clone(), Arc::clone(&self.front), door.clone());
        async move {
            let mut at = front.address();
            if (door.address.map(IpAddr::V4), door.port) != (Some(at.ip()), at.port()) {
                let listener = loopback::listen(door.address, door.port).await?;
                at = listener.local_addr()?;
                front.move_to(listener)?;
            }
            let (endpoint, certificate) = door.opened_at(at, &programs)?;
            front.show(certificate);
            Ok(endpoint)
        }
    }

    /// Its port on 127.0.0.1, without a gate and without TLS. It changes when the server is started again.
    pub fn port(&self) -> u16 {
        self.front.server()
    }

    /// Ends every connection that came by the door. The server runs on.
    pub fn end_connections(&self) {
        self.front.end_connections();
    }

    /// Stops the server. Open connections are closed; nothing that was committed is lost.
    pub async fn stop(self) {
        self.end(Ending::InOrder).await;
    }

    /// Stops a server at once. Its data is not needed any more.
    pub async fn abandon(self) {
        self.end(Ending::AtOnce).await;
    }

    /// Kills the server's process. To its keeper this is a crash.
    pub fn crash(&self) {
        // If the keeper has ended, there is no process to kill.
        let _ = self.commands.send(Command::Crash);
    }

    /// Stops the server and starts it again, and ends once it is up. Open connections are closed.
    pub fn restart(&self) -> impl Future<Output = ()> + use<> {
        let (restarted, up) = oneshot::channel();
        // If the keeper has ended, there is nothing to restart, and nothing to wait for.
        let _ = self.commands.send(Command::Restart(restarted));
        async {
            let _ = up.await;
        }
    }

    /// Creates the master user as RDS does, with its database.
    pub async fn create_master(&self, master: &Master<'_>) -> anyhow::Result<()> {
        self.programs.create_master(self.front.server(), master).await
    }

    /// Changes the password of the master user. It tries again if the server crashes meanwhile.
    pub fn set_password(
        &self,
        username: &str,
        password: &str,
    ) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let (programs, front) = (self.programs.clone(), Arc::clone(&self.front));
        let (username, password) = (username.to_owned(), password.to_owned());
        async move { despite_a_crash(|| programs.set_password(front.server(), &username, &password)).await }
    }

    /// Packs the data of the server into `backup`, complete and as of one moment. It tries again if the server crashes
    /// meanwhile, because a crash does not disturb RDS: it takes its snapshot from the volume.
    pub fn back_up(&self, backup: &Path) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let (programs, front) = (self.programs.clone(), Arc::clone(&self.front));
        let (commands, backup) = (self.commands.clone(), backup.to_path_buf());
        async move {
            despite_a_crash(|| async {
                if let Err(error) = tokio::fs::remove_dir_all(&backup).await
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(error.into());
                }
                match &programs {
                    Programs::Postgres(it) => it.back_up(front.server(), &backup).await,
                    Programs::MariaDb(_) => {
                        let (done, copied) = oneshot::channel();
                        // If the keeper has ended, `done` is dropped.
                        let _ = commands.send(Command::Copy(backup.clone(), done));
                        copied.await.context("the server is down")?
                    }
                }
            })
            .await
        }
    }

    /// Copies the data of this server into `directory`. A server on it may follow this one, by way of `link`.
    pub fn seed(
        &self,
        link: u16,
        slot: &str,
        directory: &Path,
    ) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let backup = directory.with_extension("seed");
        let (programs, copied) = (self.programs.clone(), self.back_up(&backup));
        let (slot, directory) = (slot.to_owned(), directory.to_path_buf());
        async move {
            match &programs {
                Programs::Postgres(it) => it.seed(link, &slot, &directory).await,
                Programs::MariaDb(it) => {
                    copied.await?;
                    it.unpack(&backup, &directory).await?;
                    Ok(tokio::fs::remove_dir_all(&backup).await?)
                }
            }
        }
    }

    async fn end(self, ending: Ending) {
        let _ = self.commands.send(Command::End(ending));
        if let Err(error) = self.keeper.await {
            tracing::error!("the keeper of the server at {} failed: {error}", self.front.address());
        }
    }
}

impl Door {
    /// Where it is, once it is opened, and the certificate of what is behind it.
    fn opened_at(&self, address: SocketAddr, programs: &Programs) -> anyhow::Result<(Endpoint, Certificate)> {
        let SocketAddr::V4(address) = address else { bail!("{address} is no address of version 4") };
        let host = self.name.clone().unwrap_or_else(|| address.ip().to_string());
        let certificate = programs.authority().issue(&[&host])?;
        Ok((Endpoint { host, address }, certificate))
    }
}

impl Keeper {
    async fn keep(mut self, mut child: Child) {
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Crash) => {
                        if let Err(error) = child.start_kill() {
                            tracing::error!("cannot kill the server at {}: {error}", self.front.address());
                        }
                    }
                    Some(Command::Restart(restarted)) => {
                        process::end(&mut child, self.programs.signal(Ending::InOrder), STOP_PATIENCE).await;
                        let Some(another) = self.restart().await else { return };
                        child = another;
                        // Nobody need wait for it.
                        let _ = restarted.send(());
                    }
                    Some(Command::Copy(backup, done)) => {
                        // The one who wanted it may be gone.
                        let _ = done.send(self.copy(&child, &backup).await);
                    }
                    Some(Command::End(ending)) => {
                        return process::end(&mut child, self.programs.signal(ending), STOP_PATIENCE).await;
                    }
                    // The server was dropped. Dropping the process's handle kills the process.
                    None => return,
                },
                status = child.wait() => {
                    tracing::warn!("the server at {} ended by itself: {status:?}", self.front.address());
                    let Some(another) = self.restart().await else { return };
                    child = another;
                }
            }
        }
    }

    /// Nothing is started on the data before the copy is made, also if the process dies meanwhile.
    async fn copy(&self, child: &Child, backup: &Path) -> anyhow::Result<()> {
        let _standstill = Standstill::of(child).await?;
        mariadb::copy(&self.directory, backup).await
    }

    /// The new process; none if the server is told to end meanwhile, or does not start.
    async fn restart(&mut self) -> Option<Child> {
        let Self { programs, directory, front, commands } = self;
        let started = Instant::now();
        let again = async {
            loop {
                // PostgreSQL refuses to start while a process of the crashed server still holds its shared memory.
                match programs.start_somewhere(directory, &front.certificate()).await {
                    Ok(it) => return Some(it),
                    Err(error) if started.elapsed() > RESTART_PATIENCE => {
                        tracing::error!("the server at {} stays down: {error:#}", front.address());
                        return None;
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        };
        let told_to_end = async {
            while let Some(command) = commands.recv().await {
                if matches!(command, Command::End(_)) {
                    break;
                }
            }
        };
        let (child, port) = tokio::select! {
            it = again => it?,
            () = told_to_end => return None,
        };
        front.lead_to(port);
        tracing::info!("the server at {} is up again after {:?}", front.address(), started.elapsed());
        Some(child)
    }
}
