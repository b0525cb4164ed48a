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
        #[error(
            "DB parameter group {0:?} does not exist in this account and Region: make it, or correct \
             placement.dbParameterGroupName, then resume the run"
        )]
        ParameterGroupNotFound(String) => ParameterGroupNotFound,
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
            "these keys of the application's secret {secret} would still lead to the database that goes out of service: \
             {keys}. In the replication's settings, give each a template in applicationSecret.templates, or name it in \
             applicationSecret.acceptedStaleKeys. Then roll back to `latest`, which takes this copy"
        )]
        KeysStale { secret: String, keys: String } => SecretKeysStale,
        #[error(
            "the user in the application's secret {0} is not the copy's master user, and no setting says which user \
             applications are: set applicationSecret.applicationUser to {{\"login\": \"...\"}} or \"master\" in the \
             replication's settings, then roll back to `latest`, which takes this copy"
        )]
        ApplicationUserUndecided(String) => ApplicationUserUndecided,
        #[error(
            "the template of key {key} names {{{placeholder}}}, but secret {secret} does not say it: set \
             applicationSecret.database in the replication's settings or change the template, then roll back to `latest`"
        )]
        TemplateNotFilled { key: String, placeholder: String, secret: String } => TemplateUnusable,
        #[error(
            "the template of key {key} has no place in the application's secret {secret}, where that key or one above it \
             holds something else: correct applicationSecret.templates in the replication's settings, then roll back to \
             `latest`"
        )]
        TemplateHasNoPlace { key: String, secret: String } => TemplateUnusable,
        #[error(
            "DB instance {identifier} does not go live, because applications would not reach it by a proven way: \
             {problem}. Resume the run, or start the rollback once more: it takes a lane and logs in through it"
        )]
        ReachNotProven { identifier: String, problem: String } => ReachNotProven,
        #[error(
            "RDS refused the new master password of DB instance {identifier} ({code}): delete secret {secret} with \
             --force-delete-without-recovery, then resume the run, which makes another one"
        )]
        PasswordRefused { identifier: String, code: String, secret: String } => PasswordRefused,
    }
    from { Unusable(secret::Unusable) }
}
