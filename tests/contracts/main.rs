//! Contracts between the parts: what one file says of another must be so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod defects;
mod invariants;
mod mutants;
mod readme;
mod rules;
mod schema;
mod state_machines;
mod style;
mod tables;
mod templates;
mod tree;
