//! A secret of Secrets Manager: one parser of what it says, and the calls that the steps share.
//!
//! [`Reading`] is what a read found, [`SecretValue`] the JSON object, [`Connection`] the keys that lead to a database.
//! No value of a secret is ever printed.

mod calls;
mod connection;
mod reading;
mod unusable;
mod value;
mod writable;

pub use calls::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, SecretListed, SecretSeen, create, delete, describe, is_other_value,
    list, move_label, put, random_password, read_current, restore, tag, untag, version_id_of,
};
pub use connection::Connection;
pub use reading::{Reading, Version};
pub use unusable::Unusable;
pub use value::{LOGINS, Password, SecretValue};
