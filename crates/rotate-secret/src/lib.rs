//! States `StageSecret` and `PromoteSecret`, one function and role each: the copy gets a password of its own, then the
//! application's secret is pointed at the copy.
//!
//! No password enters a request, an answer, a log line, an error or a tag.

mod copy;
mod error;
pub mod promote_secret;
pub mod stage_secret;

pub use error::Error;
