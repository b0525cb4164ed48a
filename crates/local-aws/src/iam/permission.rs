//! Whether a caller's own policies permit an action on a resource, for services whose resources have no policies.

use super::{
    context::Context,
    policy::{Ask, decide},
    roles::Roles,
};
use crate::caller::Caller;

/// Why a caller may not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The access key belongs to no role and to no root user.
    UnknownCaller,
    /// In IAM's words.
    NotPermitted(String),
}

impl Roles {
    /// The statements that permit it, or why it is not permitted. None of them for the root user of an account, who
    /// may do everything in its own account.
    pub async fn permit(
        &self,
        caller: &Caller,
        region: &str,
        action: &str,
        resource: &str,
        context: Context,
    ) -> anyhow::Result<Result<Vec<String>, Denial>> {
        if caller.is_root() {
            return Ok(Ok(vec![]));
        }
        let Some(who) = caller.in_policies() else { return Ok(Err(Denial::UnknownCaller)) };
        let policies = self.policies(&who.account_id, &caller.principal).await?;
        let context = context
            .with("aws:PrincipalArn", &who.arn)
            .with("aws:PrincipalAccount", &who.account_id)
            .with("aws:PrincipalType", "AssumedRole")
            .with("aws:RequestedRegion", region)
            .with("aws:ViaAWSService", "false")
            .with("aws:SecureTransport", "true");
        let decision = decide(policies.iter(), &who, &Ask { action, resource, context: &context });
        if decision.is_allowed() {
            return Ok(Ok(decision.allowed_by));
        }
        let why = match decision.denied_by {
            Some(_) => "with an explicit deny in an identity-based policy".to_owned(),
            None => format!("because no identity-based policy allows the {action} action"),
        };
        let who = who.session_arn;
        Ok(Err(Denial::NotPermitted(format!(
            "User: {who} is not authorized to perform: {action} on resource: {resource} {why}"
        ))))
    }
}
