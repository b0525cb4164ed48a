//! How this step fails.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest};
use replication::{ErrorName, StageTimedOut};

/// Why a copy could not be verified. None of them carries anything of a secret's value, and of what the database says
/// only its code and its primary message.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error("secret {0} does not exist: resume the run, StageSecret makes it")]
    SecretNotFound(String),
    #[error(
        "secret {secret} {problem}: delete it with --force-delete-without-recovery and resume the run, which makes another one"
    )]
    SecretNotJson { secret: String, problem: &'static str },
    #[error(
        "secret {0} holds bytes, not text: delete it with --force-delete-without-recovery and resume the run, which makes another one"
    )]
    SecretBinary(String),
    #[error(
        "secret {secret} would grow to {bytes} bytes with a password for each login, more than the 65,536 that Secrets Manager takes: let logins be lock, then resume the run"
    )]
    SecretTooLarge { secret: String, bytes: usize },
    #[error(
        "{reason}, for {seconds} s: let the security groups of DB instance {identifier} (quarantineSecurityGroupIds, else vpcSecurityGroupIds) in from the stack's VerifySecurityGroupIds, and its VerifySubnetIds reach it, then resume the run"
    )]
    DatabaseNotReachable { identifier: String, reason: String, seconds: u64 },
    #[error(
        "no trusted TLS connection to DB instance {identifier}: {problem}. Give it a certificate of RDS's authorities (caCertificateIdentifier), or name the authority's certificate in SSL_CERT_FILE, then resume the run"
    )]
    TlsNotTrusted { identifier: String, problem: String },
    #[error(
        "DB instance {identifier} refuses the credentials of secret {secret}: {reason}. If somebody changed the master password, delete the secret with --force-delete-without-recovery and resume the run, which sets another one"
    )]
    LoginRefused { identifier: String, secret: String, reason: String },
    #[error(
        "login {login} could not be changed: {reason}. Let the master user alter it, or let logins be keep, then start a new run"
    )]
    LoginsNotChanged { login: String, reason: String },
    #[error(
        "the logins were not listed: {0}. Let the master user list them, or let logins be keep, then start a new run"
    )]
    LoginsNotListed(String),
    #[error("postRestoreSql[{index}] failed: {reason}. Correct it in the settings, then start a new run")]
    PostRestoreSqlFailed { index: usize, reason: String },
    #[error("{0}. The application's secret was not moved")]
    VerificationFailed(String),
    #[error(
        "the settings ask for SQL, but there is no client for engine {0}: leave assertions and postRestoreSql out, and let logins be keep"
    )]
    EngineWithoutClient(String),
    #[error(transparent)]
    TimedOut(#[from] StageTimedOut),
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Error {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::InvalidRequest(_) => ErrorName::InvalidRequest,
            Self::SecretNotFound(_) => ErrorName::SecretNotFound,
            Self::SecretNotJson { .. } => ErrorName::SecretNotJson,
            Self::SecretBinary(_) => ErrorName::SecretBinary,
            Self::SecretTooLarge { .. } => ErrorName::SecretTooLarge,
            Self::DatabaseNotReachable { .. } => ErrorName::DatabaseNotReachable,
            Self::TlsNotTrusted { .. } => ErrorName::TlsNotTrusted,
            Self::LoginRefused { .. } => ErrorName::LoginRefused,
            Self::LoginsNotChanged { .. } | Self::LoginsNotListed(_) => ErrorName::LoginsNotChanged,
            Self::PostRestoreSqlFailed { .. } => ErrorName::PostRestoreSqlFailed,
            Self::VerificationFailed(_) => ErrorName::VerificationFailed,
            Self::EngineWithoutClient(_) => ErrorName::EngineWithoutClient,
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
