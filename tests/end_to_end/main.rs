//! The main job at its real boundary: real binaries, real templates, real state machines, real PostgreSQL.

mod failures;
mod handoffs;
mod replications;

use anyhow::Result;
use tests::{Tools, World};

/// A world of the test's own, at a scale that makes RDS's minutes seconds.
async fn world() -> Result<World> {
    let tools = Tools::from_environment()?;
    let parent = tools.checkout.join(".local");
    World::start(&tools, &parent, 0.01).await
}
