//! RDS over real servers, on three floors; each uses only those below it.
//!
//! - `api`: takes a request apart, asks whether its caller may send it, and words the answer.
//! - `operations`: changes what exists, and does the work that goes on behind an answer.
//! - `model`: what exists, and the rules.
//!
//! A new kind of resource has a file of its name on each floor, and its place in `model::state::State`.

pub mod api;
pub mod model;
pub mod operations;
