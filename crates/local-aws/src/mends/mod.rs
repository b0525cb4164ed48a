//! Mends for answers of MiniStack that differ from those of AWS, above all to repeated calls. One file a service.

mod executions;
mod ministack;
pub mod passing;
mod secrets;

use std::sync::Arc;

use serde_json::Value;

use self::{
    ministack::Asked,
    passing::{Mended, Passing},
};
use crate::{iam::roles::Roles, ministack::Client};

/// Mends answers of MiniStack.
pub struct Mends(Asked);

impl Mends {
    /// Over this MiniStack.
    pub fn new(client: Client, roles: Arc<Roles>) -> Self {
        Self(Asked::new(client, roles))
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
            ("secretsmanager", "PutSecretValue") => secrets::before_put(&self.0, passing).await,
            ("secretsmanager", "UpdateSecretVersionStage") => secrets::before_move(&self.0, passing).await,
            _ => Ok(None),
        };
        mended.unwrap_or_else(|error| warn(passing, &error))
    }

    /// An answer that replaces MiniStack's, which was this JSON or this error.
    pub async fn after(&self, passing: &Passing<'_>, answer: &Result<Value, String>) -> Option<Mended> {
        let mended = match (passing.operation, answer) {
            ("StartExecution", Err(code)) if code == "ExecutionAlreadyExists" => {
                executions::same_start(&self.0, passing).await
            }
            ("GetSecretValue", Ok(value)) => Ok(secrets::without_value(value)),
            ("CreateSecret", Ok(created)) => secrets::after_create(&self.0, passing, created).await,
            ("CreateSecret", Err(code)) if code == "ResourceExistsException" => {
                secrets::same_create(&self.0, passing).await
            }
            _ => Ok(None),
        };
        mended.unwrap_or_else(|error| warn(passing, &error))
    }
}

fn warn(passing: &Passing<'_>, error: &anyhow::Error) -> Option<Mended> {
    tracing::warn!("cannot mend the answer to {}: {error:#}", passing.operation);
    None
}
