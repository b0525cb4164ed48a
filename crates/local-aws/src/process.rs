//! Child processes: a free port to give them, and an orderly end.

use std::{net::TcpListener, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

/// A port on 127.0.0.1 that nothing listened on a moment ago. Another process may take it before our child does,
/// so callers try again on another one.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Asks the child to end with `signal`, waits, and kills it when it does not.
pub async fn end(child: &mut Child, signal: Signal, patience: Duration) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid
        && kill_process(pid, signal).is_ok()
        && tokio::time::timeout(patience, child.wait()).await.is_ok()
    {
        return;
    }
    if let Err(error) = child.kill().await {
        tracing::warn!("cannot end child process {pid:?}: {error}");
    }
}
