//! IAM's decision on a request, by the caller's policies and the true ARNs and tags of its resources.

use super::needs::{Need, needs};
use crate::{
    iam::{permission::Denial, roles::Roles},
    rds::{api::protocol::request::Request, model::refusal::Refusal, operations::rds::Rds},
};

/// Refuses with `AccessDenied` a request that the caller's role does not allow.
pub async fn check(roles: &Roles, rds: &Rds, request: &Request<'_>, action: &str) -> Result<(), Refusal> {
    let Request { caller, place, .. } = request;
    // A request that needs no permission, such as one for an unknown operation, needs a known caller all the same.
    if !caller.is_root() && caller.in_policies().is_none() {
        return Err(Refusal::InvalidClientTokenId);
    }
    let needs = needs(&mut rds.state(), place, action, request.parameters);
    for Need { action, resource, context } in needs {
        let permitted = roles.permit(caller, &place.region, &action, &resource, context).await;
        match permitted.map_err(|error| Refusal::InternalFailure(format!("{error:#}")))? {
            Ok(statements) => request.allowed_by(statements),
            Err(Denial::UnknownCaller) => return Err(Refusal::InvalidClientTokenId),
            Err(Denial::NotPermitted(why)) => return Err(Refusal::AccessDenied(why)),
        }
    }
    Ok(())
}
