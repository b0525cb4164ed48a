//! The local AWS, as a child process in a folder of its own.

use crate::{REGION, Tools};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running local AWS; it ends, with all that it started, when this is dropped.
#[derive(Debug)]
pub struct LocalAws {
    /// Where clients call.
    pub endpoint: String,
    child: Child,
    folder: TempDir,
    /// Locked: the sign that the folder has an owner.
    _log: File,
}

const FOLDER_PREFIX: &str = "local-aws-";
const LOG: &str = "local-aws.log";

#[derive(Deserialize)]
struct Ready {
    endpoint: String,
}

impl LocalAws {
    /// Starts it below `parent`, and waits until it answers.
    pub async fn start(tools: &Tools, parent: &Path, time_scale: f64) -> Result<Self> {
        let (folder, log) = own_folder(parent)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .arg(&tools.local_aws)
            .arg("--ministack")
            .arg(&tools.ministack)
            .arg("--postgres-bin")
            .arg(&tools.postgres_bin)
            .args(tools.mariadb.iter().flat_map(|usr| [OsStr::new("--mariadb"), usr.as_os_str()]))
            .args(tools.nss_wrapper.iter().flat_map(|it| ["--nss-wrapper".as_ref(), it.as_os_str()]))
            .arg("--data-dir")
            .arg(folder.path())
            .arg("--time-scale")
            .arg(time_scale.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            // Not with us in the terminal's foreground: Ctrl-C reaches only its parent, which ends it in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", tools.local_aws.display()))?;
        // From here on it ends when this is dropped, also while we still wait for its first word.
        let mut this = Self { endpoint: String::new(), child, folder, _log: log };
        let output = this.child.stdout.take().context("local-aws has no output")?;
        let line = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
        let ready: Ready = serde_json::from_str(&line).with_context(|| {
            let log = std::fs::read_to_string(this.folder().join(LOG)).unwrap_or_default();
            format!("local-aws did not start; it said:\n{log}")
        })?;
        this.endpoint = ready.endpoint;
        Ok(this)
    }

    /// Its folder: logs, servers and snapshots.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Every call so far.
    pub async fn calls(&self) -> Result<Vec<Value>> {
        self.calls_since(0).await
    }

    /// The calls after this number.
    pub async fn calls_since(&self, sequence: u64) -> Result<Vec<Value>> {
        Ok(reqwest::get(format!("{}/_local-aws/calls?since={sequence}", self.endpoint))
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// Plans a fault of a call: the local AWS says what describes one.
    pub async fn fault(&self, call: &Value) -> Result<()> {
        self.plan("faults", call).await
    }

    /// Plans a misbehaviour of a resource, such as a snapshot that fails.
    pub async fn misbehave(&self, how: &Value) -> Result<()> {
        self.plan("misbehaviours", how).await
    }

    /// Gives an order to one of its own routes, such as `outages`.
    pub(crate) async fn order(&self, route: &str, order: &Value) -> Result<()> {
        self.plan(route, order).await
    }

    /// Ends the outage of a Region.
    pub(crate) async fn end_outage(&self, region: &str) -> Result<()> {
        let url = format!("{}/_local-aws/outages?region={region}", self.endpoint);
        reqwest::Client::new().delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    async fn plan(&self, route: &str, planned: &Value) -> Result<()> {
        let request = reqwest::Client::new().post(format!("{}/_local-aws/{route}", self.endpoint));
        request.json(planned).send().await?.error_for_status()?;
        Ok(())
    }

    /// The calls that are still to go wrong.
    pub async fn pending_faults(&self) -> Result<Vec<Value>> {
        let answer = reqwest::get(format!("{}/_local-aws/faults", self.endpoint)).await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Lets all calls go right from now on.
    pub async fn forget_faults(&self) -> Result<()> {
        let url = format!("{}/_local-aws/faults", self.endpoint);
        reqwest::Client::new().delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// The name and the password of the superuser of every server.
    pub async fn administrator(&self) -> Result<(String, String)> {
        let answer = reqwest::get(format!("{}/_local-aws/administrator", self.endpoint)).await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let text = |key: &str| answer[key].as_str().map(str::to_owned);
        text("username").zip(text("password")).context("the local AWS names no administrator")
    }

    /// Kills the server of a DB instance, which is then started again; false where none is running.
    pub async fn crash(&self, account: &str, identifier: &str) -> Result<bool> {
        let whose = json!({"accountId": account, "region": REGION, "dbInstanceIdentifier": identifier});
        let url = format!("{}/_local-aws/crash", self.endpoint);
        Ok(reqwest::Client::new().post(url).json(&whose).send().await?.status().is_success())
    }

    /// Kills one of the processes of functions, counting round; false when there is none.
    pub async fn kill_function(&self, nth: usize) -> Result<bool> {
        let url = format!("{}/_local-aws/kill-function?nth={nth}", self.endpoint);
        let answer = reqwest::Client::new().post(url).send().await?.error_for_status()?;
        Ok(answer.json::<Value>().await?["killed"] == true)
    }

    /// Ends it in order, and waits until it is gone.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
            self.child.wait().await?;
        }
        Ok(())
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        let Some(id) = self.child.id() else { return };
        // Asked, not killed: it ends its own children in order. It must be gone before its folder is removed.
        let asked = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
        if asked.is_ok_and(|status| status.success()) {
            while matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}

/// Makes a folder of our own with its log, and removes those whose owners are gone.
///
/// A folder belongs to the processes that hold the lock of its log: we, and `local-aws`, whose standard error it is, so
/// that a folder is not taken from one that outlives us by a moment. The kernel gives the lock back however they end.
/// A folder without a locked log has no owner, since it is made and locked while nobody else may look.
fn own_folder(parent: &Path) -> Result<(TempDir, File)> {
    std::fs::create_dir_all(parent)?;
    let turn = File::create(parent.join("local-aws.lock"))?;
    turn.lock()?;
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let ours =
            entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX) && entry.file_type()?.is_dir();
        let ownerless = match File::open(entry.path().join(LOG)) {
            Ok(log) => log.try_lock().is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if ours && ownerless {
            // What cannot be removed now is left to the next start.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let folder = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir_in(parent)?;
    let log = File::create(folder.path().join(LOG))?;
    log.lock()?;
    Ok((folder, log))
}
