//! What every Lambda needs and no step owns: clients, transient or not, the error chain, parsing at the edge, tags.
//!
//! It knows nothing of RDS or of any step.

mod call;
mod client;
mod failure;
mod request;
mod tag_list;

pub use call::{CallFailed, Service, call_failed, found};
pub use client::sdk_config;
pub use failure::diagnostic;
pub use request::{InvalidRequest, list_from_environment, parse, parse_settings};
pub use tag_list::tags;
