//! Whatever comes from outside, nearly right: seeds that were changed a little. `scripts/fuzz` goes further.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use receive::plan::{HANDOFF_LIMIT_BYTES, accept, read_handoff};
use replication::TargetSettings;
use serde_json::{Value, json};
use std::path::Path;

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:handoff";

/// A seed of the fuzz targets.
fn seed(name: &str) -> String {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    std::fs::read_to_string(seeds.join(name)).unwrap()
}

fn document(name: &str) -> Value {
    serde_json::from_str(&seed(name)).unwrap()
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

/// A text with some pieces of it taken out, doubled, or replaced.
fn scrambled(text: String) -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..12usize, 0..3usize, self::text());
    prop::collection::vec(change, 0..5).prop_map(move |changes| {
        let mut letters: Vec<char> = text.chars().collect();
        for (at, length, how, other) in changes {
            let at = at.index(letters.len() + 1);
            let piece = at..(at + length).min(letters.len());
            let other = match how {
                0 => Vec::new(),
                1 => letters[piece.clone()].repeat(2),
                _ => other.chars().take(200).collect(),
            };
            letters.splice(piece, other);
        }
        letters.into_iter().collect()
    })
}

#[test]
fn every_seed_is_accepted() {
    assert!(hostile_input::handoff(&seed("handoff/handoff.json")));
    assert!(hostile_input::settings(&seed("settings/whole.json")));
    assert!(
        hostile_input::start(&seed("input/whole.json")) && hostile_input::start(&seed("input/resumed.json"))
    );
    assert!(hostile_input::rollback(&seed("input/rollback.json")));
    assert!(
        hostile_input::secret(&seed("secret/with-others.json"))
            && hostile_input::secret(&seed("secret/empty.json"))
    );
    assert!(hostile_input::tags(&seed("tags/a-run")));
    assert!(hostile_input::ended(&seed("ended/source")) && hostile_input::ended(&seed("ended/target")));
    // A rollback that failed deletes nothing.
    assert!(!hostile_input::ended(&seed("ended/rollback")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_the_queue_is_refused_in_one_line(body in any::<String>(), message in text()) {
        for text in [body, message] {
            prop_assert!(!hostile_input::handoff(&text));
        }
    }

    #[test]
    fn a_topic_that_is_not_accepted_hands_off_nothing(topic in text(), message in changed(document("handoff/handoff.json"))) {
        let envelope = json!({"Type": "Notification", "TopicArn": topic, "Message": message.to_string()}).to_string();
        prop_assert!(read_handoff(&envelope, &[TOPIC.to_owned()]).is_err());
    }

    #[test]
    fn a_hand_off_that_is_accepted_names_a_snapshot_of_its_topics_account_region_and_partition(
        message in changed(document("handoff/handoff.json")), settings in changed(document("settings/whole.json")),
    ) {
        let message = message.to_string();
        if hostile_input::handoff(&message)
            && let Ok(settings) = serde_json::from_value::<TargetSettings>(settings)
        {
            let envelope = json!({"Type": "Notification", "TopicArn": TOPIC, "Message": message}).to_string();
            let handoff = read_handoff(&envelope, &[TOPIC.to_owned()]).unwrap();
            if accept(&handoff, &settings, handoff.run.began_at()).is_ok() {
                prop_assert_eq!(settings.source.account_id.as_str(), "111111111111");
                prop_assert_eq!(&settings.source.region, "us-east-1");
                prop_assert_eq!(settings.source.db_instance_identifier.to_lowercase(), handoff.db_instance_identifier);
            }
        }
    }

    #[test]
    fn settings_of_any_kind_are_read_or_refused(settings in changed(document("settings/whole.json")), text in text()) {
        for document in [settings.to_string(), text] {
            hostile_input::settings(&document);
        }
    }

    #[test]
    fn any_input_names_runs_as_rds_takes_them(
        input in changed(document("input/whole.json")), rollback in changed(document("input/rollback.json")),
    ) {
        hostile_input::start(&input.to_string());
        hostile_input::rollback(&rollback.to_string());
    }

    #[test]
    fn what_others_wrote_into_any_secret_stays(secret in changed(document("secret/with-others.json"))) {
        hostile_input::secret(&secret.to_string());
    }

    #[test]
    fn nothing_is_snapferrys_whose_tags_and_name_disagree(things in scrambled(seed("tags/a-run"))) {
        hostile_input::tags(&things);
    }

    #[test]
    fn a_report_of_any_failure_is_one_that_sns_takes(event in scrambled(seed("ended/source"))) {
        hostile_input::ended(&event);
    }
}
