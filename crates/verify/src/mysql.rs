//! MySQL and MariaDB.

use crate::LoginName;
use crate::plan::Answer;
use crate::statement::read_one;
use crate::tls::RDS_AUTHORITIES;
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
}

impl MySql {
    pub(crate) async fn connect(login: &Connection, limit_seconds: u64) -> Result<Self, sqlx::Error> {
        let options = MySqlConnectOptions::new()
            .host(&login.host)
            .port(login.port)
            .username(&login.username)
            .password(&login.password)
            .ssl_mode(MySqlSslMode::VerifyIdentity)
            .ssl_ca_from_pem(RDS_AUTHORITIES.to_vec())
            // The operator's SQL means here what it means elsewhere.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            // Statements may hold passwords.
            .disable_statement_logging();
        let options = login.dbname.iter().fold(options, |options, name| options.database(name));
        let mut connection = options.connect().await?;
        let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await?;
        let mut this = Self { connection, is_mariadb: version.contains("MariaDB") };
        // MySQL counts milliseconds, and stops nothing but SELECT; MariaDB counts seconds.
        this.execute(&match this.is_mariadb {
            true => format!("SET SESSION max_statement_time = {limit_seconds}"),
            false => format!("SET SESSION max_execution_time = {}", limit_seconds * 1000),
        })
        .await?;
        Ok(this)
    }

    pub(crate) async fn read(&mut self, sql: &str) -> Result<Answer, sqlx::Error> {
        // For the session too: a statement such as DROP TABLE ends the transaction before it is looked at.
        self.execute("SET SESSION TRANSACTION READ ONLY").await?;
        self.execute("START TRANSACTION READ ONLY").await?;
        let answer = read_one::<sqlx::MySql>(&mut self.connection, sql).await;
        self.execute("ROLLBACK").await?;
        answer
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

/// Source: MySQL Reference Manual, "Schema Object Names" and "Specifying Account Names": within backticks only a backtick
/// must be doubled, whatever the SQL mode.
fn quoted(identifier: &str) -> String {
    format!("`{}`", identifier.replace('`', "``"))
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
