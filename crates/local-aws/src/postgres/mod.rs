//! PostgreSQL: its programs, its running servers, and the folders that hold their data.

pub mod directory;
pub mod programs;
pub mod server;
