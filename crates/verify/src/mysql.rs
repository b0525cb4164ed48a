//! MySQL and MariaDB.

mod activity;
mod catalogue;

use crate::LoginName;
use crate::login_trouble::mysql_name as quoted;
use crate::plan::Answer;
use crate::statement::read_one;
use crate::way::Way;
use secret::Connection;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};

/// A new password would turn these into logins by password.
///
/// Source: RDS User Guide, "Creating a database account using IAM authentication"; MySQL Reference Manual, "Authentication
/// Plugins"; MariaDB, "Authentication Plugins".
const WITHOUT_PASSWORD: &[&str] =
    &["AWSAuthenticationPlugin", "auth_socket", "unix_socket", "mysql_no_login", "authentication_kerberos"];

macro_rules! listing {
    () => {
        "SELECT CAST(user AS CHAR), CAST(host AS CHAR), CAST(plugin AS CHAR) FROM mysql.user"
    };
}

/// A connection.
pub(crate) struct MySql {
    connection: MySqlConnection,
    is_mariadb: bool,
    limit_seconds: u64,
}

impl MySql {
    pub(crate) async fn connect(
        login: &Connection,
        database: Option<&str>,
        limit_seconds: u64,
        way: Option<&Way>,
    ) -> Result<Self, sqlx::Error> {
        let options = MySqlConnectOptions::new()
            .host(&login.host)
            .port(login.port)
            .username(&login.username)
            .password(&login.password)
            .ssl_mode(MySqlSslMode::VerifyIdentity)
            .ssl_ca_from_pem(rds_authorities::PEM.to_vec())
            // The operator's SQL means here what it means elsewhere.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            // Statements may hold passwords.
            .disable_statement_logging();
        let options = database.iter().fold(options, |options, name| options.database(name));
        let options = way.into_iter().fold(options, |options, way| way.mysql(options));
        let mut connection = options.connect().await?;
        let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await?;
        Ok(Self { connection, is_mariadb: version.contains("MariaDB"), limit_seconds })
    }

    /// Sets whatever may change what SQL means. The SQL mode is that of the DB parameter group, which the operator chose.
    pub(crate) async fn settle(&mut self) -> Result<(), sqlx::Error> {
        // MySQL counts milliseconds, and stops nothing but SELECT; MariaDB counts seconds.
        let limit = match self.is_mariadb {
            true => format!("max_statement_time = {}", self.limit_seconds),
            false => format!("max_execution_time = {}", self.limit_seconds * 1000),
        };
        self.execute(&format!(
            "SET NAMES utf8mb4;
             SET SESSION sql_mode = @@GLOBAL.sql_mode, time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1,
                 unique_checks = 1, sql_safe_updates = 0, sql_select_limit = DEFAULT, lock_wait_timeout = DEFAULT,
                 wait_timeout = 28800, {limit};
             SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE"
        ))
        .await
    }

    pub(crate) async fn read(&mut self, sql: &str, role: Option<&str>) -> Result<Answer, sqlx::Error> {
        // For the session too: a statement such as DROP TABLE ends the transaction before it is looked at.
        self.execute("SET SESSION TRANSACTION READ ONLY").await?;
        if let Some(role) = role {
            self.execute(&take_on(role)).await?;
        }
        self.execute("START TRANSACTION READ ONLY").await?;
        let answer = read_one::<sqlx::MySql>(&mut self.connection, sql).await;
        self.execute("ROLLBACK").await?;
        if role.is_some() {
            self.execute(self.lay_down()).await?;
        }
        answer
    }

    /// The statement after which the session acts as the master user alone, with the roles of its login.
    pub(crate) fn lay_down(&self) -> &'static str {
        if self.is_mariadb { "SET ROLE NONE" } else { "SET ROLE DEFAULT" }
    }

    pub(crate) async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        // Safe: it is the operator's own SQL, or ours with names quoted.
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await.map(drop)
    }

    pub(crate) async fn logins(&mut self) -> Result<Vec<LoginName>, sqlx::Error> {
        // MariaDB does not show which are locked, MySQL not which are roles; those are locked.
        let sql = match self.is_mariadb {
            true => concat!(listing!(), " WHERE is_role = 'N' ORDER BY 1, 2"),
            false => concat!(listing!(), " WHERE account_locked = 'N' ORDER BY 1, 2"),
        };
        let logins: Vec<(String, String, String)> =
            sqlx::query_as(sql).fetch_all(&mut self.connection).await?;
        let login = |(user, host, plugin): (String, String, String)| LoginName {
            user,
            host: Some(host),
            has_password: !WITHOUT_PASSWORD.contains(&plugin.as_str()),
        };
        Ok(logins.into_iter().map(login).collect())
    }
}

/// The statement that begins a transaction.
pub(crate) const BEGIN: &str = "START TRANSACTION READ WRITE";

/// The statement after which the session acts as a role too.
pub(crate) fn take_on(role: &str) -> String {
    format!("SET ROLE {}", quoted(role))
}

/// The statement after which names without a database mean this one.
pub(crate) fn enter(database: &str) -> String {
    format!("USE {}", quoted(database))
}

pub(crate) fn lock(login: &LoginName) -> String {
    format!("ALTER USER {} ACCOUNT LOCK", account(login))
}

/// The server keeps passwords out of its logs. Source: MySQL Reference Manual, "Passwords and Logging".
pub(crate) fn set_password(login: &LoginName, password: &str) -> String {
    format!("ALTER USER {} IDENTIFIED BY '{password}'", account(login))
}

fn account(login: &LoginName) -> String {
    format!("{}@{}", quoted(&login.user), quoted(login.host.as_deref().unwrap_or("%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_a_name() {
        let login = LoginName {
            user: "a`@`%`; DROP USER b; -- '\\".to_owned(),
            host: Some("%".to_owned()),
            has_password: true,
        };
        assert_eq!(lock(&login), "ALTER USER `a``@``%``; DROP USER b; -- '\\`@`%` ACCOUNT LOCK");
    }
}
