//! The entries in the database, in either family of engines, over one connection.

use crate::http::Entry;
use crate::trouble::Trouble;
use secret::Connection as Login;
use serde::Serialize;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, query, query_as, raw_sql};

/// How long a statement may take on a PostgreSQL server, in milliseconds.
const STATEMENT_MILLIS: &str = "5000";
/// After how many seconds of silence a PostgreSQL server asks whether we are there: before a path forgets us.
const KEEPALIVE_SECONDS: &str = "60";

/// What is read of an entry.
macro_rules! postgres_entries {
    () => {
        "SELECT id, text, to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS written_at FROM entries"
    };
}
macro_rules! mysql_entries {
    () => {
        "SELECT id, text, DATE_FORMAT(written_at, '%Y-%m-%dT%H:%i:%s.%fZ') AS written_at FROM entries"
    };
}

/// How sure we are whom we talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// The certificate names the host.
    VerifyFull,
    /// The certificate is of RDS's authorities, whatever it names.
    VerifyCa,
}

impl Tls {
    /// Anything but `verify-ca` is the strict one.
    pub(crate) fn of(text: &str) -> Self {
        if text == "verify-ca" { Self::VerifyCa } else { Self::VerifyFull }
    }
}

/// An entry as it was written.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    pub(crate) id: String,
    pub(crate) text: String,
    /// When, by the database's clock, in UTC.
    pub(crate) written_at: String,
}

/// A row with the columns in this order.
impl From<(String, String, String)> for Written {
    fn from((id, text, written_at): (String, String, String)) -> Self {
        Self { id, text, written_at }
    }
}

/// A connection, logged in.
#[derive(Debug)]
pub(crate) enum Session {
    Postgres(Box<PgConnection>),
    MySql(Box<MySqlConnection>),
}

impl Session {
    /// Logs in, and makes the table if it is missing.
    pub(crate) async fn connect(login: &Login, tls: Tls) -> Result<Self, Trouble> {
        Ok(match login.engine.as_str() {
            "postgres" | "aurora-postgresql" => Self::Postgres(Box::new(postgres(login, tls).await?)),
            "mysql" | "mariadb" | "aurora-mysql" => Self::MySql(Box::new(mysql(login, tls).await?)),
            other => return Err(Trouble::Engine(other.to_owned())),
        })
    }

    /// The latest hundred.
    pub(crate) async fn entries(&mut self) -> Result<Vec<Written>, Trouble> {
        let rows: Vec<(String, String, String)> = match self {
            Self::Postgres(it) => {
                let sql = concat!(postgres_entries!(), " ORDER BY entries.written_at DESC, id LIMIT 100");
                query_as(sql).fetch_all(it.as_mut()).await?
            }
            Self::MySql(it) => {
                let sql = concat!(mysql_entries!(), " ORDER BY entries.written_at DESC, id LIMIT 100");
                query_as(sql).fetch_all(it.as_mut()).await?
            }
        };
        Ok(rows.into_iter().map(Written::from).collect())
    }

    /// Writes the entry, unless one with its id is there, and answers what is there then.
    pub(crate) async fn add(&mut self, entry: &Entry) -> Result<Written, Trouble> {
        let row: (String, String, String) = match self {
            Self::Postgres(it) => {
                let sql = "INSERT INTO entries (id, text) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
                query(sql).bind(&entry.id).bind(&entry.text).execute(it.as_mut()).await?;
                let sql = concat!(postgres_entries!(), " WHERE id = $1");
                query_as(sql).bind(&entry.id).fetch_one(it.as_mut()).await?
            }
            Self::MySql(it) => {
                let sql = "INSERT INTO entries (id, text) VALUES (?, ?) ON DUPLICATE KEY UPDATE id = id";
                query(sql).bind(&entry.id).bind(&entry.text).execute(it.as_mut()).await?;
                let sql = concat!(mysql_entries!(), " WHERE id = ?");
                query_as(sql).bind(&entry.id).fetch_one(it.as_mut()).await?
            }
        };
        Ok(row.into())
    }
}

async fn postgres(login: &Login, tls: Tls) -> Result<PgConnection, sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&login.host)
        .port(login.port)
        .username(&login.username)
        .password(&login.password)
        .database(login.dbname.as_deref().unwrap_or("postgres"))
        .ssl_mode(match tls {
            Tls::VerifyFull => PgSslMode::VerifyFull,
            Tls::VerifyCa => PgSslMode::VerifyCa,
        })
        .ssl_root_cert_from_pem(rds_authorities::PEM.to_vec())
        .application_name("example-application")
        .options([("statement_timeout", STATEMENT_MILLIS), ("tcp_keepalives_idle", KEEPALIVE_SECONDS)]);
    let mut connection = options.connect().await?;
    let table = "CREATE TABLE IF NOT EXISTS entries (id text PRIMARY KEY, text text NOT NULL, \
                 written_at timestamptz NOT NULL DEFAULT clock_timestamp())";
    raw_sql(table).execute(&mut connection).await?;
    Ok(connection)
}

async fn mysql(login: &Login, tls: Tls) -> Result<MySqlConnection, sqlx::Error> {
    let options = MySqlConnectOptions::new()
        .host(&login.host)
        .port(login.port)
        .username(&login.username)
        .password(&login.password)
        .ssl_mode(match tls {
            Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
        })
        .ssl_ca_from_pem(rds_authorities::PEM.to_vec());
    let options = login.dbname.iter().fold(options, |options, name| options.database(name));
    let mut connection = options.connect().await?;
    let table = "CREATE TABLE IF NOT EXISTS entries (id varchar(64) PRIMARY KEY, text varchar(1000) NOT NULL, \
                 written_at timestamp(6) NOT NULL DEFAULT current_timestamp(6)) CHARACTER SET utf8mb4";
    raw_sql(table).execute(&mut connection).await?;
    Ok(connection)
}
