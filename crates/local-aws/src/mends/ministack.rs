//! What a mend asks MiniStack and the caller's policies.

use std::sync::Arc;

use serde_json::Value;

use super::passing::Passing;
use crate::{
    iam::{context::Context, roles::Roles},
    ministack::Client,
    place::Place,
};

/// MiniStack, and the roles that it keeps.
pub(super) struct Asked {
    client: Client,
    roles: Arc<Roles>,
}

impl Asked {
    /// This MiniStack.
    pub(super) fn new(client: Client, roles: Arc<Roles>) -> Self {
        Self { client, roles }
    }

    /// Asks MiniStack as root of the caller's account.
    pub(super) async fn ask(
        &self,
        passing: &Passing<'_>,
        target: &str,
        body: &Value,
    ) -> anyhow::Result<Option<Value>> {
        let Place { account_id, region } = passing.place;
        self.client.json(account_id, region, passing.service, target, body).await
    }

    /// Do the caller's policies allow it on this resource with these tags?
    pub(super) async fn allows(
        &self,
        passing: &Passing<'_>,
        action: &str,
        resource: &str,
        tags: &Value,
    ) -> anyhow::Result<bool> {
        let mut context = Context::default();
        for tag in tags.as_array().into_iter().flatten() {
            let text = |name: &str| tag[name].as_str().unwrap_or_default();
            context = context.with(format!("aws:ResourceTag/{}", text("Key")), text("Value"));
        }
        let permitted = self.roles.permit(passing.caller, &passing.place.region, action, resource, context);
        Ok(permitted.await?.is_ok())
    }
}
