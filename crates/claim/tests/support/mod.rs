//! What the tests of both functions share.

use serde_json::{Value, json};

pub const HERE: &str = "eu-west-1";
pub const THERE: &str = "eu-central-1";
pub const OURS: &str = "/snapferry/groups/shop/epochs/7-eu-west-1";

/// A failover from Frankfurt to Ireland.
pub fn failover() -> Value {
    json!({
        "group": "shop", "epoch": "7-eu-west-1", "mode": "planned", "from": THERE, "to": HERE,
        "executionArn": "arn:execution", "startedAt": "2026-11-28T20:00:00Z",
    })
}
