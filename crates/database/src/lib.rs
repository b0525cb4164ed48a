//! A database of RDS, DB instance or DB cluster, and its snapshots.
//!
//! [`Database`] has the calls, [`DatabaseSeen`] and [`SnapshotSeen`] are what a look saw, [`Condition`] is what a status
//! means, and [`Refusal`] is what RDS means when it refuses a call.

mod changes;
mod identity;
mod last_run;
mod rds;
mod refusal;
mod seen;
pub mod snapshot;
mod status;

pub use changes::{Changes, Monitoring, PerformanceInsights};
pub use identity::Database;
pub use last_run::{at_work, keep_seconds, last_snapshot_seconds, started};
pub use rds::{add_tag, add_tags, remove_tag};
pub use refusal::{Refusal, busy_or_failed};
pub use seen::{DatabaseSeen, Endpoint, ParameterGroup};
pub use snapshot::SnapshotSeen;
pub use status::Condition;

use aws_sdk_rds::types::{self, Tag};
use replication::ProcessorFeature;
use step::Tags;

/// Tags as RDS takes them.
pub fn tag_list(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Processor features as RDS takes them.
pub fn processor_features(features: Vec<ProcessorFeature>) -> Vec<types::ProcessorFeature> {
    let feature =
        |it: ProcessorFeature| types::ProcessorFeature::builder().name(it.name).value(it.value).build();
    features.into_iter().map(feature).collect()
}
