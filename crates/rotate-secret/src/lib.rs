//! States `StageSecret` and `PromoteSecret`, one function and role each: the copy gets a password of its own, and then
//! the application's secret is pointed at it.
//!
//! No password enters a request, an answer, a log line, an error or a tag.

mod connection;
mod error;
mod instance;
pub mod promote;
mod secret;
pub mod stage;

pub use connection::{Connection, SecretValue};
pub use error::Error;
pub use instance::InstanceSeen;
pub use secret::{SecretSeen, SecretVersion};
