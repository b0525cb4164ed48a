//! Parts of a test that share its world.

use anyhow::{Context, Result};
use std::time::Instant;

/// One part of a test that shares its world with other parts; the output says which part failed.
///
/// A world takes seconds to start, and a run takes more. So a new check belongs into a test whose world it can share:
/// - A check that only reads goes after a run that is made anyway.
/// - A check that changes things goes where its changes do not disturb the parts after it. A replication of its own, with
///   its own source and application's secret, disturbs nobody: see `sources.rs`.
/// - A world of its own is for what changes the world itself: another function, a policy, the record of all calls.
///
/// `name` is a sentence about behaviour, as the name of a test is.
pub async fn part<T>(name: &'static str, checks: impl Future<Output = Result<T>>) -> Result<T> {
    let running = Running { name, began: Instant::now() };
    let result = checks.await;
    if result.is_ok() {
        println!("{:6.1} s  {name}", running.began.elapsed().as_secs_f64());
    } else {
        println!("FAILED    {name}");
    }
    result.context(name)
}

/// Names the part that panics, as a part whose assertion fails does.
struct Running {
    name: &'static str,
    began: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("FAILED    {}", self.name);
        }
    }
}
