//! The policies of roles, as MiniStack's IAM keeps them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context;

use super::policy::Policy;
use crate::{
    lock,
    ministack::{Client, elements},
};

/// Shorter than a test's patience: IAM itself shows a change only after some seconds.
const REMEMBERED: Duration = Duration::from_secs(2);

type Known = HashMap<(String, String), (Instant, Arc<Vec<Policy>>)>;

/// Reads the policies of roles and remembers them for a moment.
pub struct Roles {
    ministack: Client,
    known: Mutex<Known>,
}

impl Roles {
    /// Over this MiniStack.
    pub fn new(ministack: Client) -> Self {
        Self { ministack, known: Mutex::default() }
    }

    /// The inline and the attached policies of a role.
    pub async fn policies(&self, account_id: &str, role: &str) -> anyhow::Result<Arc<Vec<Policy>>> {
        let name = (account_id.to_owned(), role.to_owned());
        if let Some((at, policies)) = lock(&self.known).get(&name)
            && at.elapsed() < REMEMBERED
        {
            return Ok(Arc::clone(policies));
        }
        let at = Instant::now();
        let policies = Arc::new(self.read(account_id, role).await?);
        lock(&self.known).insert(name, (at, Arc::clone(&policies)));
        Ok(policies)
    }

    async fn read(&self, account_id: &str, role: &str) -> anyhow::Result<Vec<Policy>> {
        let mut policies = Vec::new();
        let inline = self.ask(account_id, "ListRolePolicies", &[("RoleName", role)]).await?;
        for name in elements(&inline, "member") {
            let answer =
                self.ask(account_id, "GetRolePolicy", &[("RoleName", role), ("PolicyName", name)]).await?;
            policies.push(Policy::parse(name, &document(&answer, "PolicyDocument")?)?);
        }
        let attached = self.ask(account_id, "ListAttachedRolePolicies", &[("RoleName", role)]).await?;
        for arn in elements(&attached, "PolicyArn") {
            let policy = self.ask(account_id, "GetPolicy", &[("PolicyArn", arn)]).await?;
            let version = elements(&policy, "DefaultVersionId").next().unwrap_or("v1");
            let name = arn.rsplit('/').next().unwrap_or(arn);
            let answer = self
                .ask(account_id, "GetPolicyVersion", &[("PolicyArn", arn), ("VersionId", version)])
                .await?;
            policies.push(Policy::parse(name, &document(&answer, "Document")?)?);
        }
        Ok(policies)
    }

    async fn ask(&self, account_id: &str, action: &str, more: &[(&str, &str)]) -> anyhow::Result<String> {
        self.ministack.query(account_id, "us-east-1", "iam", action, more).await
    }
}

/// IAM answers documents percent-encoded.
fn document(xml: &str, name: &str) -> anyhow::Result<String> {
    let encoded = elements(xml, name).next().with_context(|| format!("IAM's answer has no {name}"))?;
    let decoded = form_urlencoded::parse(encoded.as_bytes()).next();
    Ok(decoded.map(|(text, _)| text.into_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_and_decoded() {
        let xml = "<a><member>One</member><member>Two</member><Document>%7B%22a%22%3A%20%22%2B%26%22%7D</Document></a>";
        assert_eq!(elements(xml, "member").collect::<Vec<_>>(), ["One", "Two"]);
        assert_eq!(document(xml, "Document").unwrap(), r#"{"a": "+&"}"#);
    }
}
