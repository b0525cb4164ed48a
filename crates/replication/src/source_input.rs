//! The input of a source execution.

use crate::replication_name::ReplicationName;
use crate::retention::SourceRetention;
use crate::run_id::RunId;
use serde::{Deserialize, Serialize};
use step::{AccountId, Deadline, stage_deadline};

/// What a source execution is started with; the settings of one replication travel in it, so that one deployed stack
/// serves many replications.
///
/// `{"replication": "orders", "source": {"dbInstanceIdentifier": "orders-prod"}, "targetAccountId": "222222222222"}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceInput {
    /// The replication.
    pub replication: ReplicationName,
    /// What is replicated.
    pub source: SourceDb,
    /// The account that may copy the snapshot.
    pub target_account_id: AccountId,
    /// ARNs of keys that the target account may use: a snapshot under one of them is shared as it is, which keeps
    /// copies across accounts incremental.
    #[serde(default)]
    pub shareable_keys: Vec<String>,
    /// `true`: re-encrypt even a snapshot under a shareable key. `false`: never re-encrypt; a snapshot that cannot be
    /// shared as it is fails the run. Unsaid: re-encrypt what is not under a shareable key.
    #[serde(default)]
    pub force_copy: Option<bool>,
    /// What is kept in the source account.
    #[serde(default)]
    pub retention: SourceRetention,
    /// How long a stage may wait in all, in seconds; 24 h unless said.
    #[serde(default = "stage_deadline")]
    pub stage_deadline_seconds: Deadline,
    /// The tick of the schedule that started this, RFC 3339: ticks delivered twice make one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<String>,
    /// The run to resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// What is replicated: `{"dbInstanceIdentifier": …}` or `{"dbClusterIdentifier": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceDb {
    /// A DB instance.
    DbInstanceIdentifier(String),
    /// A DB cluster; refused by name until clusters are served.
    DbClusterIdentifier(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_shortest_input_has_the_documented_defaults() {
        let input: SourceInput = serde_json::from_value(json!({
            "replication": "orders", "source": {"dbInstanceIdentifier": "orders-prod"}, "targetAccountId": "222222222222"
        }))
        .unwrap();
        assert_eq!(input.source, SourceDb::DbInstanceIdentifier("orders-prod".to_owned()));
        assert_eq!(serde_json::to_value(&input.retention).unwrap(), json!({"runs": 2, "minAgeHours": 72}));
        assert_eq!(input.stage_deadline_seconds.as_u64(), 86_400);
        assert_eq!(input.force_copy, None);
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let input = json!({
            "replication": "orders", "source": {"dbInstanceIdentifier": "orders-prod"},
            "targetAccountId": "222222222222", "retain": 3
        });
        assert!(serde_json::from_value::<SourceInput>(input).is_err());
    }
}
