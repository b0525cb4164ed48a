//! The main job at its real boundary: real binaries, real templates, real state machines, real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod boto3;
mod failures;
mod handoffs;
mod named_failures;
mod overlap;
mod passwords;
mod replications;
mod resumption;
mod roles;
mod rollback;
mod sources;
mod verification;

use anyhow::Result;
use tests::{Tools, World};

/// A world of the test's own.
async fn world() -> Result<World> {
    World::start_with(&Tools::from_environment()?, &[]).await
}
