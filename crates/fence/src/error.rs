//! How these steps fail.

lambda_support::failures! {
    /// Why the old primary is not fenced, or its fence was not taken down.
    pub enum Error {
        #[error("{0} does not exist: correct the manifest, then start the failover again")]
        MemberNotFound(String) => MemberNotFound,
        #[error("{database} is {status}, and waiting does not change that: make it available, then resume the failover")]
        MemberNotAvailable { database: String, status: String } => MemberNotAvailable,
        #[error(
            "{database} is a read replica of {source_of}, and not the primary: the group is active in another Region than \
             the failover takes it to be. Look at the DB instances of both Regions, then start the failover again"
        )]
        NotThePrimary { database: String, source_of: String } => WrongDirection,
        #[error("{replica} is no read replica of {primary}: correct the manifest, then start the failover again")]
        NotItsReplica { replica: String, primary: String } => WrongDirection,
        #[error("RDS calls {0} the primary, but its server is in recovery: look at the DB instance before you go on")]
        ServerInRecovery(String) => WrongDirection,
        #[error(
            "replication into {replica} is {status}, not replicating, so a planned failover would lose writes. Repair the \
             replication, then start the failover again"
        )]
        NotReplicating { replica: String, status: String } => ReplicationBroken,
        #[error(
            "replication into {replica} is {status} since {primary} has the quarantine's security group. {primary} has its \
             own security groups again. Let the quarantine's security group allow RDS's replication, then start the \
             failover again"
        )]
        BrokenByFence { replica: String, primary: String, status: String } => ReplicationBroken,
        #[error(
            "inside {database} writes go on after the fence: {writers}. Stop them, then start the failover again"
        )]
        WritersInside { database: String, writers: String } => WritersInside,
        #[error("function {function} in {region} failed: {reason}")]
        SessionsNotEnded { function: &'static str, region: String, reason: String } => SessionsNotEnded,
        #[error(
            "{database} has the quarantine's security group already, and no tag says which ones it had before. Give it its \
             own security groups, then start the failover again"
        )]
        GroupsUnknown { database: String } => SecurityGroupsUnknown,
        #[error(
            "{0} is promoted, or its promotion has begun: from here on the failover goes forward only. Resume it"
        )]
        AlreadyPromoted(String) => AlreadyPromoted,
    }
    from { Login(login::LoginFailed), NotOurs(failover::NotOurs), Unusable(secret::Unusable) }
}
