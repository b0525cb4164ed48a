//! Why there is no session with a database.

use crate::refusal::{code, may_pass, tls_problem, told};
use step::ErrorName;

/// Why there is no session. Nothing of a secret's value is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum LoginFailed {
    #[error(
        "the database at {place} cannot be reached: {reason}. Its security groups must let in the security group of the \
         function, and its server must run"
    )]
    NotReachable { place: String, reason: String },
    #[error(
        "no trusted TLS connection to the database at {place}: {problem}. Give it a certificate of RDS's authorities, or \
         name the authority's certificate in SSL_CERT_FILE"
    )]
    NotTrusted { place: String, problem: String },
    #[error(
        "the database at {place} refuses the login of secret {secret}: {reason}. Write the master user's name and password \
         of this Region into the secret"
    )]
    Refused { place: String, secret: String, reason: String },
    #[error("there is no client for engine {0}")]
    EngineWithoutClient(String),
    #[error(
        "secret {0} does not exist in this Region: make it, with the master user's username and password"
    )]
    SecretNotFound(String),
    #[error("secret {0} lacks one of username and password: write the master user's into it")]
    NoCredentials(String),
}

impl LoginFailed {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::NotReachable { .. } => ErrorName::DatabaseNotReachable,
            Self::NotTrusted { .. } => ErrorName::TlsNotTrusted,
            Self::Refused { .. } => ErrorName::LoginRefused,
            Self::EngineWithoutClient(_) => ErrorName::EngineWithoutClient,
            Self::SecretNotFound(_) => ErrorName::SecretNotFound,
            Self::NoCredentials(_) => ErrorName::SecretNotJson,
        }
    }

    /// What a failed login or statement means.
    pub fn of(error: &sqlx::Error, place: &str, secret: &str) -> Self {
        let place = place.to_owned();
        let problem = tls_problem(error).or_else(|| match error {
            // Without a cause that we know: the server speaks no TLS.
            sqlx::Error::Tls(problem) => Some(problem.to_string()),
            _ => None,
        });
        match (problem, error) {
            (Some(problem), _) => LoginFailed::NotTrusted { place, problem },
            (None, sqlx::Error::Database(it)) if may_pass(&code(it.as_ref())) => {
                LoginFailed::NotReachable { place, reason: told(it.as_ref()) }
            }
            (None, sqlx::Error::Database(it)) => {
                LoginFailed::Refused { place, secret: secret.to_owned(), reason: told(it.as_ref()) }
            }
            (None, sqlx::Error::Io(it)) => LoginFailed::NotReachable { place, reason: it.to_string() },
            (None, _) => LoginFailed::NotReachable {
                place,
                reason: "it answers otherwise than its engine would".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_a_login_has_a_name() {
        let check = |error: sqlx::Error, expected: ErrorName| {
            assert_eq!(LoginFailed::of(&error, "db:5432", "shop/master").name(), expected, "{error:?}");
        };
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        check(sqlx::Error::Io(refused), ErrorName::DatabaseNotReachable);
        check(sqlx::Error::Tls("no TLS".into()), ErrorName::TlsNotTrusted);
        check(sqlx::Error::Protocol("unexpected".to_owned()), ErrorName::DatabaseNotReachable);
    }
}
