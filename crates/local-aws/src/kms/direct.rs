//! Calls of KMS itself: which the relay answers, which it refuses, and in whose name the others go to MiniStack.

use serde_json::{Value, json};

use super::{
    decision::{Denial, Via},
    key::{Key, owner_of},
    keys::Keys,
};
use crate::{
    caller::Caller,
    iam::{context::Context, policy::Ask},
    place::Place,
};

/// Operations that work with keys of other accounts.
/// Source: KMS Developer Guide, "Allowing users in other accounts to use a KMS key".
const ACROSS_ACCOUNTS: [&str; 20] = [
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetKeyRotationStatus",
    "GetPublicKey",
    "ListGrants",
    "ReEncrypt",
    "RetireGrant",
    "RevokeGrant",
    "Sign",
    "Verify",
    "VerifyMac",
    "ListKeyRotations",
];

/// What becomes of a call.
pub enum Verdict {
    /// The relay answers.
    Answer(Answer),
    /// MiniStack answers the key's owner: it has no idea of keys of other accounts.
    PassAs(Place, Vec<String>),
    /// MiniStack answers the caller.
    Pass(Vec<String>),
}

/// An answer of the relay.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: Value,
    /// The error's code.
    pub error: Option<&'static str>,
    /// The statements that allowed the call.
    pub allowed_by: Vec<String>,
}

impl Answer {
    fn error(code: &'static str, status: u16, message: impl Into<String>) -> Verdict {
        let body = json!({ "__type": code, "message": message.into() });
        Verdict::Answer(Self { status, body, error: Some(code), allowed_by: vec![] })
    }
}

impl Keys {
    /// Decides about a call of KMS in `place`, the caller's account and the signature's Region.
    pub async fn direct(&self, caller: &Caller, place: &Place, operation: &str, body: &Value) -> Verdict {
        let verdict = self.judge(caller, place, operation, body).await;
        verdict.unwrap_or_else(|error| Answer::error("KMSInternalException", 500, format!("{error:#}")))
    }

    async fn judge(
        &self,
        caller: &Caller,
        place: &Place,
        operation: &str,
        body: &Value,
    ) -> anyhow::Result<Verdict> {
        if let (Some(policy), "CreateKey" | "PutKeyPolicy") = (body["Policy"].as_str(), operation)
            && !is_policy(policy)
        {
            let message = "The policy is no JSON object with statements that allow or deny.";
            return Ok(Answer::error("MalformedPolicyDocumentException", 400, message));
        }
        let Some(given) = body["KeyId"].as_str().or_else(|| body["TargetKeyId"].as_str()) else {
            return self.without_key(caller, operation).await;
        };
        let foreign = owner_of(given).is_some_and(|owner| owner.account_id != place.account_id);
        // Only the key's own Region knows it.
        let key = match owner_of(given).is_none_or(|owner| owner.region == place.region) {
            true => self.find(place, given).await?,
            false => None,
        };
        let Some(key) = key else {
            return match foreign {
                true => self.missing(caller, place, operation, given).await,
                false => Ok(Verdict::Pass(vec![])),
            };
        };
        if caller.is_root() && !foreign && !key.aws_managed {
            return Ok(Verdict::Pass(vec![]));
        }
        let allowed = match foreign && !ACROSS_ACCOUNTS.contains(&operation) {
            true => Err(Denial(format!("{operation} cannot be used with a key of another account"))),
            false => self.allowed(caller, &key, operation).await?,
        };
        Ok(match allowed {
            Err(Denial(why)) => Answer::error("AccessDeniedException", 400, why),
            Ok(allowed_by) if !key.aws_managed => Verdict::PassAs(key.place, allowed_by),
            Ok(allowed_by) if operation == "DescribeKey" => Verdict::Answer(Answer {
                status: 200,
                body: json!({ "KeyMetadata": key.metadata }),
                error: None,
                allowed_by,
            }),
            Ok(_) => {
                Answer::error("UnsupportedOperationException", 400, format!("{operation} on {}", key.arn))
            }
        })
    }

    /// ReEncrypt has two actions; each other operation has its own.
    async fn allowed(
        &self,
        caller: &Caller,
        key: &Key,
        operation: &str,
    ) -> anyhow::Result<Result<Vec<String>, Denial>> {
        let actions = match operation {
            "ReEncrypt" => vec!["ReEncryptFrom", "ReEncryptTo"],
            one => vec![one],
        };
        let mut allowed_by = Vec::new();
        for action in actions {
            match self.may(caller, key, &format!("kms:{action}"), Via::Direct).await? {
                Ok(statements) => allowed_by.extend(statements),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(allowed_by))
    }

    /// Operations that have no key yet, such as ListKeys. MiniStack decides too; Decrypt finds its key in the text.
    async fn without_key(&self, caller: &Caller, operation: &str) -> anyhow::Result<Verdict> {
        let listed = ["CreateKey", "ListKeys", "ListAliases", "GenerateRandom"].contains(&operation);
        let (Some(who), true) = (caller.in_policies().filter(|_| !caller.is_root()), listed) else {
            return Ok(Verdict::Pass(vec![]));
        };
        let action = format!("kms:{operation}");
        let context = Context::default()
            .with("aws:PrincipalArn", &who.arn)
            .with("aws:PrincipalAccount", &who.account_id)
            .with("kms:CallerAccount", &who.account_id);
        let ask = Ask { action: &action, resource: "*", context: &context };
        let decision = self.identity(caller, &who, &ask).await?;
        Ok(match decision.is_allowed() {
            true => Verdict::Pass(decision.allowed_by),
            false => Answer::error("AccessDeniedException", 400, not_allowed(&who.session_arn, &action, "*")),
        })
    }

    /// The answer for a key of another account that does not exist. A caller who may not ask learns only that.
    async fn missing(
        &self,
        caller: &Caller,
        place: &Place,
        operation: &str,
        given: &str,
    ) -> anyhow::Result<Verdict> {
        if let Some(who) = caller.in_policies() {
            let action = format!("kms:{operation}");
            let context = Context::default()
                .with("aws:PrincipalArn", &who.arn)
                .with("aws:PrincipalAccount", &who.account_id)
                .with("aws:RequestedRegion", &place.region)
                .with("kms:CallerAccount", &who.account_id);
            let ask = Ask { action: &action, resource: given, context: &context };
            if !self.identity(caller, &who, &ask).await?.is_allowed() {
                let why = not_allowed(&who.session_arn, &action, given);
                return Ok(Answer::error("AccessDeniedException", 400, why));
            }
        }
        Ok(Answer::error("NotFoundException", 400, format!("Key '{given}' does not exist")))
    }
}

/// Has the text the form of a policy?
fn is_policy(text: &str) -> bool {
    let policy: Value = serde_json::from_str(text).unwrap_or_default();
    let decides = |it: &Value| matches!(it["Effect"].as_str(), Some("Allow" | "Deny"));
    match &policy["Statement"] {
        Value::Array(statements) => !statements.is_empty() && statements.iter().all(decides),
        one => decides(one),
    }
}

fn not_allowed(who: &str, action: &str, resource: &str) -> String {
    format!(
        "User: {who} is not authorized to perform: {action} on resource: {resource} because no identity-based \
         policy allows the {action} action"
    )
}
