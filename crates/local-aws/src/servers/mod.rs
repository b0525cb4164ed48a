//! The servers behind DB instances, and the folders that hold their data.
//!
//! `programs` is what RDS needs of an engine. Each engine is a file of its own: `postgres`, `mariadb`. Another engine
//! gets a file beside them and a variant of `Programs`. For RDS Proxy, `session` is PostgreSQL's login, and
//! `mysql_session` MySQL's.
//! `standby` is a PostgreSQL that follows another one, `binlog` a MariaDB that does, and `link` the way of the changes.

mod binlog;
pub mod directory;
pub mod link;
pub mod mariadb;
pub mod mysql_session;
pub mod postgres;
pub mod programs;
pub mod server;
pub mod session;
mod standby;
