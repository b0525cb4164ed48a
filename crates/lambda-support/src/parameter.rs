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
