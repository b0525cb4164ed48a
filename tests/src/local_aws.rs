//! The local AWS, as a child process in a folder of its own.

use crate::Tools;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running local AWS; it ends, with all that it started, when this is dropped.
#[derive(Debug)]
pub struct LocalAws {
    /// Where clients call.
    pub endpoint: String,
    child: Child,
    folder: tempfile::TempDir,
}

#[derive(Deserialize)]
struct Ready {
    endpoint: String,
}

impl LocalAws {
    /// Starts it below `parent`, and waits until it answers.
    pub async fn start(tools: &Tools, parent: &Path, time_scale: f64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("local-aws-").tempdir_in(parent)?;
        let log = std::fs::File::create(folder.path().join("local-aws.log"))?;
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .arg(&tools.local_aws)
            .arg("--ministack")
            .arg(&tools.ministack)
            .arg("--postgres-bin")
            .arg(&tools.postgres_bin)
            .arg("--data-dir")
            .arg(folder.path())
            .arg("--time-scale")
            .arg(time_scale.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", tools.local_aws.display()))?;
        let output = child.stdout.take().context("local-aws has no output")?;
        let line = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
        let ready: Ready = serde_json::from_str(&line).with_context(|| {
            let log = std::fs::read_to_string(folder.path().join("local-aws.log")).unwrap_or_default();
            format!("local-aws did not start; it said:\n{log}")
        })?;
        Ok(Self { endpoint: ready.endpoint, child, folder })
    }

    /// Its folder: logs, servers and snapshots.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Every call so far.
    pub async fn calls(&self) -> Result<Vec<Value>> {
        Ok(reqwest::get(format!("{}/_local-aws/calls?since=0", self.endpoint))
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// Asks it to misbehave.
    pub async fn misbehave(&self, how: &Value) -> Result<()> {
        let request =
            reqwest::Client::new().post(format!("{}/_local-aws/misbehave", self.endpoint)).json(how);
        request.send().await?.error_for_status()?;
        Ok(())
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
