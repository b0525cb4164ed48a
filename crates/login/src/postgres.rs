//! Logins to PostgreSQL.

use crate::LoginFailed;
use secret::Connection;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use std::time::Duration;
use tokio::time::timeout;

/// A login over TLS that proves the server's name. What a role or a database sets by default does not shorten the time of
/// a statement.
pub fn options(
    login: &Connection,
    database: &str,
    statement_seconds: u64,
    application_name: &str,
) -> PgConnectOptions {
    let limit = (statement_seconds * 1000).to_string();
    PgConnectOptions::new_without_pgpass()
        .host(&login.host)
        .port(login.port)
        .username(&login.username)
        .password(&login.password)
        .database(database)
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert_from_pem(rds_authorities::PEM.to_vec())
        .application_name(application_name)
        .options([("statement_timeout", limit.as_str())])
        // Statements may hold verifiers of passwords.
        .disable_statement_logging()
}

/// Logs in to the database that every server has.
pub async fn connect(
    login: &Connection,
    secret: &str,
    limit_seconds: u64,
    application_name: &str,
) -> Result<PgConnection, LoginFailed> {
    if !matches!(login.engine.as_str(), "postgres" | "aurora-postgresql") {
        return Err(LoginFailed::EngineWithoutClient(login.engine.clone()));
    }
    let place = format!("{}:{}", login.host, login.port);
    let connecting = options(login, "postgres", limit_seconds, application_name);
    match timeout(Duration::from_secs(limit_seconds), connecting.connect()).await {
        Ok(connected) => connected.map_err(|error| LoginFailed::of(&error, &place, secret)),
        Err(_) => {
            let reason = format!("it does not answer within {limit_seconds} s");
            Err(LoginFailed::NotReachable { place, reason })
        }
    }
}
