//! How this step fails.

lambda_support::failures! {
    /// Why there is no copy to go back to.
    pub enum Error {
        #[error(
            "replication {replication} has no copy {wanted}: the copies that were proven and can still be used are \
             {usable}. Name one of those runs, or start a new run"
        )]
        NoCopyToGoTo { replication: String, wanted: String, usable: String } => NoCopyToGoTo,
        #[error("DB instance {identifier} is {status}, and waiting does not change that: choose another run, or start a new one")]
        RestoreFailed { identifier: String, status: String } => RestoreFailed,
    }
    from { UnusableSettings(replication::UnusableSettings) }
}
