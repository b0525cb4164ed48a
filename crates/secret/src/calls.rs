//! The calls about secrets.

use crate::reading::{Reading, Version};
use crate::value::SecretValue;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use jiff::Timestamp;
use lambda_support::{CallFailed, Service, call_failed, found, tags};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use step::Tags;

/// The label of the version that is current.
pub const AWSCURRENT: &str = "AWSCURRENT";
/// The label of the version that was current before.
pub const AWSPREVIOUS: &str = "AWSPREVIOUS";
/// The label of the version that a rotation is about to make current.
pub const AWSPENDING: &str = "AWSPENDING";

/// Length of a new password, in letters and digits. Oracle takes 30 at most, and 30 hold 178 bits.
const PASSWORD_LENGTH: i64 = 30;

/// A secret without its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretSeen {
    /// Labels by version.
    pub labels: BTreeMap<String, Vec<String>>,
    /// Its tags.
    pub tags: Tags,
}

impl SecretSeen {
    /// The version that carries a label.
    pub fn version_with(&self, label: &str) -> Option<&str> {
        let mut versions = self.labels.iter();
        versions.find(|(_, labels)| labels.iter().any(|it| it == label)).map(|(version, _)| version.as_str())
    }
}

/// A secret in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretListed {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

/// Reads the current version of a secret, which is given by name or ARN.
pub async fn read_current(secrets: &Client, secret: &str) -> Result<Reading, CallFailed> {
    let answer = secrets.get_secret_value().secret_id(secret).version_stage(AWSCURRENT).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception()) => {
            return Ok(Reading::Missing);
        }
        Err(error) => {
            let failed = call_failed(Service::SecretsManager, "GetSecretValue", &error);
            // The service has no other reason to call a read of AWSCURRENT an invalid request.
            let deleted = failed.code == "InvalidRequestException";
            return if deleted { Ok(Reading::Deleted(failed)) } else { Err(failed) };
        }
    };
    let Some(text) = answer.secret_string() else { return Ok(Reading::Binary) };
    let Some(value) = SecretValue::parse(text) else { return Ok(Reading::NotJson) };
    Ok(Reading::Found(Version {
        version_id: answer.version_id.unwrap_or_default(),
        arn: answer.arn.unwrap_or_default(),
        value,
    }))
}

/// Labels and tags of a secret; `None` when there is no such secret.
pub async fn describe(secrets: &Client, secret: &str) -> Result<Option<SecretSeen>, CallFailed> {
    let answer = secrets.describe_secret().secret_id(secret).send().await;
    let answer =
        found(Service::SecretsManager, "DescribeSecret", answer, |e| e.is_resource_not_found_exception())?;
    Ok(answer.map(|it| SecretSeen {
        labels: it.version_ids_to_stages.unwrap_or_default().into_iter().collect(),
        tags: tags(it.tags, |it| (it.key, it.value)),
    }))
}

/// Every secret whose name begins so, from all pages.
pub async fn list(secrets: &Client, prefix: &str) -> Result<Vec<SecretListed>, CallFailed> {
    let named = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let mut pages = secrets.list_secrets().filters(named).into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::SecretsManager, "ListSecrets", &error))?;
        all.extend(page.secret_list.unwrap_or_default().into_iter().map(|it| SecretListed {
            name: it.name.unwrap_or_default(),
            created_at: it.created_date.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            tags: tags(it.tags, |it| (it.key, it.value)),
        }));
    }
    Ok(all)
}

/// A new password of letters and digits.
pub async fn random_password(secrets: &Client) -> Result<String, CallFailed> {
    let get = secrets.get_random_password().password_length(PASSWORD_LENGTH).exclude_punctuation(true);
    let answer = get.send().await;
    let answer = answer.map_err(|error| call_failed(Service::SecretsManager, "GetRandomPassword", &error))?;
    Ok(answer.random_password.unwrap_or_default())
}

