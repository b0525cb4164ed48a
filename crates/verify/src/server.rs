//! The sessions with one DB instance: PostgreSQL needs one for each database, MySQL one for all.

use crate::login_trouble::postgres_name;
use crate::plan::Refusal;
use crate::session::{SLACK_SECONDS, Session};
use crate::trouble::Trouble;
use replication::{SqlName, Statement};
use secret::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// A DB instance that is logged in to.
pub(crate) struct Server {
    /// The session in the initial database.
    pub(crate) session: Session,
    /// The name of the initial database; empty where MySQL has none.
    pub(crate) initial: String,
    /// Sessions in other databases that the settings name.
    pub(crate) others: BTreeMap<String, Session>,
    /// How long a statement may take.
    pub(crate) limit_seconds: u64,
}

impl Server {
    /// Logs in. `None` for an engine without a client.
    pub(crate) async fn connect(login: &Connection, limit_seconds: u64) -> Result<Option<Self>, Trouble> {
        let Some(session) = Session::connect(login, None, limit_seconds).await? else { return Ok(None) };
        let initial = match (&login.dbname, &session) {
            (Some(name), _) => name.clone(),
            (None, Session::Postgres(_)) => crate::postgres::DEFAULT_DATABASE.to_owned(),
            (None, Session::MySql(_)) => String::new(),
        };
        Ok(Some(Self { session, initial, others: BTreeMap::new(), limit_seconds }))
    }

    /// The session in a database, the initial one when none is named.
    pub(crate) async fn of(&mut self, database: Option<&SqlName>) -> Result<&mut Session, Refusal> {
        let name = database.map_or(&*self.initial, SqlName::as_str);
        match &mut self.session {
            Session::MySql(_) if name.is_empty() => Ok(&mut self.session),
            Session::MySql(_) => {
                self.session.execute(&crate::mysql::enter(name), self.limit_seconds).await?;
                Ok(&mut self.session)
            }
            Session::Postgres(_) if name == self.initial => Ok(&mut self.session),
            Session::Postgres(_) => self.others.get_mut(name).ok_or_else(|| {
                Refusal::refused(format!(
                    "the copy has no database {} that the master user can connect to",
                    postgres_name(name)
                ))
            }),
        }
    }

    /// Runs statements, in one transaction for each database; the failure comes with the statement's place. Nothing is
    /// committed before all have run.
    pub(crate) async fn change(&mut self, statements: &[Statement]) -> Result<(), (usize, Refusal)> {
        let limit_seconds = self.limit_seconds;
        let mut at = 0;
        let all = async {
            let mut begun = BTreeSet::new();
            for (index, statement) in statements.iter().enumerate() {
                at = index;
                let database = statement.database.as_ref();
                let session = self.of(database).await?;
                if begun.insert(session.transaction_of(database)) {
                    session.begin(limit_seconds).await?;
                }
                session.run(statement, limit_seconds).await?;
            }
            for database in begun {
                self.of(database).await?.execute("COMMIT", limit_seconds).await?;
            }
            Ok(())
        };
        // Beginning and ending have no time of their own.
        let limit_seconds =
            limit_seconds * u64::try_from(statements.len()).unwrap_or(u64::MAX) + SLACK_SECONDS;
        let all = timeout(Duration::from_secs(limit_seconds), all).await.unwrap_or(Err(Refusal::Late));
        all.map_err(|refusal| (at, refusal))
    }
}
