//! Looks: what there is in the account, whoever made it.

use crate::Error;
use crate::live::{Application, Says};
use crate::plan::{Kind, Thing};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use jiff::Timestamp;
use lambda_support::{Service, call_failed, found, tags};
use replication::{ReplicationName, Run, tag};
use serde_json::{Map, Value};

/// What the application's secret says; one that is gone, empty or not to be understood says nothing.
pub(crate) async fn application(
    secrets: &aws_sdk_secretsmanager::Client,
    secret: &str,
) -> Result<Application, Error> {
    let answer = secrets.get_secret_value().secret_id(secret).version_stage("AWSCURRENT").send().await;
    // A secret that is scheduled for deletion is an invalid request.
    let answer = found(Service::SecretsManager, "GetSecretValue", answer, |e| {
        e.is_resource_not_found_exception() || e.is_invalid_request_exception()
    })?;
    let value: Option<Map<String, Value>> =
        answer.and_then(|it| it.secret_string).and_then(|text| serde_json::from_str(&text).ok());
    let says = value.map(|value| {
        let text = |key: &str| value.get(key)?.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
        Says {
            db_instance_identifier: text("dbInstanceIdentifier"),
            endpoint: text("host").map(|host| (host, value.get("port").and_then(Value::as_i64))),
        }
    });

    let answer = secrets.describe_secret().secret_id(secret).send().await;
    let answer =
        found(Service::SecretsManager, "DescribeSecret", answer, |e| e.is_resource_not_found_exception())?;
    let tags = answer.and_then(|it| it.tags).unwrap_or_default();
    let pinned = tags.into_iter().find(|it| it.key() == Some(tag::PINNED)).and_then(|it| it.value);
    Ok(Application { says, pinned: pinned.map(Run::try_from).transpose() })
}

/// All manual DB snapshots of the account.
pub(crate) async fn snapshots(rds: &aws_sdk_rds::Client) -> Result<Vec<Thing>, Error> {
    let mut pages = rds.describe_db_snapshots().snapshot_type("manual").into_paginator().send();
    let mut things = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::Rds, "DescribeDBSnapshots", &error))?;
        things.extend(page.db_snapshots.unwrap_or_default().into_iter().map(|it| Thing {
            identifier: it.db_snapshot_identifier.unwrap_or_default(),
            made_at: it.snapshot_create_time.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            kind: Kind::Snapshot,
            status: it.status.unwrap_or_default(),
            tags: tags(it.tag_list, |it| (it.key, it.value)),
        }));
    }
    Ok(things)
}

/// All DB instances of the account.
pub(crate) async fn instances(rds: &aws_sdk_rds::Client) -> Result<Vec<Thing>, Error> {
    let mut pages = rds.describe_db_instances().into_paginator().send();
    let mut things = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::Rds, "DescribeDBInstances", &error))?;
        things.extend(page.db_instances.unwrap_or_default().into_iter().map(|it| Thing {
            identifier: it.db_instance_identifier.unwrap_or_default(),
            made_at: it.instance_create_time.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            kind: Kind::Instance {
                deletion_protection: it.deletion_protection.unwrap_or_default(),
                endpoint: it.endpoint.and_then(|it| Some((it.address?, it.port?.into()))),
            },
            status: it.db_instance_status.unwrap_or_default(),
            tags: tags(it.tag_list, |it| (it.key, it.value)),
        }));
    }
    Ok(things)
}

/// All secrets that are named as this replication's are.
pub(crate) async fn secrets(
    secrets: &aws_sdk_secretsmanager::Client,
    replication: &ReplicationName,
) -> Result<Vec<Thing>, Error> {
    let prefix = format!("snapferry/{replication}/");
    let named = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let mut pages = secrets.list_secrets().filters(named).into_paginator().send();
    let mut things = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::SecretsManager, "ListSecrets", &error))?;
        things.extend(page.secret_list.unwrap_or_default().into_iter().map(|it| Thing {
            identifier: it.name.unwrap_or_default(),
            made_at: it.created_date.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            kind: Kind::Secret,
            status: String::new(),
            tags: tags(it.tags, |it| (it.key, it.value)),
        }));
    }
    Ok(things)
}
