//! How this step fails.

lambda_support::failures! {
    /// Why the replica is not the primary.
    pub enum Error {
        #[error("{0} does not exist: correct the manifest, then start the failover again")]
        MemberNotFound(String) => MemberNotFound,
        #[error("{database} is {status}, and waiting does not change that: make it available, then resume the failover")]
        MemberNotAvailable { database: String, status: String } => MemberNotAvailable,
        #[error(
            "{replica} is a read replica of {source_of}, and not of {primary} in {region}: correct the manifest, then start \
             the failover again"
        )]
        NotItsReplica { replica: String, source_of: String, primary: String, region: String } => WrongDirection,
        #[error(
            "{0} is no read replica any more, and this failover did not promote it: somebody else did, or the group is \
             active here already. Look which DB instance applications write to, before you go on"
        )]
        PromotedBySomebodyElse(String) => PromotedBySomebodyElse,
    }
    from { NotOurs(failover::NotOurs) }
}
