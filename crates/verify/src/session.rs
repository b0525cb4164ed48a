//! A connection to the copy, whatever its engine.

use crate::Error;
use crate::cure::{for_role, for_table, named_in};
use crate::login_trouble::{Said, Who, login_trouble};
use crate::mysql::MySql;
use crate::plan::{Answer, Refusal};
use crate::postgres::{self, Postgres};
use crate::trouble::Trouble;
use crate::way::Way;
use login::{code, may_pass, tls_problem, told};
use replication::{SqlName, Statement};
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
    /// Logs in to a database, the secret's when none is named. `None` for an engine without a client.
    pub(crate) async fn connect(
        login: &Connection,
        database: Option<&str>,
        limit_seconds: u64,
    ) -> Result<Option<Self>, Trouble> {
        Self::connect_by(login, database, limit_seconds, None).await
    }

    /// The same by another way than the secret's own.
    pub(crate) async fn connect_by(
        login: &Connection,
        database: Option<&str>,
        limit_seconds: u64,
        way: Option<&Way>,
    ) -> Result<Option<Self>, Trouble> {
        let database = database.or(login.dbname.as_deref());
        let connected = async {
            Ok(match Engine::of(&login.engine) {
                Engine::Postgres => {
                    let database = database.unwrap_or(postgres::DEFAULT_DATABASE);
                    let session = Postgres::connect(login, database, limit_seconds, way).await?;
                    Some(Self::Postgres(Box::new(session)))
                }
                Engine::MySql => {
                    Some(Self::MySql(Box::new(MySql::connect(login, database, limit_seconds, way).await?)))
                }
                Engine::Other => None,
            })
        };
        let place = way.map_or_else(|| format!("{}:{}", login.host, login.port), |way| way.place.clone());
        let who = Who { place: &place, user: &login.username, database: database.unwrap_or_default() };
        let session = match timeout(Duration::from_secs(CONNECT_SECONDS), connected).await {
            Ok(connected) => connected.map_err(|error| trouble(who, &error))?,
            Err(_) => {
                let reason = format!("{place} does not answer within {CONNECT_SECONDS} s");
                return Err(Trouble::NotReachable(reason));
            }
        };
        let Some(mut session) = session else { return Ok(None) };
        session.settle(limit_seconds).await.map_err(|refusal| match refusal {
            Refusal::Lost(reason) => Trouble::NotReachable(reason),
            refusal => Error::SessionNotSet(refusal.to_string()).into(),
        })?;
        Ok(Some(session))
    }

    /// Sets what no default of the snapshot may decide.
    pub(crate) async fn settle(&mut self, limit_seconds: u64) -> Result<(), Refusal> {
        let settle = async {
            match self {
                Self::Postgres(it) => it.settle().await,
                Self::MySql(it) => it.settle().await,
            }
        };
        limited(limit_seconds, settle).await
    }

    /// What a statement reads, in a read-only transaction of its own. A `Late` connection is of no more use.
    pub(crate) async fn read(
        &mut self,
        sql: &str,
        role: Option<&SqlName>,
        limit_seconds: u64,
    ) -> Result<Answer, Refusal> {
        self.settle(limit_seconds).await?;
        let as_role = role.map(SqlName::as_str);
        let read = async {
            match self {
                Self::Postgres(it) => it.read(sql, as_role).await,
                Self::MySql(it) => it.read(sql, as_role).await,
            }
        };
        match limited(limit_seconds, read).await {
            Err(refusal) => Err(self.explained(refusal, role).await),
            answer => answer,
        }
    }

    /// Begins a transaction that changes.
    pub(crate) async fn begin(&mut self, limit_seconds: u64) -> Result<(), Refusal> {
        self.settle(limit_seconds).await?;
        let begin = match self {
            Self::Postgres(_) => postgres::BEGIN,
            Self::MySql(_) => crate::mysql::BEGIN,
        };
        self.execute(begin, limit_seconds).await
    }

    /// What a transaction belongs to: in PostgreSQL a database, in MySQL the session.
    pub(crate) fn transaction_of<'a>(&self, database: Option<&'a SqlName>) -> Option<&'a SqlName> {
        match self {
            Self::Postgres(_) => database,
            Self::MySql(_) => None,
        }
    }

    /// Runs one of the operator's statements in a transaction that was begun.
    pub(crate) async fn run(&mut self, statement: &Statement, limit_seconds: u64) -> Result<(), Refusal> {
        let role = statement.role.as_ref();
        let run = async {
            let Some(role) = role else { return self.execute(&statement.sql, limit_seconds).await };
            let (take_on, lay_down) = match self {
                Self::Postgres(_) => (postgres::take_on(role.as_str()), postgres::LAY_DOWN),
                Self::MySql(it) => (crate::mysql::take_on(role.as_str()), it.lay_down()),
            };
            self.execute(&take_on, limit_seconds).await?;
            self.execute(&statement.sql, limit_seconds).await?;
            self.execute(lay_down, limit_seconds).await
        };
        match run.await {
            Err(refusal) => Err(self.explained(refusal, role).await),
            done => done,
        }
    }

    /// A refusal with the cure, if it is PostgreSQL's for a missing right. The transaction is lost anyway.
    async fn explained(&mut self, refusal: Refusal, role: Option<&SqlName>) -> Refusal {
        let (Refusal::Refused { reason, cure: None }, Self::Postgres(postgres)) = (&refusal, self) else {
            return refusal;
        };
        if !reason.starts_with("42501") {
            return refusal;
        }
        Refusal::Refused { reason: reason.clone(), cure: missing_right(postgres, reason, role).await }
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

/// What to do about a missing right; `None` where it is not known.
async fn missing_right(session: &mut Postgres, reason: &str, role: Option<&SqlName>) -> Option<String> {
    let named = named_in(reason)?;
    let (name, role) = (named.to_owned(), role.map(SqlName::as_str));
    let look = async {
        session.execute("ROLLBACK").await?;
        session.settle().await?;
        session.table(&name).await
    };
    let found = timeout(Duration::from_secs(SLACK_SECONDS), look).await;
    match found.ok()?.ok()? {
        Some(table) => Some(for_table(&table, &session.master, role)),
        None => role.filter(|role| *role == name).map(|role| for_role(role, &session.master)),
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

pub(crate) fn refusal(error: &sqlx::Error) -> Refusal {
    match error {
        sqlx::Error::Database(it) if is_late(it.as_ref()) => Refusal::Late,
        sqlx::Error::Database(it) if may_pass(&code(it.as_ref())) => Refusal::Lost(told(it.as_ref())),
        sqlx::Error::Database(it) => Refusal::refused(told(it.as_ref())),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
            Refusal::Lost("the connection broke".to_owned())
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Refusal::refused("the value is no text: let the statement cast it to one")
        }
        _ => Refusal::refused("the answer could not be read"),
    }
}

/// What a failed login means.
fn trouble(who: Who<'_>, error: &sqlx::Error) -> Trouble {
    if let Some(problem) = tls_problem(error) {
        return Trouble::NotTrusted(problem);
    }
    let place = who.place;
    match error {
        // Without a cause that we know: the server speaks no TLS.
        sqlx::Error::Tls(problem) => Trouble::NotTrusted(problem.to_string()),
        sqlx::Error::Database(it) => {
            let (code, number) = (code(it.as_ref()), number(it.as_ref()));
            login_trouble(Said { code: &code, number, message: it.message() }, who)
        }
        sqlx::Error::Io(it) => Trouble::NotReachable(format!("{place} cannot be reached: {it}")),
        _ => Trouble::NotReachable(format!("{place} answers otherwise than its engine would")),
    }
}

/// PostgreSQL's query_canceled; MySQL's ER_QUERY_TIMEOUT has no state of its own, MariaDB's ER_STATEMENT_TIMEOUT has.
fn is_late(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| code == "57014")
        || number(error).is_some_and(|it| it == 3024 || it == 1969)
}

/// The own number of MySQL and MariaDB.
fn number(error: &dyn DatabaseError) -> Option<u16> {
    error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|it| it.number())
}
