//! The main job at its real boundary: real binaries, real templates, real state machines, real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod application_secret;
mod boto3;
mod denials;
mod example_application;
mod failovers;
mod handoffs;
mod lanes;
mod mariadb;
mod named_failures;
mod names;
mod network;
mod overlap;
mod pair;
mod part;
mod passwords;
mod planned_failover;
mod redrive;
mod refusals;
mod regions;
mod replications;
mod resumption;
mod roles;
mod rollback;
mod sources;
mod verification;

use anyhow::{Context, Result};
use executions::Execution;
use serde_json::Value;
use std::path::PathBuf;
use tests::{Account, Tools, World, eventually};

/// A world of the test's own. Checks that can share it are its parts: see `part`.
async fn world() -> Result<World> {
    world_with(&[]).await
}

/// A world in which zips of functions are replaced, each by a binary.
async fn world_with(replaced: &[(&str, PathBuf)]) -> Result<World> {
    World::start_with(&Tools::from_environment()?, replaced).await
}

/// A run from its start to its copy; answers its name.
async fn run(world: &World) -> Result<String> {
    let execution = world.start_run(&world.input()).await?;
    Ok(world.finish_run(&execution).await?.0)
}

/// A rollback that succeeds.
async fn roll_back(world: &World, to: &str) -> Result<Execution> {
    world.roll_back(to).await
}

/// A rollback, ended however it ended.
async fn end_of_rollback(world: &World, to: &str) -> Result<Execution> {
    world.target.ended(&world.start_rollback(to).await?).await
}

/// The next report: its subject, and what it says.
async fn next_report(account: &Account, reports: &str) -> Result<(String, Value)> {
    let report = eventually("a report", || account.next_message(reports, 1)).await?;
    let envelope: Value = serde_json::from_str(&report)?;
    let text = |key: &str| envelope[key].as_str().with_context(|| format!("a report has a {key}"));
    Ok((text("Subject")?.to_owned(), serde_json::from_str(text("Message")?)?))
}

/// The next report of that outcome; others are passed over.
async fn report_of(account: &Account, reports: &str, outcome: &str) -> Result<Value> {
    loop {
        let (_, message) = next_report(account, reports).await?;
        if message["outcome"] == outcome {
            return Ok(message);
        }
    }
}
