//! How these steps fail.

lambda_support::failures! {
    /// Why a secret could not be staged or promoted. None of them carries anything of a secret's value.
    pub enum Error {
        #[error("DB instance {0} is gone: start a new run")]
        DbInstanceNotFound(String) => DbInstanceNotFound,
        #[error("DB instance {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone")]
        DbInstanceNotOurs(String) => DbInstanceNotOurs,
        #[error("DB instance {identifier} is {status}, and waiting does not change that: start a new run")]
        RestoreFailed { identifier: String, status: String } => RestoreFailed,
        #[error("secret {0} does not exist: resume the run, StageSecret makes it")]
        SecretNotFound(String) => SecretNotFound,
        #[error("the application's secret {0} does not exist: correct applicationSecretArn, then resume the run")]
        ApplicationSecretNotFound(String) => SecretNotFound,
        #[error("secret {0} has no AWSCURRENT version: give it a value, such as {{}}, then resume the run")]
        SecretNotInitialised(String) => SecretNotInitialised,
        #[error(
            "the application's secret leads to {found}, a copy of another replication: give each replication a secret \
             of its own by applicationSecretArn in its settings, then start a new run"
        )]
        SecretOfAnotherReplication { found: String } => SecretOfAnotherReplication,
        #[error(
            "RDS refused the new master password of DB instance {identifier} ({code}): delete secret {secret} with \
             --force-delete-without-recovery, then resume the run, which makes another one"
        )]
        PasswordRefused { identifier: String, code: String, secret: String } => PasswordRefused,
    }
    from { Unusable(secret::Unusable) }
}
