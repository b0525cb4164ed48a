//! What every Lambda needs and no step owns: clients, failed calls and their names, the chain of causes, `serve`.
//!
//! It knows nothing of RDS, of a flow or of a step.

mod call;
mod client;
mod environment;
mod failure;
mod failures;
mod parameter;
mod partition;
mod serve;
mod signed;
mod tag_list;
mod xml;

pub use call::{CallFailed, Service, call_failed, found};
pub use client::{Config, config};
pub use environment::{list_from_environment, text_from_environment};
pub use failure::diagnostic;
pub use lambda_runtime::Error;
pub use parameter::{create_parameter, find_parameter, parameters_below};
pub use serve::serve;
pub use signed::{Invoked, SignedClient};
pub use tag_list::tags;
pub use xml::texts;

// The macro `failures` names them.
#[doc(hidden)]
pub use {lambda_runtime, step};
