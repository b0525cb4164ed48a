//! Contracts between the parts: what one file says of another must be so, and the structure keeps to its rules.
//!
//! `R…` and `P…` in a comment at a test is a known defect that it holds off: see tests/README.md.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod code;
mod failures;
mod floors;
mod machines;
mod mutants;
mod names;
mod packaging;
mod permissions;
mod readme;
mod retries;
mod rules;
mod rust;
mod schema;
mod steps;
mod templates;
mod tree;
mod waiting;
mod yaml;
