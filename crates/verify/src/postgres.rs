//! PostgreSQL.

mod activity;
mod catalogue;
mod settle;

use crate::LoginName;
use crate::login_trouble::postgres_name as quoted;
use crate::plan::Answer;
use crate::random::{self, NoRandomness};
use crate::statement::read_one;
use crate::way::Way;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use secret::Connection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};
use std::num::NonZeroU32;

/// PostgreSQL's own number of rounds. Source: PostgreSQL, `scram_iterations`.
const ROUNDS: u32 = 4096;
const SALT_BYTES: usize = 16;

/// The database that every server has.
pub(crate) const DEFAULT_DATABASE: &str = "postgres";

/// A connection.
pub(crate) struct Postgres {
    connection: PgConnection,
    /// The master user, who logs in.
    pub(crate) master: String,
    limit_seconds: u64,
}

impl Postgres {
    pub(crate) async fn connect(
        login: &Connection,
        database: &str,
        limit_seconds: u64,
        way: Option<&Way>,
    ) -> Result<Self, sqlx::Error> {
        let options = login::options(login, database, limit_seconds, "snapferry-verify");
        let options = way.into_iter().fold(options, |options, way| way.postgres(options));
        Ok(Self { connection: options.connect().await?, master: login.username.clone(), limit_seconds })
    }

    pub(crate) async fn read(&mut self, sql: &str, role: Option<&str>) -> Result<Answer, sqlx::Error> {
        self.execute("START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY").await?;
        let answer = async {
            if let Some(role) = role {
                self.execute(&take_on(role)).await?;
            }
            read_one::<sqlx::Postgres>(&mut self.connection, sql).await
        };
        let answer = answer.await;
        self.execute("ROLLBACK").await?;
        answer
    }

    pub(crate) async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        // Safe: it is the operator's own SQL, or ours with names quoted.
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await.map(drop)
    }

    pub(crate) async fn logins(&mut self) -> Result<Vec<LoginName>, sqlx::Error> {
        let sql = "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolcanlogin ORDER BY 1";
        let users: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut self.connection).await?;
        Ok(users.into_iter().map(|user| LoginName { user, host: None, has_password: true }).collect())
    }
}

/// The statement that begins a transaction.
pub(crate) const BEGIN: &str = "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// The statement after which the session acts as a role.
pub(crate) fn take_on(role: &str) -> String {
    format!("SET ROLE {}", quoted(role))
}

/// The statement after which it acts as the master user. `RESET ROLE` would lead to the default that the snapshot brings.
pub(crate) const LAY_DOWN: &str = "SET ROLE NONE";

pub(crate) fn lock(login: &LoginName) -> String {
    format!("ALTER ROLE {} NOLOGIN", quoted(&login.user))
}

/// The server gets a verifier, never the password, so that no statement log can show it.
pub(crate) fn set_password(login: &LoginName, password: &str) -> Result<String, NoRandomness> {
    let salt = random::bytes::<SALT_BYTES>()?;
    Ok(format!("ALTER ROLE {} PASSWORD '{}'", quoted(&login.user), verifier(password, &salt)))
}

/// What PostgreSQL stores of a password of letters and digits, which SASLprep leaves as they are.
///
/// Source: RFC 5802, section 3, and PostgreSQL, `pg_authid`: `SCRAM-SHA-256$<rounds>:<salt>$<StoredKey>:<ServerKey>`.
fn verifier(password: &str, salt: &[u8]) -> String {
    let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let client_key = hmac::sign(&key, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let server_key = hmac::sign(&key, b"Server Key");
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    format!(
        "SCRAM-SHA-256${ROUNDS}:{}${}:{}",
        base64(salt),
        base64(stored_key.as_ref()),
        base64(server_key.as_ref())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_a_name() {
        let login = LoginName { user: "a\"; DROP ROLE b; --'\\".to_owned(), host: None, has_password: true };
        assert_eq!(lock(&login), "ALTER ROLE \"a\"\"; DROP ROLE b; --'\\\" NOLOGIN");
        assert_eq!(take_on("none\"; RESET ROLE; --"), "SET ROLE \"none\"\"; RESET ROLE; --\"");
    }

    #[test]
    fn a_verifier_is_the_one_of_the_standard() {
        // RFC 7677, section 3: the password `pencil`, its salt and its rounds; StoredKey and ServerKey follow from them.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let expected = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(verifier("pencil", &salt), expected);
    }
}
