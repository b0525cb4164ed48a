//! PostgreSQL refuses to run as root, so this runs it as another user when we are root.

use std::{
    io,
    os::unix::fs::chown,
    path::Path,
    process::{Command as BlockingCommand, Stdio},
};

use tokio::process::Command;

/// `nobody` on every Linux.
const UNPRIVILEGED: u32 = 65534;

/// The way in which a PostgreSQL program is started so that it does not run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privileges {
    /// We are not root.
    Plain,
    /// A user namespace in which we appear as user 1000: files stay ours.
    UserNamespace,
    /// Another user, who must own the data: for machines that forbid user namespaces.
    OtherUser,
}

impl Privileges {
    /// Finds out what this machine allows.
    pub fn detect() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::Plain;
        }
        let allowed = BlockingCommand::new("unshare")
            .args(["--user", "--map-user=1000", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if allowed { Self::UserNamespace } else { Self::OtherUser }
    }

    /// A command for `program` that gets `death_signal` when we are killed.
    ///
    /// The death signal is forgotten on a change of credentials, so it is set innermost. It also fires when the
    /// spawning thread ends: spawn from tokio's workers, never from `spawn_blocking`.
    pub fn command(self, program: &Path, death_signal: &str) -> Command {
        let user = UNPRIVILEGED.to_string();
        let outer: &[&str] = match self {
            Self::Plain => &[],
            Self::UserNamespace => &["unshare", "--user", "--map-user=1000"],
            Self::OtherUser => &[
                "setpriv",
                "--reuid",
                &user,
                "--regid",
                &user,
                "--clear-groups",
                // It may pass folders that are closed to it, such as a checkout's or a temporary one.
                "--inh-caps",
                "+dac_read_search",
                "--ambient-caps",
                "+dac_read_search",
            ],
        };
        let inner = ["setpriv", "--pdeathsig", death_signal];
        let mut words = outer.iter().copied().chain(inner);
        let mut command = Command::new(words.next().unwrap_or("setpriv"));
        command.args(words).arg(program).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Gives a file or a whole directory to the user that PostgreSQL runs as.
    pub fn hand_over(self, path: &Path) -> io::Result<()> {
        if self != Self::OtherUser {
            return Ok(());
        }
        chown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                self.hand_over(&entry?.path())?;
            }
        }
        Ok(())
    }
}
