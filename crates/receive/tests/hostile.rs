//! Whatever comes out of the queue: it never panics, and what is accepted is no more than its topic may say.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use proptest::prelude::*;
use receive::plan::{HANDOFF_LIMIT_BYTES, accept, open};
use replication::TargetSettings;
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:handoff";

fn handoff() -> Value {
    json!({
        "version": 1, "replication": "orders", "run": "20261120t160812z-3f9a",
        "sourceAccountId": "111111111111", "sourceRegion": "us-east-1", "dbInstanceIdentifier": "orders-prod",
        "dbSnapshotArn": "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a-copy",
        "engine": "postgres", "engineVersion": "16.14", "allocatedStorage": 20, "dbName": "shop",
        "dataCurrentAt": "2026-11-20T16:08:12Z", "masterUsername": "app", "kmsKeyId": "arn:aws:kms:us-east-1:111111111111:key/k",
        "dbInstance": {"dbInstanceClass": "db.t4g.medium", "multiAz": true, "port": 5432},
    })
}

fn settings() -> Value {
    json!({
        "source": {"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"},
        "placement": {"dbSubnetGroupName": "private", "tags": {"team": "shop"}},
        "retention": {"copies": 3}, "verification": {"assertions": [{"name": "rows", "sql": "select 1", "atLeast": 1}]},
    })
}

/// Other text, much of it nearly right.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9:/*-]{0,80}",
        "arn:(aws|aws-cn|evil)?:rds:[a-z0-9-]{0,12}:[0-9]{0,13}:snapshot:[a-zA-Z0-9:-]{0,70}",
        "[0-9]{11,13}",
        "2026[01][0-9][0-3][0-9]t[0-9]{6}z-[0-9a-f]{3,5}",
        Just("us-east-1\n{\"level\":\"ERROR\"}".to_owned()),
        Just("x".repeat(HANDOFF_LIMIT_BYTES)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({"$ref": "x"})),
        Just(json!([[[[[[[[]]]]]]]])),
    ]
}

/// A document with some values in it, at whatever depth, replaced, removed or added.
fn changed(document: Value) -> impl Strategy<Value = Value> {
    let change = (any::<prop::sample::Index>(), 0..3usize, value(), text());
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut changed = document.clone();
        for (at, how, value, key) in changes {
            let paths = objects(&changed, "");
            let object = changed.pointer_mut(&paths[at.index(paths.len())]).unwrap().as_object_mut().unwrap();
            let keys: Vec<String> = object.keys().cloned().collect();
            let known = (!keys.is_empty()).then(|| keys[at.index(keys.len())].clone());
            match (how, known) {
                (0, Some(known)) => drop(object.insert(known, value)),
                (1, Some(known)) => drop(object.remove(&known)),
                _ => drop(object.insert(key, value)),
            }
        }
        changed
    })
}

/// Pointers to every object of a document.
fn objects(value: &Value, at: &str) -> Vec<String> {
    let Some(object) = value.as_object() else { return Vec::new() };
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let inner = object.iter().flat_map(|(key, value)| objects(value, &format!("{at}/{}", escaped(key))));
    std::iter::once(at.to_owned()).chain(inner).collect()
}

fn envelope(topic: &str, message: &str) -> String {
    json!({"Type": "Notification", "TopicArn": topic, "Message": message}).to_string()
}

/// One line: what an attacker writes into a message cannot begin another one in a log or a report.
fn told_in_one_line(error: receive::Error) -> bool {
    let diagnostic = lambda_runtime::Diagnostic::from(error);
    diagnostic.error_type.starts_with("Snapferry.") && !diagnostic.error_message.chars().any(char::is_control)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_the_queue_is_refused_in_one_line(body in any::<String>(), topic in text(), message in text()) {
        for body in [body, envelope(&topic, &message), envelope(TOPIC, &message)] {
            if let Err(error) = open(&body, &[TOPIC.to_owned()]) {
                prop_assert!(told_in_one_line(error));
            }
        }
    }

    #[test]
    fn a_hand_off_that_is_accepted_names_a_snapshot_of_its_topics_account_region_and_partition(
        message in changed(handoff()), settings in changed(settings()),
    ) {
        match open(&envelope(TOPIC, &message.to_string()), &[TOPIC.to_owned()]) {
            Err(error) => prop_assert!(told_in_one_line(error)),
            Ok(handoff) => {
                let arn = &handoff.db_snapshot_arn;
                let place = [arn.partition.as_str(), arn.region.as_str(), arn.account_id.as_str()];
                prop_assert_eq!(place, ["aws", "us-east-1", "111111111111"]);
                let copy = handoff.copy();
                prop_assert!([copy.identifier(), copy.reencrypted_identifier()].contains(&arn.db_snapshot_identifier));
                prop_assert!(arn.db_snapshot_identifier.len() <= 63);
                prop_assert!(message.to_string().len() <= HANDOFF_LIMIT_BYTES);
                if let Ok(settings) = serde_json::from_value::<TargetSettings>(settings)
                    && accept(&handoff, &settings).is_ok()
                {
                    prop_assert_eq!(settings.source.account_id.as_str(), "111111111111");
                    prop_assert_eq!(&settings.source.region, "us-east-1");
                    prop_assert_eq!(settings.source.db_instance_identifier.to_lowercase(), handoff.db_instance_identifier);
                }
            }
        }
    }

    #[test]
    fn settings_of_any_kind_are_read_or_refused_with_a_path(settings in changed(settings()), text in text()) {
        for document in [settings.to_string(), text] {
            match lambda_support::parse_settings(&document) {
                Err(error) => prop_assert!(!error.to_string().is_empty()),
                Ok(settings) => {
                    prop_assert!(settings.retention.copies.as_u64() <= 10);
                    prop_assert!(settings.placement.tags.keys().all(|key| !key.starts_with("snapferry:")));
                    prop_assert!(settings.contradiction().is_none());
                }
            }
        }
    }
}
