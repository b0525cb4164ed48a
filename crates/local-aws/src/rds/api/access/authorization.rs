//! IAM's decision on a request, by the caller's policies and the true ARNs and tags of its resources.

use super::needs::{Need, needs};
use crate::{
    iam::{
        context::Context,
        policy::{Ask, decide},
        roles::Roles,
    },
    rds::{api::protocol::request::Request, model::refusal::Refusal, operations::rds::Rds},
};

/// Refuses with `AccessDenied` a request that the caller's role does not allow. The root user of an account may do
/// everything in its own account.
pub async fn check(roles: &Roles, rds: &Rds, request: &Request<'_>, action: &str) -> Result<(), Refusal> {
    if request.caller.is_root() {
        return Ok(());
    }
    let Some(who) = request.caller.in_policies() else { return Err(Refusal::InvalidClientTokenId) };
    let needs = needs(&mut rds.state(), request.place, action, request.parameters);
    let policies = roles.policies(&who.account_id, &request.caller.principal).await;
    let policies = policies.map_err(|error| Refusal::InternalFailure(format!("{error:#}")))?;
    for Need { action, resource, context } in needs {
        let context: Context = context
            .with("aws:PrincipalArn", &who.arn)
            .with("aws:PrincipalAccount", &who.account_id)
            .with("aws:PrincipalType", "AssumedRole")
            .with("aws:RequestedRegion", &request.place.region)
            .with("aws:ViaAWSService", "false")
            .with("aws:SecureTransport", "true");
        let ask = Ask { action: &action, resource: &resource, context: &context };
        let decision = decide(policies.iter(), &who, &ask);
        if !decision.is_allowed() {
            let why = match decision.denied_by {
                Some(_) => "with an explicit deny in an identity-based policy".to_owned(),
                None => format!("because no identity-based policy allows the {action} action"),
            };
            return Err(Refusal::AccessDenied(format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} {why}",
                who.session_arn
            )));
        }
        request.allowed_by(decision.allowed_by);
    }
    Ok(())
}
