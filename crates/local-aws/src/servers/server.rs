//! A running server, and the task that starts it again after a crash, as RDS does.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
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
    programs::{Ending, Programs, despite_a_crash},
};
use crate::{
    process::{self, Standstill},
    tls_front::{Front, Gate},
};

const STOP_PATIENCE: Duration = Duration::from_secs(20);
const RESTART_PATIENCE: Duration = Duration::from_secs(120);

/// A running server. Dropping it kills it; `stop` ends it in order.
pub struct Server {
    programs: Programs,
    port: u16,
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
    front: Front,
    commands: UnboundedReceiver<Command>,
}

impl Server {
    /// Starts a server on `directory`, behind `preferred` when that port is free, and waits until it accepts
    /// connections. Its endpoint stays when it is started again after a crash. The gate says who reaches it.
    pub async fn start(
        programs: &Programs,
        directory: &Path,
        preferred: Option<u16>,
        gate: &Gate,
    ) -> anyhow::Result<Self> {
        let (child, port) = programs.start_somewhere(directory).await?;
        let front = Front::open(programs.tls_of_front(), port, preferred, gate).await?;
        let (commands, received) = unbounded_channel();
        let port = front.port();
        let keeper = Keeper {
            programs: programs.clone(),
            directory: directory.to_path_buf(),
            front,
            commands: received,
        };
        Ok(Self { programs: programs.clone(), port, commands, keeper: tokio::spawn(keeper.keep(child)) })
    }

    /// The port on 127.0.0.1, where TLS is offered.
    pub fn port(&self) -> u16 {
        self.port
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

    /// Packs the data of the server into `backup`, complete and as of one moment. It tries again if the server crashes
    /// meanwhile, because a crash does not disturb RDS: it takes its snapshot from the volume.
    pub fn back_up(&self, backup: &Path) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let (programs, port) = (self.programs.clone(), self.port);
        let (commands, backup) = (self.commands.clone(), backup.to_path_buf());
        async move {
            despite_a_crash(|| async {
                if let Err(error) = tokio::fs::remove_dir_all(&backup).await
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(error.into());
                }
                match &programs {
                    Programs::Postgres(it) => it.back_up(port, &backup).await,
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

    async fn end(self, ending: Ending) {
        let _ = self.commands.send(Command::End(ending));
        if let Err(error) = self.keeper.await {
            tracing::error!("the keeper of the server on port {} failed: {error}", self.port);
        }
    }
}

impl Keeper {
    async fn keep(mut self, mut child: Child) {
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Crash) => {
                        if let Err(error) = child.start_kill() {
                            tracing::error!("cannot kill the server of port {}: {error}", self.front.port());
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
                    tracing::warn!("the server of port {} ended by itself: {status:?}", self.front.port());
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
                match programs.start_somewhere(directory).await {
                    Ok(it) => return Some(it),
                    Err(error) if started.elapsed() > RESTART_PATIENCE => {
                        tracing::error!("the server of port {} stays down: {error:#}", front.port());
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
        tracing::info!("the server of port {} is up again after {:?}", front.port(), started.elapsed());
        Some(child)
    }
}
