//! How this step fails.

lambda_support::failures! {
    /// Why a failover must not go on.
    pub enum Error {
        #[error("{0} does not exist: correct the manifest, then start the failover again")]
        MemberNotFound(String) => MemberNotFound,
        #[error(
            "{database} lacks the tag {key} = {group}, without which no function may change it. Add the tag, then start the \
             failover again",
            key = failover::tag::GROUP
        )]
        MemberNotTagged { database: String, group: String } => MemberNotTagged,
        #[error("{database} is a copy of replication {replication}, which replaces it with each run: take it out of the manifest")]
        CopyInGroup { database: String, replication: String } => CopyInGroup,
        #[error("{to} is no replica of {from}: {why}. Correct the Region in the input or the manifest")]
        WrongDirection { to: String, from: String, why: String } => WrongDirection,
        #[error("{database} is {status}, and waiting does not change that: make it available, then start the failover again")]
        MemberNotAvailable { database: String, status: String } => MemberNotAvailable,
        #[error("replication into {replica} is {status}: repair it, then start the failover again")]
        ReplicationBroken { replica: String, status: String } => ReplicationBroken,
        #[error("{replica} is not fit to be the primary: {problem}. Change it, then start the failover again")]
        StandbyNotFit { replica: String, problem: String } => StandbyNotFit,
    }
    from { NotOurs(failover::NotOurs) }
}
