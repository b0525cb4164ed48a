//! Looks at secrets, and the writes that both steps share.

use crate::{Error, SecretValue};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::Tag;
use lambda_support::{Service, call_failed, found, tags};
use replication::{Run, Tags, tag};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The staging label of the version that is current.
pub(crate) const AWSCURRENT: &str = "AWSCURRENT";

/// The longest value. Source: Secrets Manager User Guide, "AWS Secrets Manager quotas".
const VALUE_LIMIT_BYTES: usize = 65_536;

/// One version of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// Its identifier.
    pub version_id: String,
    /// What it says.
    pub value: SecretValue,
}

/// A secret without its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretSeen {
    /// Staging labels by version.
    pub stages: BTreeMap<String, Vec<String>>,
    /// Its tags.
    pub tags: Tags,
}

impl SecretSeen {
    /// The version that carries a label.
    pub fn version_with(&self, label: &str) -> Option<&str> {
        self.stages
            .iter()
            .find(|(_, labels)| labels.iter().any(|it| it == label))
            .map(|(version, _)| version.as_str())
    }
}

/// The current version; `None` when the secret does not exist or has none.
pub(crate) async fn find_current(secrets: &Client, secret: &str) -> Result<Option<SecretVersion>, Error> {
    let answer = secrets.get_secret_value().secret_id(secret).version_stage(AWSCURRENT).send().await;
    let answer =
        found(Service::SecretsManager, "GetSecretValue", answer, |e| e.is_resource_not_found_exception())?;
    let Some(answer) = answer else { return Ok(None) };
    let text = answer.secret_string().ok_or_else(|| Error::SecretBinary(secret.to_owned()))?;
    let problem = "is not a JSON object";
    let value = SecretValue::parse(text)
        .ok_or_else(|| Error::SecretNotJson { secret: secret.to_owned(), problem })?;
    Ok(Some(SecretVersion { version_id: answer.version_id.unwrap_or_default(), value }))
}

/// The application's secret without its values.
pub(crate) async fn describe(secrets: &Client, secret: &str) -> Result<SecretSeen, Error> {
    let answer = secrets.describe_secret().secret_id(secret).send().await;
    let answer =
        found(Service::SecretsManager, "DescribeSecret", answer, |e| e.is_resource_not_found_exception())?;
    let answer = answer.ok_or_else(|| Error::ApplicationSecretNotFound(secret.to_owned()))?;
    Ok(SecretSeen {
        stages: answer.version_ids_to_stages.unwrap_or_default().into_iter().collect(),
        tags: tags(answer.tags, |it| (it.key, it.value)),
    })
}

/// Puts a new version under a label and answers its identifier. The same value put again is the same version.
pub(crate) async fn put(
    secrets: &Client,
    secret: &str,
    value: &SecretValue,
    derived_from: [&str; 2],
    label: &str,
) -> Result<String, Error> {
    let token = version_token(secret, derived_from);
    put_version(secrets, secret, value, &token, label).await?;
    Ok(token)
}

/// Puts a new version of this very identifier under a label.
pub(crate) async fn put_version(
    secrets: &Client,
    secret: &str,
    value: &SecretValue,
    version_id: &str,
    label: &str,
) -> Result<(), Error> {
    let text = value.text();
    if text.len() > VALUE_LIMIT_BYTES {
        return Err(Error::SecretTooLarge { secret: secret.to_owned(), bytes: text.len() });
    }
    let answer = secrets
        .put_secret_value()
        .secret_id(secret)
        .client_request_token(version_id)
        .secret_string(text)
        .version_stages(label)
        .send()
        .await;
    answer.map_err(|error| call_failed(Service::SecretsManager, "PutSecretValue", &error))?;
    Ok(())
}

/// Takes back the deletion of a secret within its recovery window.
pub(crate) async fn restore(secrets: &Client, secret: &str) -> Result<(), Error> {
    let answer = secrets.restore_secret().secret_id(secret).send().await;
    answer.map_err(|error| call_failed(Service::SecretsManager, "RestoreSecret", &error))?;
    Ok(())
}

/// Takes a label off a version; that it is on another one by now is as good.
pub(crate) async fn unlabel(
    secrets: &Client,
    secret: &str,
    label: &str,
    version_id: &str,
) -> Result<(), Error> {
    let remove = secrets.update_secret_version_stage().secret_id(secret).version_stage(label);
    match remove.remove_from_version_id(version_id).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_invalid_parameter_exception()) => {
            Ok(())
        }
        Err(error) => Err(call_failed(Service::SecretsManager, "UpdateSecretVersionStage", &error).into()),
    }
}

/// Pins the replication of an application's secret to a run.
pub(crate) async fn pin(secrets: &Client, secret: &str, run: &Run) -> Result<(), Error> {
    let pinned = Tag::builder().key(tag::PINNED).value(run.as_str()).build();
    let answer = secrets.tag_resource().secret_id(secret).tags(pinned).send().await;
    answer.map_err(|error| call_failed(Service::SecretsManager, "TagResource", &error))?;
    Ok(())
}

/// Releases that pin.
pub(crate) async fn release(secrets: &Client, secret: &str) -> Result<(), Error> {
    let answer = secrets.untag_resource().secret_id(secret).tag_keys(tag::PINNED).send().await;
    answer.map_err(|error| call_failed(Service::SecretsManager, "UntagResource", &error))?;
    Ok(())
}

/// A version identifier that follows from the two versions that a value is made of, so that a repeated write is no
/// second version: 64 hex digits. It is for everybody to see, so nothing of the value is in it.
///
/// Source: Secrets Manager API, PutSecretValue: a token has 32 to 64 characters and becomes the version's identifier.
pub(crate) fn version_token(secret: &str, [first, second]: [&str; 2]) -> String {
    let digest = Sha256::digest(format!("{secret}\n{first}\n{second}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_follows_from_the_versions_that_a_value_is_made_of() {
        let token = version_token("s", ["v1", "c1"]);
        assert_eq!(token.len(), 64);
        assert_eq!(token, version_token("s", ["v1", "c1"]));
        assert_ne!(token, version_token("s", ["v2", "c1"]));
        assert_ne!(token, version_token("s", ["v1", "c2"]));
    }
}
