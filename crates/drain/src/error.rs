//! How this step fails.

lambda_support::failures! {
    /// Why the replica does not have all that the old primary wrote.
    pub enum Error {
        #[error("the server of the replica says {0:?} where a position in its log belongs")]
        NoPosition(String) => ReplicationBroken,
    }
    from { Login(login::LoginFailed), Unusable(secret::Unusable) }
}
