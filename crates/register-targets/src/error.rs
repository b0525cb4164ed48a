//! How these steps fail.

lambda_support::failures! {
    /// Why no lane leads to the copy.
    pub enum Error {
        #[error("{lane} cannot be a lane: {problem}. Then resume the run")]
        ReachNotUsable { lane: String, problem: String } => ReachNotUsable,
        #[error("secret {0} does not exist: resume the run, StageSecret makes it")]
        SecretNotFound(String) => SecretNotFound,
        #[error("DB instance {0} is gone: start a new run")]
        DbInstanceNotFound(String) => DbInstanceNotFound,
        #[error("DB instance {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone")]
        DbInstanceNotOurs(String) => DbInstanceNotOurs,
        #[error(
            "the name of DB instance {identifier} {problem}: give the VPC of VerifySubnetIds Amazon's own name \
             resolution, and no private zone that leads this name elsewhere. Then resume the run"
        )]
        TargetAddressUnknown { identifier: String, problem: String } => TargetAddressUnknown,
        #[error("DB instance {identifier} is gone: {cure}")]
        FollowedIsGone { identifier: String, cure: &'static str } => DbInstanceNotFound,
        #[error(
            "the name of DB instance {identifier} {problem}: give the VPC of SubnetIds Amazon's own name resolution, and no \
             private zone that leads this name elsewhere. The next minute tries again"
        )]
        FollowedAddressUnknown { identifier: String, problem: String } => TargetAddressUnknown,
        #[error(
            "the load balancer does not reach DB instance {identifier} at {target} ({reason}): the security groups of the \
             copy (quarantineSecurityGroupIds, else vpcSecurityGroupIds) must let {from} in at port {port}. Correct that, \
             then resume the run"
        )]
        TargetNotHealthy { identifier: String, target: String, reason: String, from: String, port: u16 } => TargetNotHealthy,
        #[error(
            "RDS Proxy {db_proxy} does not reach DB instance {identifier} ({reason}): the security groups of the copy \
             (quarantineSecurityGroupIds, else vpcSecurityGroupIds) must let the security groups of the proxy in at port \
             {port}. Correct that, then resume the run"
        )]
        ProxyTargetNotAvailable { identifier: String, db_proxy: String, reason: String, port: u16 } => TargetNotHealthy,
        #[error(
            "RDS Proxy {db_proxy} cannot log in to DB instance {identifier} with secret {secret} (AUTH_FAILURE): allow the \
             role of the proxy secretsmanager:GetSecretValue on that secret and kms:Decrypt on its key, then resume the run"
        )]
        ProxyLoginRefused { identifier: String, db_proxy: String, secret: String } => ProxyLoginRefused,
    }
    from { Settings(replication::UnusableSettings), Unusable(secret::Unusable) }
}
