//! Parameters of Systems Manager.

use crate::{CallFailed, SignedClient};
use serde_json::json;

/// The value of a parameter; `None` when there is no such parameter.
///
/// Source: SSM API `GetParameter`.
pub async fn find_parameter(ssm: &SignedClient, name: &str) -> Result<Option<String>, CallFailed> {
    match ssm.call("GetParameter", &json!({ "Name": name })).await {
        Ok(answer) => Ok(answer["Parameter"]["Value"].as_str().map(str::to_owned)),
        Err(failed) if failed.code == "ParameterNotFound" => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// The name of every parameter below a path, however deep.
///
/// Source: SSM API `DescribeParameters`.
pub async fn parameters_below(ssm: &SignedClient, path: &str) -> Result<Vec<String>, CallFailed> {
    let below = json!([{ "Key": "Path", "Option": "Recursive", "Values": [path] }]);
    let (mut all, mut request) = (Vec::new(), json!({ "ParameterFilters": below, "MaxResults": 50 }));
    loop {
        let page = ssm.call("DescribeParameters", &request).await?;
        let parameters = page["Parameters"].as_array().into_iter().flatten();
        all.extend(parameters.filter_map(|it| it["Name"].as_str().map(str::to_owned)));
        match page["NextToken"].as_str() {
            Some(token) if !token.is_empty() => request["NextToken"] = json!(token),
            _ => return Ok(all),
        }
    }
}

/// Creates a parameter; answers whether there was none of this name. It never overwrites one, so of two callers only one
/// creates it.
///
/// Source: SSM API `PutParameter`, without `Overwrite`.
pub async fn create_parameter(ssm: &SignedClient, name: &str, value: &str) -> Result<bool, CallFailed> {
    let request = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": false });
    match ssm.call("PutParameter", &request).await {
        Ok(_) => Ok(true),
        Err(failed) if failed.code == "ParameterAlreadyExists" => Ok(false),
        Err(failed) => Err(failed),
    }
}
