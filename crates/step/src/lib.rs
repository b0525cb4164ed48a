//! What every step of every flow agrees on, without a client, a clock or an environment.
//!
//! Start at [`Waiting`] (how a step waits) and [`ErrorName`] (how it may fail).

mod bounded;
mod error_name;
mod identifier;
mod request;
mod tags;
mod waiting;

pub use bounded::{Bounded, OutOfRange};
pub use error_name::ErrorName;
pub use identifier::{AccountId, InvalidIdentifier};
pub use request::{InvalidRequest, parse};
pub use tags::Tags;
pub use waiting::{Deadline, Look, STAGE_DEADLINE, StageTimedOut, Waiting, stage_deadline};

/// The version that every message carries.
pub const MESSAGE_VERSION: u32 = 1;
