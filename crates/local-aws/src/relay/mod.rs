//! The relay: the one address that every client of the local AWS calls.

mod away;
pub mod calls;
pub mod control;
pub mod faults;
pub mod operation;
pub mod record;
pub mod server;
pub mod stacks;
pub mod wire;

use std::sync::Arc;

use axum::{Router, routing::any};

use self::calls::{Relay, handle};

/// The relay's own routes, and every other path for AWS.
pub fn router(relay: Arc<Relay>) -> Router {
    Router::new().nest("/_local-aws", control::routes()).fallback(any(handle)).with_state(relay)
}
