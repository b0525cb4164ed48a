//! A ClientRequestToken makes PutSecretValue and CreateSecret repeatable, and a secret has 20 staging labels at most.
//! Source: Secrets Manager API, PutSecretValue and CreateSecret, `ClientRequestToken`; User Guide, quotas.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    ministack::Asked,
    passing::{Mended, Passing},
};

const STAGING_LABELS: usize = 20;

/// A secret that was created without a value has no version to get. MiniStack answers an empty version.
pub(super) fn without_value(answer: &Value) -> Option<Mended> {
    let has_none = answer["SecretString"].is_null() && answer["SecretBinary"].is_null();
    let message = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT";
    has_none.then(|| Mended::error("ResourceNotFoundException", message))
}

/// A token that was used for the same content is a success without effect, for other content an error.
pub(super) async fn before_put(ministack: &Asked, passing: &Passing<'_>) -> anyhow::Result<Option<Mended>> {
    let body = passing.body;
    let secret = json!({ "SecretId": body["SecretId"] });
    let Some(described) = ministack.ask(passing, "secretsmanager.DescribeSecret", &secret).await? else {
        return Ok(None);
    };
    let token = body["ClientRequestToken"].as_str();
    if let Some(version) = version(ministack, passing, &body["SecretId"], token).await? {
        let arn = described["ARN"].as_str().unwrap_or_default();
        let allowed =
            ministack.allows(passing, "secretsmanager:PutSecretValue", arn, &described["Tags"]).await?;
        // MiniStack refuses a caller who may not put.
        return Ok(allowed.then(|| match same_content(body, &version) {
            true => Mended::success(json!({
                "ARN": version["ARN"], "Name": version["Name"], "VersionId": version["VersionId"],
                "VersionStages": version["VersionStages"],
            })),
            false => Mended::error(
                "ResourceExistsException",
                "You can't use ClientRequestToken because that value is already in use for a version of the \
                 secret.",
            ),
        }));
    }
    let labels = body["VersionStages"].as_array().cloned().unwrap_or_else(|| vec![json!("AWSCURRENT")]);
    Ok(too_many_labels(&described, &labels))
}

/// A label that is new to the secret is refused if the secret has too many labels.
pub(super) async fn before_move(ministack: &Asked, passing: &Passing<'_>) -> anyhow::Result<Option<Mended>> {
    let body = passing.body;
    if body["MoveToVersionId"].is_null() {
        return Ok(None);
    }
    let secret = json!({ "SecretId": body["SecretId"] });
    let described = ministack.ask(passing, "secretsmanager.DescribeSecret", &secret).await?;
    Ok(described.and_then(|it| too_many_labels(&it, &[body["VersionStage"].clone()])))
}

/// MiniStack ignores the token. So the first version is put again under the token, and the original one is forgotten.
pub(super) async fn after_create(
    ministack: &Asked,
    passing: &Passing<'_>,
    created: &Value,
) -> anyhow::Result<Option<Mended>> {
    let body = passing.body;
    let Some(token) = body["ClientRequestToken"].as_str() else { return Ok(None) };
    let mut put = json!({ "SecretId": created["ARN"], "ClientRequestToken": token });
    let contents = ["SecretString", "SecretBinary"].into_iter().filter(|name| !body[*name].is_null());
    let contents: Vec<&str> = contents.collect();
    if contents.is_empty() {
        return Ok(None);
    }
    for name in contents {
        put[name] = body[name].clone();
    }
    ministack.ask(passing, "secretsmanager.PutSecretValue", &put).await?;
    let forget = json!({ "SecretId": created["ARN"], "VersionStage": "AWSPREVIOUS",
        "RemoveFromVersionId": created["VersionId"] });
    ministack.ask(passing, "secretsmanager.UpdateSecretVersionStage", &forget).await?;
    let mut answer = created.clone();
    answer["VersionId"] = json!(token);
    Ok(Some(Mended::success(answer)))
}

/// The answer to a repeated CreateSecret, recognised by its token and content.
pub(super) async fn same_create(ministack: &Asked, passing: &Passing<'_>) -> anyhow::Result<Option<Mended>> {
    let body = passing.body;
    let token = body["ClientRequestToken"].as_str();
    let version = version(ministack, passing, &body["Name"], token).await?;
    Ok(version.filter(|version| same_content(body, version)).map(|version| {
        Mended::success(json!({
            "ARN": version["ARN"], "Name": version["Name"], "VersionId": version["VersionId"],
        }))
    }))
}

async fn version(
    ministack: &Asked,
    passing: &Passing<'_>,
    secret: &Value,
    token: Option<&str>,
) -> anyhow::Result<Option<Value>> {
    let Some(token) = token else { return Ok(None) };
    let get = json!({ "SecretId": secret, "VersionId": token });
    ministack.ask(passing, "secretsmanager.GetSecretValue", &get).await
}

fn same_content(body: &Value, version: &Value) -> bool {
    ["SecretString", "SecretBinary"].iter().all(|name| body[*name] == version[*name])
}

/// All labels of all versions count, also those that Secrets Manager moves by itself.
fn too_many_labels(described: &Value, added: &[Value]) -> Option<Mended> {
    let versions = described["VersionIdsToStages"].as_object()?;
    let mut labels: BTreeSet<&str> =
        versions.values().flat_map(|it| it.as_array()).flatten().filter_map(Value::as_str).collect();
    let before = labels.len();
    labels.extend(added.iter().filter_map(Value::as_str));
    if added.iter().any(|label| label == "AWSCURRENT") && before > 0 {
        labels.insert("AWSPREVIOUS");
    }
    (labels.len() > STAGING_LABELS && labels.len() > before).then(|| {
        Mended::error(
            "LimitExceededException",
            "The request failed because it would exceed one of the Secrets Manager quotas: 20 staging labels.",
        )
    })
}
