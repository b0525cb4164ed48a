//! The functions of an account, and what may be done in the names of their roles.

use crate::Account;
use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A deployed function.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// Its ARN.
    pub function_arn: String,
    /// The ARN of its role.
    pub role: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Functions {
    functions: Vec<Function>,
}

impl Function {
    /// The step that it is: `CopyAndReencrypt` of `arn:…:function:<stack>-CopyAndReencryptFunction-<letters>`.
    pub fn step(&self) -> Result<&str> {
        let mut words = self.function_arn.split(['-', ':']);
        words
            .find_map(|word| word.strip_suffix("Function"))
            .with_context(|| format!("{} is no step's", self.function_arn))
    }
}

impl Account {
    /// All functions of the account.
    pub async fn functions(&self) -> Result<Vec<Function>> {
        let request = reqwest::Client::new()
            .get(format!("{}/2015-03-31/functions/?MaxItems=50", self.endpoint))
            .header("authorization", self.authorization("lambda"));
        let answer: Functions = request.send().await?.error_for_status()?.json().await?;
        Ok(answer.functions)
    }

    /// The account in the name of the function's role, with the credentials that the function itself has. It is called
    /// once, with what it refuses: the local AWS gives it its credentials then.
    pub async fn in_the_role_of(&self, function: &Function) -> Result<Self> {
        let Function { function_arn, role } = function;
        let request = reqwest::Client::new()
            .post(format!("{}/2015-03-31/functions/{function_arn}/invocations", self.endpoint))
            .header("authorization", self.authorization("lambda"))
            .body("{}");
        request.send().await?.error_for_status().with_context(|| format!("cannot call {function_arn}"))?;
        // Source: MiniStack 1.5.33, `core/lambda_runtime.py`, `execution_credentials`.
        let digest = hex(&format!("{function_arn}:{role}"));
        let access_key_id = format!("ASIA{}", digest[..16].to_uppercase());
        let [secret, token] = ["secret", "token"].map(|what| hex(&format!("{what}:{digest}")));
        let credentials = Credentials::new(access_key_id, secret, Some(token), None, "a function's role");
        Ok(Self::with(self.id, self.region, &self.endpoint, credentials))
    }

    /// The ARN of something in this account.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.id)
    }
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
