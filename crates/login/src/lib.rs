//! Logins to databases over TLS: whom is trusted, how long it may take, and what a refusal means.
//!
//! The endpoint comes from RDS, and a secret gives user and password alone. So a secret that leads to another database
//! can do no harm there. No password is ever printed.

mod failed;
mod postgres;
mod refusal;
mod secret;

pub use ::secret::Connection;
pub use failed::LoginFailed;
pub use postgres::{connect, options};
pub use refusal::{code, may_pass, tls_problem, told};
pub use secret::connection;
