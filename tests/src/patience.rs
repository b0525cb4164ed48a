//! Waiting for a condition, never for a time.

use anyhow::{Result, bail};
use std::future::Future;
use std::time::{Duration, Instant};

/// Looks again and again until there is an answer; gives up with `what` after two minutes.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if began.elapsed() > Duration::from_secs(120) {
            bail!("waited two minutes for {what}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
