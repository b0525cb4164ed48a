//! An application whose database moves: to a fresh copy, back to an older one, to a standby. It follows its secret.
//!
//! What it takes, and what to copy from it:
//!
//! 1. The secret is read again when it is [`SECRET_MAX_AGE`] old, and after every trouble with the connection.
//! 2. Another version of the secret means a new connection. The old one is closed.
//! 3. A server that refuses to write is the wrong server, so that counts as trouble with the connection too.
//! 4. A write is acknowledged only if the secret did not move while it was made. Else it is made again, in the database
//!    that is live now. The entry's id makes the repetition harmless.
//! 5. Nothing is written where the secret says `"writable": false`: after a failover, another Region is active.

mod database;
mod http;
mod live;
mod trouble;

pub use http::Answer;
pub use live::SECRET_MAX_AGE;

use aws_sdk_secretsmanager::Client;
use database::Tls;
use http::Asked;
use lambda_support::{Config, Error, text_from_environment};
use live::Live;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use trouble::Trouble;

/// How often a request is tried. A cut-over costs one try. Nobody waits here: a failover lasts longer than a request may,
/// and a caller that gets a 503 can repeat it.
const TRIES: u32 = 3;
/// How long one try may take in all. All of them end before the HTTP API does, which waits 30 s.
const TRY: Duration = Duration::from_secs(6);

/// What the function keeps between requests.
#[derive(Debug)]
pub struct Application {
    live: Live,
}

impl Application {
    /// Reads the function's environment: `APPLICATION_SECRET_ARN`, and `TLS` (`verify-full`, or `verify-ca` for a host
    /// that no certificate names).
    pub fn from_environment(config: &Config) -> Self {
        let secret = text_from_environment("APPLICATION_SECRET_ARN");
        Self::new(Client::new(config), &secret, &text_from_environment("TLS"))
    }

    /// The application of this secret; `tls` as in the environment.
    pub fn new(secrets: Client, secret: &str, tls: &str) -> Self {
        Self { live: Live::new(secrets, secret.to_owned(), Tls::of(tls)) }
    }
}

/// Answers one request of the HTTP API (payload version 2.0): `GET /entries`, or `POST /entries` with `{"text": …}` and,
/// if the caller wants to repeat it safely, an `"id"`. It fails for nothing: every trouble is an HTTP status.
pub async fn handle(application: &Application, event: Value) -> Result<Answer, Error> {
    let asked = match http::asked(&event) {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    let mut last = Trouble::Slow;
    for tried in 0..TRIES {
        let answered = timeout(TRY, Box::pin(attempt(&application.live, &asked))).await;
        match answered.unwrap_or(Err(Trouble::Slow)) {
            Ok(answer) => return Ok(answer),
            Err(Trouble::Refused(code)) => {
                tracing::error!(code, "the database refused the statement");
                return Ok(Answer::trouble(500, "the database refused the statement: see the log"));
            }
            Err(trouble) => {
                tracing::warn!(%trouble, tried, "looking at the secret again");
                application.live.forget().await;
                last = trouble;
            }
        }
    }
    Ok(Answer::trouble(503, &last.to_string()))
}

async fn attempt(live: &Live, asked: &Asked) -> Result<Answer, Trouble> {
    let mut database = live.database(matches!(asked, Asked::Add(_))).await?;
    let answer = match asked {
        Asked::List => {
            let entries = database.session.entries().await?;
            Answer::json(200, json!({"entries": entries, "database": database.name}))
        }
        Asked::Add(entry) => {
            let written = database.session.add(entry).await?;
            // A database that was replaced while we wrote keeps the entry, but no application reads it there.
            if live.version_now().await? != database.version_id {
                return Err(Trouble::Moved);
            }
            match written.text == entry.text {
                true => Answer::json(201, json!({"entry": written, "database": database.name})),
                false => Answer::trouble(409, "an entry with this id says something else"),
            }
        }
    };
    Ok(answer)
}
