//! How these steps fail.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest};
use replication::{ErrorName, StageTimedOut};

/// Why a secret could not be staged or promoted. None of them carries anything of a secret's value.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error("DB instance {0} is gone: start a new run")]
    DbInstanceNotFound(String),
    #[error(
        "DB instance {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone"
    )]
    DbInstanceNotOurs(String),
    #[error("DB instance {identifier} is {status}, which waiting does not mend: start a new run")]
    RestoreFailed { identifier: String, status: String },
    #[error("secret {0} does not exist: resume the run, StageSecret makes it")]
    SecretNotFound(String),
    #[error("the application's secret {0} does not exist: correct applicationSecretArn, then resume the run")]
    ApplicationSecretNotFound(String),
    #[error("secret {0} has no AWSCURRENT version: give it a value, such as {{}}, then resume the run")]
    SecretNotInitialised(String),
    #[error("secret {secret} {problem}: it must be a JSON object, then resume the run")]
    SecretNotJson { secret: String, problem: &'static str },
    #[error(
        "the application's secret leads to {found}, a copy of another replication: give each replication a secret of its \
         own in its settings, applicationSecretArn, then resume the run"
    )]
    SecretOfAnotherReplication { found: String },
    #[error("secret {0} holds bytes, not text: give it a JSON object, then resume the run")]
    SecretBinary(String),
    #[error(
        "secret {secret} would grow to {bytes} bytes, more than the 65,536 that Secrets Manager takes: shorten it, then resume the run"
    )]
    SecretTooLarge { secret: String, bytes: usize },
    #[error(
        "RDS refused the new master password of DB instance {identifier} ({code}): delete secret {secret} with --force-delete-without-recovery and resume the run, which makes another one"
    )]
    PasswordRefused { identifier: String, code: String, secret: String },
    #[error(transparent)]
    TimedOut(#[from] StageTimedOut),
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Error {
    /// Whether it may pass while permissions come through.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Call(call) if call.is_denied())
    }

    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::InvalidRequest(_) => ErrorName::InvalidRequest,
            Self::DbInstanceNotFound(_) => ErrorName::DbInstanceNotFound,
            Self::DbInstanceNotOurs(_) => ErrorName::DbInstanceNotOurs,
            Self::RestoreFailed { .. } => ErrorName::RestoreFailed,
            Self::SecretNotFound(_) | Self::ApplicationSecretNotFound(_) => ErrorName::SecretNotFound,
            Self::SecretNotInitialised(_) => ErrorName::SecretNotInitialised,
            Self::SecretNotJson { .. } => ErrorName::SecretNotJson,
            Self::SecretOfAnotherReplication { .. } => ErrorName::SecretOfAnotherReplication,
            Self::SecretBinary(_) => ErrorName::SecretBinary,
            Self::SecretTooLarge { .. } => ErrorName::SecretTooLarge,
            Self::PasswordRefused { .. } => ErrorName::PasswordRefused,
            Self::TimedOut(_) => ErrorName::StageTimedOut,
            Self::Call(call) => call.name(),
        }
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        lambda_support::diagnostic(error.name(), &error)
    }
}
