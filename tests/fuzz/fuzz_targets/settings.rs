//! The target's settings: no panic, nothing out of range, no tag of Snapferry's own.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &str| {
    let Ok(settings) = lambda_support::parse_settings(document) else { return };
    assert!(settings.retention.copies.as_u64() <= 10);
    assert!(settings.placement.tags.keys().all(|key| !key.starts_with("snapferry:")));
    let again = serde_json::to_string(&settings).unwrap();
    assert_eq!(lambda_support::parse_settings(&again).unwrap(), settings);
});
