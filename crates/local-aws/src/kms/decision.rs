//! Whether a caller may do something with a key: its key policy and the caller's own policies decide.
//!
//! Source: KMS Developer Guide, "Troubleshooting key access" and "Allowing users in other accounts to use a KMS key".

use super::{key::Key, keys::Keys};
use crate::{
    caller::Caller,
    iam::{
        context::Context,
        policy::{self, Ask, Decision, decide},
    },
};

/// How a call reaches KMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The caller asks KMS itself.
    Direct,
    /// RDS asks for the caller, in the key's Region.
    Rds,
}

/// Why a caller may not use a key, in IAM's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial(pub String);

impl Keys {
    /// The statements that allow it, or why it is not allowed. None of them for an account's root user in its own
    /// account, who may do everything here.
    pub async fn may(
        &self,
        caller: &Caller,
        key: &Key,
        action: &str,
        via: Via,
    ) -> anyhow::Result<Result<Vec<String>, Denial>> {
        let Some(who) = caller.in_policies() else {
            return Ok(Err(Denial("The security token included in the request is invalid".to_owned())));
        };
        let same_account = who.account_id == key.place.account_id;
        // Only its service may use an AWS managed key: the root user may not.
        if caller.is_root() && same_account && !key.aws_managed {
            return Ok(Ok(vec![]));
        }
        let context = context(&who, key, action, via);
        let ask = Ask { action, resource: &key.arn, context: &context };
        let identity = self.identity(caller, &who, &ask).await?;
        Ok(combine(same_account, &decide([&key.policy], &who, &ask), &identity).map_err(|why| {
            let Ask { action, resource, .. } = ask;
            let session = &who.session_arn;
            Denial(format!(
                "User: {session} is not authorized to perform: {action} on resource: {resource} {}",
                why.replace("{action}", action)
            ))
        }))
    }

    /// What the caller's own policies say; an account's root user may ask for everything.
    pub async fn identity(
        &self,
        caller: &Caller,
        who: &policy::Caller,
        ask: &Ask<'_>,
    ) -> anyhow::Result<Decision> {
        if caller.is_root() {
            return Ok(Decision { allowed_by: vec!["root".to_owned()], ..Decision::default() });
        }
        let policies = self.roles.policies(&caller.account_id, &caller.principal).await?;
        Ok(decide(policies.iter(), who, ask))
    }
}

/// In the key's account its policy may name the principal itself, or leave the choice to IAM; from another account
/// both must allow.
fn combine(same_account: bool, key: &Decision, identity: &Decision) -> Result<Vec<String>, &'static str> {
    if identity.denied_by.is_some() {
        return Err("with an explicit deny in an identity-based policy");
    }
    if key.denied_by.is_some() {
        return Err("with an explicit deny in a resource-based policy");
    }
    if same_account && !key.allowed_by.is_empty() {
        return Ok(key.allowed_by.clone());
    }
    if key.allowed_by.is_empty() && key.delegated_by.is_empty() {
        return Err("because no resource-based policy allows the {action} action");
    }
    if identity.allowed_by.is_empty() {
        return Err("because no identity-based policy allows the {action} action");
    }
    Ok([&identity.allowed_by[..], &key.allowed_by, &key.delegated_by].concat())
}

/// Source: KMS Developer Guide, "AWS KMS condition keys": `kms:ViaService` is absent on direct calls,
/// `kms:GrantIsForAWSResource` exists for CreateGrant, ListGrants and RevokeGrant only.
fn context(who: &policy::Caller, key: &Key, action: &str, via: Via) -> Context {
    let text = |name: &str| key.metadata[name].as_str().unwrap_or_default().to_owned();
    let context = Context::default()
        .with("aws:PrincipalArn", &who.arn)
        .with("aws:PrincipalAccount", &who.account_id)
        .with("aws:RequestedRegion", &key.place.region)
        .with("aws:ResourceAccount", &key.place.account_id)
        .with("aws:ViaAWSService", (via == Via::Rds).to_string())
        .with("aws:PrincipalIsAWSService", "false")
        .with("aws:SecureTransport", "true")
        .with("kms:CallerAccount", &who.account_id)
        .with("kms:KeySpec", text("KeySpec"))
        .with("kms:KeyUsage", text("KeyUsage"))
        .with("kms:KeyOrigin", text("Origin"));
    let context = match via {
        Via::Direct => context,
        Via::Rds => context.with("kms:ViaService", key.place.service_name("rds")),
    };
    match action {
        "kms:CreateGrant" | "kms:ListGrants" | "kms:RevokeGrant" => {
            context.with("kms:GrantIsForAWSResource", (via == Via::Rds).to_string())
        }
        _ => context,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_an_account_one_is_enough_and_across_accounts_both_are_needed() {
        let yes = |name: &str| Decision { allowed_by: vec![name.into()], ..Decision::default() };
        let delegated = Decision { delegated_by: vec!["root".into()], ..Decision::default() };
        let denied = Decision { denied_by: Some("d".into()), ..Decision::default() };
        let no = Decision::default();
        assert_eq!(combine(true, &yes("key"), &no), Ok(vec!["key".into()]));
        assert_eq!(combine(true, &delegated, &yes("iam")), Ok(vec!["iam".into(), "root".into()]));
        assert_eq!(combine(false, &yes("key"), &yes("iam")), Ok(vec!["iam".into(), "key".into()]));
        assert!(combine(true, &delegated, &no).unwrap_err().contains("identity-based"));
        assert!(combine(true, &no, &yes("iam")).unwrap_err().contains("resource-based"));
        assert!(combine(false, &yes("key"), &no).unwrap_err().contains("identity-based"));
        assert!(combine(true, &denied, &yes("iam")).is_err() && combine(true, &yes("key"), &denied).is_err());
    }
}
