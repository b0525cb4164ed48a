//! Why a group has no manifest to go by.

use crate::group_name::GroupName;
use serde_json::Value;
use std::collections::BTreeSet;
use step::{ErrorName, InvalidRequest};

/// Why a group has no manifest to go by.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum UnusableManifest {
    #[error("group {group} has no manifest: put it in SSM parameter {parameter}")]
    Missing { group: GroupName, parameter: String },
    #[error("the manifest in SSM parameter {parameter} cannot be used")]
    Invalid {
        parameter: String,
        #[source]
        source: InvalidRequest,
    },
    #[error("the manifest of group {group} refers to values that do not exist: {missing}")]
    NotFound { group: GroupName, missing: String },
}

impl UnusableManifest {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::Missing { .. } | Self::Invalid { .. } => ErrorName::InvalidManifest,
            Self::NotFound { .. } => ErrorName::ImportNotFound,
        }
    }
}

/// What replaces a type of resource of the DR Orchestrator sample. Source: aws-samples/aws-cross-region-dr-databases.
const REPLACED: [(&str, &str); 2] = [
    ("PromoteRDSReadReplica", "an rdsReadReplica"),
    ("CreateRDSReadReplica", "the rebuild of an rdsReadReplica"),
];

/// What is said of a manifest of the DR Orchestrator sample.
pub(super) fn of_the_sample(payload: &Value) -> String {
    let resources =
        payload.as_array().into_iter().flatten().filter_map(|it| it["resources"].as_array()).flatten();
    let types: BTreeSet<&str> = resources.filter_map(|it| it["resourceType"].as_str()).collect();
    let replaced = |it: &&str| REPLACED.iter().any(|(of_sample, _)| of_sample == it);
    let not_served: Vec<&str> = types.iter().copied().filter(|it| !replaced(it)).collect();
    let written: Vec<String> = REPLACED
        .iter()
        .filter(|(of_sample, _)| types.contains(of_sample))
        .map(|(of_sample, ours)| format!("{of_sample} as {ours}"))
        .collect();
    let not_served = match not_served.as_slice() {
        [] => String::new(),
        types => format!(", and Snapferry does not serve {} yet", types.join(" and ")),
    };
    let written =
        if written.is_empty() { String::new() } else { format!(", with {}", written.join(" and ")) };
    format!("this is a manifest of the DR Orchestrator sample{not_served}: write one of Snapferry's{written}")
}
