//! Keys of KMS, and roles with functions that use them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Account, text};

impl Account<'_> {
    pub async fn key(&self) -> String {
        self.key_with(json!({})).await
    }

    /// A key with these parameters of CreateKey.
    pub async fn key_with(&self, parameters: Value) -> String {
        let answer = self.kms("CreateKey", parameters).await;
        answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// A key whose policy has these statements beside the one that leaves the choice to this account's IAM.
    pub async fn key_that_lets(&self, statements: &[Value]) -> String {
        let root = json!({ "Sid": "LetIamOfThisAccountDecide", "Effect": "Allow", "Action": "kms:*",
            "Principal": { "AWS": format!("arn:aws:iam::{}:root", self.access_key_id) }, "Resource": "*" });
        let statements: Vec<Value> = [root].into_iter().chain(statements.iter().cloned()).collect();
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        self.key_with(json!({ "Policy": policy.to_string() })).await
    }

    pub async fn kms(&self, operation: &str, parameters: Value) -> Value {
        self.json("kms", &format!("TrentService.{operation}"), parameters).await
    }

    /// Makes a role with this policy and a function that uses it; answers the function's access key.
    pub async fn role(&self, name: &str, statements: Value) -> String {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
        }]});
        let role = [("RoleName", name), ("AssumeRolePolicyDocument", &*trust.to_string())];
        let role = text(&self.query("iam", "CreateRole", &role).await.unwrap(), "Arn").unwrap();
        self.put_policy(name, statements).await;
        let function = json!({
            "FunctionName": format!("{name}-function"), "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Role": role, "Code": { "ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" },
        });
        let request = self.request("lambda", reqwest::Method::POST, "/2015-03-31/functions").json(&function);
        let created: Value = request.send().await.unwrap().json().await.unwrap();
        let digest = Sha256::digest(format!("{}:{role}", created["FunctionArn"].as_str().unwrap()));
        let digits: String = digest[..8].iter().map(|byte| format!("{byte:02X}")).collect();
        format!("ASIA{digits}")
    }

    /// Replaces the role's policy `Steps`.
    pub async fn put_policy(&self, role: &str, statements: Value) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let put = [("RoleName", role), ("PolicyName", "Steps"), ("PolicyDocument", &*policy)];
        self.query("iam", "PutRolePolicy", &put).await.unwrap();
    }
}
