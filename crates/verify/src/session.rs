//! A connection to the copy, whatever its engine.

use crate::mysql::MySql;
use crate::plan::{Answer, Refusal, Trouble};
use crate::postgres::Postgres;
use crate::tls;
use secret::Connection;
use sqlx::error::DatabaseError;
use std::time::Duration;
use tokio::time::timeout;

/// How long a login may take: TCP, TLS and authentication.
pub(crate) const CONNECT_SECONDS: u64 = 5;
/// How much longer than the server we wait for a statement, in seconds.
pub(crate) const SLACK_SECONDS: u64 = 2;

/// What an engine is asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL's protocol.
    Postgres,
    /// MySQL's protocol, which MariaDB speaks too.
    MySql,
    /// We have no client.
    Other,
}

impl Engine {
    /// Reads RDS's name of an engine.
    pub fn of(name: &str) -> Self {
        match name {
            "postgres" | "aurora-postgresql" => Self::Postgres,
            "mysql" | "mariadb" | "aurora-mysql" => Self::MySql,
            _ => Self::Other,
        }
    }
}

/// Whose login: in MySQL a user and the hosts that it may come from, in PostgreSQL a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginName {
    /// The user or role.
    pub user: String,
    /// The host pattern, in MySQL.
    pub host: Option<String>,
    /// Whether it logs in by a password: not through IAM or the machine's own users.
    pub has_password: bool,
}

impl LoginName {
    /// How it is told and looked up: `app`, or `app@%`.
    pub fn text(&self) -> String {
        self.host.as_ref().map_or_else(|| self.user.clone(), |host| format!("{}@{host}", self.user))
    }
}

/// A connection, logged in as the master user.
pub(crate) enum Session {
    Postgres(Box<Postgres>),
    MySql(Box<MySql>),
}

impl Session {
    /// Logs in. `None` for an engine without a client.
    pub(crate) async fn connect(login: &Connection, limit_seconds: u64) -> Result<Option<Self>, Trouble> {
        let connected = async {
            Ok(match Engine::of(&login.engine) {
                Engine::Postgres => {
                    Some(Self::Postgres(Box::new(Postgres::connect(login, limit_seconds).await?)))
                }
                Engine::MySql => Some(Self::MySql(Box::new(MySql::connect(login, limit_seconds).await?))),
                Engine::Other => None,
            })
        };
        let place = format!("{}:{}", login.host, login.port);
        match timeout(Duration::from_secs(CONNECT_SECONDS), connected).await {
            Ok(connected) => connected.map_err(|error| trouble(&place, &error)),
            Err(_) => {
                Err(Trouble::NotReachable(format!("{place} does not answer within {CONNECT_SECONDS} s")))
            }
        }
    }

    /// What a statement reads, in a read-only transaction of its own. A `Late` connection is of no more use.
    pub(crate) async fn read(&mut self, sql: &str, limit_seconds: u64) -> Result<Answer, Refusal> {
        let read = async {
            match self {
                Self::Postgres(it) => it.read(sql).await,
                Self::MySql(it) => it.read(sql).await,
            }
        };
        limited(limit_seconds, read).await
    }

    /// Runs statements in one transaction; the failure comes with the statement's place.
    pub(crate) async fn change(
        &mut self,
        sql: &[String],
        limit_seconds: u64,
    ) -> Result<(), (usize, Refusal)> {
        let mut at = 0;
        let all = async {
            self.execute("START TRANSACTION", limit_seconds).await?;
            for (index, statement) in sql.iter().enumerate() {
                at = index;
                self.execute(statement, limit_seconds).await?;
            }
            self.execute("COMMIT", limit_seconds).await
        };
        // Beginning and ending have no time of their own.
        let limit_seconds = limit_seconds * u64::try_from(sql.len()).unwrap_or(u64::MAX) + SLACK_SECONDS;
        let all = timeout(Duration::from_secs(limit_seconds), all).await.unwrap_or(Err(Refusal::Late));
        all.map_err(|refusal| (at, refusal))
    }

