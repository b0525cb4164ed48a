//! Where MiniStack answers otherwise than AWS: what a call's repetition means. One file for each service.

mod executions;
mod secrets;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    caller::Caller,
    iam::{
        context::Context,
        policy::{Ask, decide},
        roles::Roles,
    },
    ministack::Client,
    place::Place,
};

/// A call of the JSON protocol that passes through.
pub struct Passing<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The caller's account, and the Region that is asked.
    pub place: &'a Place,
    /// The signing name.
    pub service: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// Its parameters.
    pub body: &'a Value,
}

/// An answer in MiniStack's stead.
pub struct Mended {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: Value,
    /// The wire code of an error.
    pub error: Option<&'static str>,
}

impl Mended {
    fn success(body: Value) -> Self {
        Self { status: 200, body, error: None }
    }

    fn error(code: &'static str, message: &str) -> Self {
        Self { status: 400, body: json!({ "__type": code, "message": message }), error: Some(code) }
    }
}

/// Mends answers of MiniStack.
pub struct Mends {
    ministack: Client,
    roles: Arc<Roles>,
}

impl Mends {
    /// Over this MiniStack.
    pub fn new(ministack: Client, roles: Arc<Roles>) -> Self {
        Self { ministack, roles }
    }

    /// Does an answer to this call have to be looked at?
    pub fn concerns(passing: &Passing<'_>) -> bool {
        matches!(
            (passing.service, passing.operation),
            ("states", "StartExecution")
                | (
                    "secretsmanager",
                    "CreateSecret" | "GetSecretValue" | "PutSecretValue" | "UpdateSecretVersionStage"
                )
        )
    }

    /// An answer before MiniStack is asked.
    pub async fn before(&self, passing: &Passing<'_>) -> Option<Mended> {
        let mended = match (passing.service, passing.operation) {
            ("secretsmanager", "PutSecretValue") => self.before_put(passing).await,
            ("secretsmanager", "UpdateSecretVersionStage") => self.before_move(passing).await,
            _ => Ok(None),
        };
        mended.unwrap_or_else(|error| warn(passing, &error))
    }

    /// An answer instead of that of MiniStack, whose error this is, or whose JSON.
    pub async fn after(&self, passing: &Passing<'_>, answer: &Result<Value, String>) -> Option<Mended> {
        let mended = match (passing.operation, answer) {
            ("StartExecution", Err(code)) if code == "ExecutionAlreadyExists" => {
                self.same_start(passing).await
            }
            ("GetSecretValue", Ok(value)) => Ok(secrets::without_value(value)),
            ("CreateSecret", Ok(created)) => self.after_create(passing, created).await,
            ("CreateSecret", Err(code)) if code == "ResourceExistsException" => {
                self.same_create(passing).await
            }
            _ => Ok(None),
        };
        mended.unwrap_or_else(|error| warn(passing, &error))
    }

    /// Asks MiniStack as root of the caller's account.
    async fn ask(&self, passing: &Passing<'_>, target: &str, body: &Value) -> anyhow::Result<Option<Value>> {
        let Place { account_id, region } = passing.place;
        self.ministack.json(account_id, region, passing.service, target, body).await
    }

    /// Do the caller's policies allow it on this resource with these tags?
    async fn allows(
        &self,
        passing: &Passing<'_>,
        action: &str,
        resource: &str,
        tags: &Value,
    ) -> anyhow::Result<bool> {
        let caller = passing.caller;
        let Some(who) = caller.in_policies() else { return Ok(false) };
        if caller.is_root() {
            return Ok(true);
        }
        let mut context = Context::default()
            .with("aws:PrincipalArn", &who.arn)
            .with("aws:PrincipalAccount", &who.account_id)
            .with("aws:RequestedRegion", &passing.place.region);
        for tag in tags.as_array().into_iter().flatten() {
            let text = |name: &str| tag[name].as_str().unwrap_or_default();
            context = context.with(format!("aws:ResourceTag/{}", text("Key")), text("Value"));
        }
        let policies = self.roles.policies(&caller.account_id, &caller.principal).await?;
        Ok(decide(policies.iter(), &who, &Ask { action, resource, context: &context }).is_allowed())
    }
}

fn warn(passing: &Passing<'_>, error: &anyhow::Error) -> Option<Mended> {
    tracing::warn!("{} is not mended: {error:#}", passing.operation);
    None
}
