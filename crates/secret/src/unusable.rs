//! Why a secret cannot be used, and what to do about it.

use lambda_support::CallFailed;
use step::ErrorName;

/// Why a secret cannot be used. Nothing of its value is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Unusable {
    #[error(transparent)]
    Deleted(CallFailed),
    #[error("secret {secret} holds bytes, not text: {}", cure(secret))]
    Binary { secret: String },
    #[error("secret {secret} {problem}: {}", cure(secret))]
    NotJson { secret: String, problem: &'static str },
    #[error(
        "secret {secret} would grow to {bytes} bytes, but Secrets Manager takes 65,536: shorten it, then resume the run"
    )]
    TooLarge { secret: String, bytes: usize },
    #[error(
        "secret {secret} holds no password of login {login} below its key logins: correct \
         applicationSecret.applicationUser in the replication's settings, then roll back to `latest`. If the copy was \
         made before verification.logins was rotate, start a new run"
    )]
    LoginUnknown { secret: String, login: String },
}

impl Unusable {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::Deleted(failed) => failed.name(),
            Self::Binary { .. } => ErrorName::SecretBinary,
            Self::NotJson { .. } => ErrorName::SecretNotJson,
            Self::TooLarge { .. } => ErrorName::SecretTooLarge,
            Self::LoginUnknown { .. } => ErrorName::ApplicationUserUnknown,
        }
    }
}

/// A copy's secret can be made again; any other one belongs to somebody.
fn cure(secret: &str) -> &'static str {
    if secret.starts_with("snapferry/") {
        "delete it with --force-delete-without-recovery, then resume the run, which makes another one"
    } else {
        "make it a JSON object, then resume the run"
    }
}
