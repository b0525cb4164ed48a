//! A real database: the tables of a shop, and what it takes to say that two databases hold the same rows.

mod mariadb;
mod postgres;

use crate::SecretSays;
use anyhow::{Result, bail};
use serde::Serialize;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;

pub use postgres::fingerprint;

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// How many rows.
    pub rows: i64,
    /// A checksum of all rows, whatever their order.
    pub checksum: String,
    /// Whether it is empty in every copy: an UNLOGGED table of PostgreSQL, a MEMORY table of MariaDB.
    pub unlogged: bool,
}

/// Every table of a database, by name.
pub type Fingerprint = Vec<Table>;

/// Every table of every database of a server, though policies hide rows from the master user. In another database than the
/// login's a name says its database. PostgreSQL's administrator sees every row, and MariaDB has no such policies.
pub async fn fingerprint_of_server(
    login: &SecretSays,
    administrator: &(String, String),
) -> Result<Fingerprint> {
    match Orders::connect(login).await? {
        Orders::Postgres(_) => postgres::fingerprint_of_server(login, administrator).await,
        Orders::MariaDb(mut connection) => mariadb::fingerprint(&mut connection).await,
    }
}

/// The tables of `orders-prod`.
#[derive(Debug)]
pub enum Orders {
    /// In PostgreSQL.
    Postgres(PgConnection),
    /// In MariaDB.
    MariaDb(MySqlConnection),
}

impl Orders {
    /// Logs in.
    pub async fn connect(login: &SecretSays) -> Result<Self> {
        match login.engine.as_str() {
            "postgres" => Ok(Self::Postgres(login.session().await?)),
            "mariadb" => Ok(Self::MariaDb(mariadb::connect(login).await?)),
            other => bail!("nobody here speaks with {other}"),
        }
    }

    /// Makes the tables: text, numbers, times, JSON and bytes, with keys between them.
    pub async fn create_tables(&mut self) -> Result<()> {
        match self {
            Self::Postgres(connection) => postgres::create_tables(connection).await,
            Self::MariaDb(connection) => mariadb::create_tables(connection).await,
        }
    }

    /// Adds `count` customers from `first` on, each with two orders and a receipt.
    pub async fn add(&mut self, first: i64, count: i64) -> Result<()> {
        match self {
            Self::Postgres(connection) => postgres::add(connection, first, count).await,
            Self::MariaDb(connection) => mariadb::add(connection, first, count).await,
        }
    }

    /// What it holds now.
    pub async fn fingerprint(&mut self) -> Result<Fingerprint> {
        match self {
            Self::Postgres(connection) => postgres::fingerprint(connection).await,
            Self::MariaDb(connection) => mariadb::fingerprint(connection).await,
        }
    }
}