    /// Runs a statement for what it does.
    pub(crate) async fn execute(&mut self, sql: &str, limit_seconds: u64) -> Result<(), Refusal> {
        let execute = async {
            match self {
                Self::Postgres(it) => it.execute(sql).await,
                Self::MySql(it) => it.execute(sql).await,
            }
        };
        limited(limit_seconds, execute).await
    }

    /// Every login but those that may not log in anyway.
    pub(crate) async fn logins(&mut self, limit_seconds: u64) -> Result<Vec<LoginName>, Refusal> {
        let logins = async {
            match self {
                Self::Postgres(it) => it.logins().await,
                Self::MySql(it) => it.logins().await,
            }
        };
        limited(limit_seconds, logins).await
    }

    /// The statement that keeps a login out.
    pub(crate) fn lock(&self, login: &LoginName) -> String {
        match self {
            Self::Postgres(_) => crate::postgres::lock(login),
            Self::MySql(_) => crate::mysql::lock(login),
        }
    }

    /// The statement that gives a login another password, of letters and digits.
    pub(crate) fn set_password(
        &self,
        login: &LoginName,
        password: &str,
    ) -> Result<String, crate::random::NoRandomness> {
        match self {
            Self::Postgres(_) => crate::postgres::set_password(login, password),
            Self::MySql(_) => Ok(crate::mysql::set_password(login, password)),
        }
    }
}

/// The server stops a statement that is late; should it not, we go without it.
async fn limited<T>(
    limit_seconds: u64,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Refusal> {
    match timeout(Duration::from_secs(limit_seconds + SLACK_SECONDS), statement).await {
        Ok(Ok(it)) => Ok(it),
        Ok(Err(error)) => Err(refusal(&error)),
        Err(_) => Err(Refusal::Late),
    }
}

fn refusal(error: &sqlx::Error) -> Refusal {
    match error {
        sqlx::Error::Database(it) if is_late(it.as_ref()) => Refusal::Late,
        sqlx::Error::Database(it) if may_pass(&code(it.as_ref())) => Refusal::Lost(told(it.as_ref())),
        sqlx::Error::Database(it) => Refusal::Refused(told(it.as_ref())),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
            Refusal::Lost("the connection broke".to_owned())
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Refusal::Refused("the value is no text: let the statement cast it to one".to_owned())
        }
        _ => Refusal::Refused("the answer could not be read".to_owned()),
    }
}

/// What a failed login means.
fn trouble(place: &str, error: &sqlx::Error) -> Trouble {
    if let Some(problem) = tls::problem(error) {
        return Trouble::NotTrusted(problem);
    }
    match error {
        // Without a cause that we know: the server speaks no TLS.
        sqlx::Error::Tls(problem) => Trouble::NotTrusted(problem.to_string()),
        sqlx::Error::Database(it) => {
            let (code, told) = (code(it.as_ref()), told(it.as_ref()));
            match &code {
                code if code.starts_with("28") => Trouble::LoginRefused(told),
                code if may_pass(code) => Trouble::NotReachable(format!("{place}: {told}")),
                _ => Trouble::LoginHopeless(told),
            }
        }
        sqlx::Error::Io(it) => Trouble::NotReachable(format!("{place} cannot be reached: {it}")),
        _ => Trouble::NotReachable(format!("{place} answers otherwise than its engine would")),
    }
}

/// Starting up, shutting down, too many connections, no resources: SQLSTATE classes 08, 53 and 57P.
fn may_pass(code: &str) -> bool {
    ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
}

/// PostgreSQL's query_canceled; MySQL's ER_QUERY_TIMEOUT has no state of its own, MariaDB's ER_STATEMENT_TIMEOUT has.
fn is_late(error: &dyn DatabaseError) -> bool {
    let number = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|it| it.number());
    error.code().is_some_and(|code| code == "57014") || number.is_some_and(|it| it == 3024 || it == 1969)
}

fn code(error: &dyn DatabaseError) -> String {
    error.code().unwrap_or_default().into_owned()
}

/// The code and the primary message. Details and hints are left out: they quote rows.
fn told(error: &dyn DatabaseError) -> String {
    match error.code() {
        Some(code) => format!("{code}: {}", error.message()),
        None => error.message().to_owned(),
    }
}
