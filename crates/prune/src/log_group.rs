//! The log groups that RDS makes for logs that DB instances export. RDS leaves them behind, and they never expire.

use lambda_support::{CallFailed, SignedClient};
use serde_json::{Value, json};

/// The names of all log groups that begin so.
pub(crate) async fn list(logs: &SignedClient, prefix: &str) -> Result<Vec<String>, CallFailed> {
    let mut names = Vec::new();
    let mut request = json!({ "logGroupNamePrefix": prefix });
    loop {
        let answer = logs.call("DescribeLogGroups", &request).await?;
        let groups = answer["logGroups"].as_array().into_iter().flatten();
        names.extend(groups.filter_map(|it| it["logGroupName"].as_str().map(str::to_owned)));
        match &answer["nextToken"] {
            Value::Null => return Ok(names),
            token => request["nextToken"] = token.clone(),
        }
    }
}

/// Deletes a log group. One that is gone already is no failure.
pub(crate) async fn delete(logs: &SignedClient, name: &str) -> Result<(), CallFailed> {
    match logs.call("DeleteLogGroup", &json!({ "logGroupName": name })).await {
        Err(failed) if failed.code != "ResourceNotFoundException" => Err(failed),
        _ => Ok(()),
    }
}