/// Makes a secret. One of that name that exists already is left as it is.
pub async fn create(
    secrets: &Client,
    name: &str,
    description: &str,
    value: &SecretValue,
    tags: Tags,
) -> Result<(), CallFailed> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let create = secrets.create_secret().name(name).description(description).secret_string(value.text());
    match create.set_tags(Some(tags.collect())).send().await {
        Err(error) if error.as_service_error().is_some_and(|it| it.is_resource_exists_exception()) => Ok(()),
        answer => made("CreateSecret", answer),
    }
}

/// Puts a new version of this identifier under a label. The same text put again is the same version; another text under
/// the same identifier fails, see [`is_other_value`].
pub async fn put(
    secrets: &Client,
    secret: &str,
    text: String,
    version_id: &str,
    label: &str,
) -> Result<(), CallFailed> {
    let put = secrets.put_secret_value().secret_id(secret).client_request_token(version_id);
    made("PutSecretValue", put.secret_string(text).version_stages(label).send().await)
}

/// Whether a new version was refused because its identifier already stands for another value.
pub fn is_other_value(failed: &CallFailed) -> bool {
    failed.code == "ResourceExistsException"
}

/// Moves a label from the version that has it to another one; `false` when it is no longer where it was seen.
pub async fn move_label(
    secrets: &Client,
    secret: &str,
    label: &str,
    from_version_id: &str,
    to_version_id: Option<&str>,
) -> Result<bool, CallFailed> {
    let update = secrets.update_secret_version_stage().secret_id(secret).version_stage(label);
    let update = update.remove_from_version_id(from_version_id);
    match update.set_move_to_version_id(to_version_id.map(str::to_owned)).send().await {
        Err(error) if error.as_service_error().is_some_and(|it| it.is_invalid_parameter_exception()) => {
            Ok(false)
        }
        answer => made("UpdateSecretVersionStage", answer).map(|()| true),
    }
}

/// Puts a tag on a secret.
pub async fn tag(secrets: &Client, secret: &str, key: &str, value: &str) -> Result<(), CallFailed> {
    let tag = Tag::builder().key(key).value(value).build();
    made("TagResource", secrets.tag_resource().secret_id(secret).tags(tag).send().await)
}

/// Takes a tag off a secret.
pub async fn untag(secrets: &Client, secret: &str, key: &str) -> Result<(), CallFailed> {
    made("UntagResource", secrets.untag_resource().secret_id(secret).tag_keys(key).send().await)
}

/// Takes back the deletion of a secret within its recovery window.
pub async fn restore(secrets: &Client, secret: &str) -> Result<(), CallFailed> {
    made("RestoreSecret", secrets.restore_secret().secret_id(secret).send().await)
}

/// Deletes a secret with the shortest recovery window, 7 days: an operator may still need what it says. A secret that is
/// gone, or scheduled for deletion already, is left as it is.
pub async fn delete(secrets: &Client, secret: &str) -> Result<(), CallFailed> {
    match secrets.delete_secret().secret_id(secret).recovery_window_in_days(7).send().await {
        Err(error)
            if error.as_service_error().is_some_and(|it| {
                it.is_resource_not_found_exception() || it.is_invalid_request_exception()
            }) =>
        {
            Ok(())
        }
        answer => made("DeleteSecret", answer),
    }
}

/// A version identifier that follows from the two versions that a value is made of, so that a repeated write is no
/// second version: 64 hex digits. Everybody may see it, so nothing of the value is in it.
///
/// Source: Secrets Manager API, PutSecretValue: a token has 32 to 64 characters and becomes the version's identifier.
pub fn version_id_of(secret: &str, [first, second]: [&str; 2]) -> String {
    let digest = Sha256::digest(format!("{secret}\n{first}\n{second}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn made<T, E>(
    operation: &'static str,
    answer: Result<T, aws_sdk_secretsmanager::error::SdkError<E>>,
) -> Result<(), CallFailed>
where
    E: aws_sdk_secretsmanager::error::ProvideErrorMetadata,
{
    answer.map(|_| ()).map_err(|error| call_failed(Service::SecretsManager, operation, &error))
}
