//! How this step fails.

lambda_support::failures! {
    /// Why applications are not led to the new primary.
    pub enum Error {
        #[error("{0} does not exist: correct the manifest, then start the failover again")]
        MemberNotFound(String) => MemberNotFound,
        #[error("this failover did not promote {0}, so no secret is led there: resume the failover, which promotes it first")]
        NotPromoted(String) => NotPromoted,
        #[error("secret {secret} does not exist in {region}, or has no current version: make it, then resume the failover")]
        SecretNotFound { secret: String, region: String } => SecretNotFound,
    }
    from { NotOurs(failover::NotOurs), Unusable(secret::Unusable) }
}
