//! A message out of the queue.

use crate::refused;
use receive::plan::{HANDOFF_LIMIT_BYTES, read_handoff};
use serde_json::json;

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:handoff";

/// A hand-off that its topic published: it names a snapshot of the topic's own account, Region and partition, and no
/// other than its run's. As the queue's own text it is never accepted.
pub fn handoff(message: &str) -> bool {
    let accepted = [TOPIC.to_owned()];
    if let Err(error) = read_handoff(message, &accepted) {
        refused(error);
    }
    let envelope = json!({"Type": "Notification", "TopicArn": TOPIC, "Message": message}).to_string();
    let handoff = match read_handoff(&envelope, &accepted) {
        Ok(handoff) => handoff,
        Err(error) => return refused(error),
    };
    let arn = &handoff.db_snapshot_arn;
    let place = [arn.partition.as_str(), arn.region.as_str(), arn.account_id.as_str()];
    assert_eq!(place, ["aws", "us-east-1", "111111111111"]);
    assert!(arn.db_snapshot_identifier.len() <= 63 && message.len() <= HANDOFF_LIMIT_BYTES);
    let run = handoff.run();
    assert!([run.identifier(), run.reencrypted_identifier()].contains(&arn.db_snapshot_identifier));
    true
}
