//! What went wrong, and whether another look at the secret can help; sees only its arguments.

use lambda_support::CallFailed;
use secret::Unusable;

/// Why a try ended without an answer. No password and no row is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the secret leads to no database yet: it lacks a user, password, host or port")]
    SecretIncomplete,
    #[error("the secret has no current version yet: no copy is live")]
    SecretMissing,
    #[error("the secret moved to another database while the entry was written")]
    Moved,
    #[error("the secret says that nobody writes in this Region: another Region is active")]
    OtherRegion,
    #[error("the secret names engine {0}, which this application has no client for")]
    Engine(String),
    #[error("the database did not answer in time")]
    Slow,
    /// The connection broke, the login was refused, or the server does not write.
    #[error("the database is not there: {0}")]
    NotThere(String),
    /// Another look at the secret does not help: the database's code.
    #[error("the database refused the statement: {0}")]
    Refused(String),
    #[error(transparent)]
    Secret(#[from] Unusable),
    #[error(transparent)]
    Call(#[from] CallFailed),
}

/// PostgreSQL's codes that say "not this server, or not this login": 25006 is a read-only server, 28… a refused login,
/// 3D000 a database that is gone, 53300 too many connections, 57P… a server that ends or begins. 23505 comes only when
/// another function makes the table at the same moment.
/// Source: PostgreSQL, "PostgreSQL Error Codes".
const POSTGRES: [&str; 7] = ["08", "23505", "25006", "28", "3D000", "53300", "57P"];

/// The same of MySQL: 1045 a refused login, 1040 too many connections, 1049 a database that is gone, 1053 a server that
/// ends, 1129 a blocked address, 1290 and 1836 a read-only server, 1927 an ended connection.
/// Source: MySQL Reference Manual, "Server Error Message Reference"; MariaDB, "Error Codes".
const MYSQL: [u16; 8] = [1040, 1045, 1049, 1053, 1129, 1290, 1836, 1927];

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(refused) = &error else { return Self::NotThere(error.to_string()) };
        let code = refused.code().unwrap_or_default().into_owned();
        let number = refused.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|it| it.number());
        let elsewhere = match number {
            Some(number) => MYSQL.contains(&number),
            None => POSTGRES.iter().any(|it| code.starts_with(it)),
        };
        let code = number.map_or(code, |it| it.to_string());
        if elsewhere { Self::NotThere(code) } else { Self::Refused(code) }
    }
}
