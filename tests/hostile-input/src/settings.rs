//! The target's settings.

use replication::TargetSettings;

/// Settings that are read have nothing out of range and no tag of Snapferry's own, and say the same when they are
/// passed on.
pub fn settings(document: &str) -> bool {
    let settings = match TargetSettings::from_json(document) {
        Ok(settings) => settings,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    assert!(settings.retention.copies.as_u64() <= 10);
    assert!(settings.placement.tags.keys().all(|key| !key.starts_with("snapferry:")));
    assert!(settings.contradiction().is_none());
    let again = serde_json::to_string(&settings).unwrap();
    assert_eq!(TargetSettings::from_json(&again).unwrap(), settings);
    true
}
