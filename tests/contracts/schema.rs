//! The JSON schema of the target's settings, for editors and for the people who write them.

use replication::TargetSettings;
use serde_json::Value;
use std::path::Path;

/// Run with `UPDATE=1` to write the file anew after a change of the settings.
#[test]
fn the_schema_of_the_settings_is_the_one_that_the_code_reads() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloudformation/target-settings.schema.json");
    let schema = schemars::schema_for!(TargetSettings);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
    // Not by their texts: in which order keys are written depends on what else is built.
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, serde_json::to_value(&schema).unwrap(), "run this test with UPDATE=1");
}
