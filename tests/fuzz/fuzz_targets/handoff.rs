//! A message out of the queue: no panic, and no snapshot that its topic may not speak of.
#![no_main]

use libfuzzer_sys::fuzz_target;
use receive::plan::{HANDOFF_LIMIT_BYTES, open};
use serde_json::json;

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:handoff";

fuzz_target!(|message: &str| {
    let accepted = [TOPIC.to_owned()];
    let _ = open(message, &accepted);
    let envelope = json!({"Type": "Notification", "TopicArn": TOPIC, "Message": message}).to_string();
    let Ok(handoff) = open(&envelope, &accepted) else { return };
    let arn = &handoff.db_snapshot_arn;
    assert_eq!([arn.partition.as_str(), arn.region.as_str(), arn.account_id.as_str()], ["aws", "us-east-1", "111111111111"]);
    assert!(arn.db_snapshot_identifier.len() <= 63 && message.len() <= HANDOFF_LIMIT_BYTES);
    let copy = handoff.copy();
    assert!([copy.identifier(), copy.reencrypted_identifier()].contains(&arn.db_snapshot_identifier));
});
