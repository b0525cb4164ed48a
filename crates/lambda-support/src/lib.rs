//! What every Lambda needs and no step owns: clients, transient or not, the error chain, parsing at the edge, tags.
//! With the feature `ssm` also the settings of a replication, for the functions that read them.
//!
//! It knows nothing of RDS or of any step.

mod call;
mod client;
mod failure;
mod request;
#[cfg(feature = "ssm")]
mod settings;
mod tag_list;

pub use call::{CallFailed, Service, call_failed, found};
pub use client::sdk_config;
pub use failure::diagnostic;
pub use request::{InvalidRequest, list_from_environment, parse};
#[cfg(feature = "ssm")]
pub use settings::{UnusableSettings, find_settings, parse_settings};
pub use tag_list::tags;
