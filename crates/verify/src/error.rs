//! How this step fails.

lambda_support::failures! {
    /// Why a database could not be verified. None of them carries anything of a secret's value, and of the database's
    /// words only its code and its primary message.
    pub enum Error {
        #[error("secret {0} does not exist: resume the run, StageSecret makes it")]
        SecretNotFound(String) => SecretNotFound,
        #[error(
            "{reason}, for {seconds} s: the security groups of {database} ({groups}) must let in the stack's \
             VerifySecurityGroupIds, and its VerifySubnetIds must reach the database. Correct that, then resume the run"
        )]
        DatabaseNotReachable { database: String, groups: String, reason: String, seconds: u64 } => DatabaseNotReachable,
        #[error(
            "no trusted TLS connection to {database}: {problem}. Give it a certificate of RDS's authorities \
             (caCertificateIdentifier), or name the authority's certificate in SSL_CERT_FILE, then resume the run"
        )]
        TlsNotTrusted { database: String, problem: String } => TlsNotTrusted,
        #[error(
            "{database} refuses the login of secret {secret}: {reason}. {cure}"
        )]
        LoginRefused { database: String, secret: String, reason: String, cure: String } => LoginRefused,
        #[error(
            "the session could not be set so that SQL means what it says: {0}. Roles or databases of the snapshot have \
             defaults that the master user may not override. In the source, run ALTER ROLE … RESET ALL and ALTER DATABASE … \
             RESET ALL for them, then start a new run"
        )]
        SessionNotSet(String) => SessionNotSet,
        #[error(
            "{what} could not be stopped, and would act on production: {reason}. {cure}; or, if it must go on, name it in \
             verification.keepActive. Then start a new run"
        )]
        ActivityNotStopped { what: String, reason: String, cure: String } => ActivityNotStopped,
        #[error(
            "login {login} could not be changed: {reason}. Grant the master user the right to alter it, or set \
             verification.logins to keep, then start a new run"
        )]
        LoginsNotChanged { login: String, reason: String } => LoginsNotChanged,
        #[error(
            "the logins could not be listed: {0}. Grant the master user the right to list them, or set \
             verification.logins to keep, then start a new run"
        )]
        LoginsNotListed(String) => LoginsNotChanged,
        #[error("postRestoreSql[{index}] failed: {reason}. Correct it in the settings, then start a new run")]
        PostRestoreSqlFailed { index: usize, reason: String } => PostRestoreSqlFailed,
        #[error("the new primary takes no writes: {0}. Look at its DB instance, then resume the failover")]
        WriteRefused(String) => WriteRefused,
        #[error("{0}. The application's secret was not moved")]
        VerificationFailed(String) => VerificationFailed,
        #[error(
            "the settings ask for SQL, but there is no client for engine {0}: leave out assertions and postRestoreSql, \
             and set verification.logins to keep"
        )]
        EngineWithoutClient(String) => EngineWithoutClient,
    }
    from { Login(login::LoginFailed), Unusable(secret::Unusable) }
}
