//! What was seen of the account's resources, and which of them this replication made; sees only its arguments.

use database::Endpoint;
use jiff::Timestamp;
use replication::{ReplicationName, Run, RunId};
use std::collections::BTreeSet;
use step::Tags;

/// What kind of resource was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A database.
    Database {
        /// Whether RDS refuses to delete it.
        protected: bool,
        /// Where it answers, once RDS says so.
        endpoint: Option<Endpoint>,
    },
    /// A manual DB snapshot.
    Snapshot,
    /// A copy's secret.
    Secret,
    /// A log group that RDS made for the logs that a DB instance exports.
    LogGroup,
}

/// A resource of the account, before it is known who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its identifier or name.
    pub identifier: String,
    /// What it is.
    pub kind: Kind,
    /// RDS's status; empty for a secret or a log group.
    pub status: String,
    /// When it was made, where that is known.
    pub created_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

/// A resource that this replication made, and the run that did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The run.
    pub run: RunId,
    /// The resource.
    pub resource: Resource,
}

/// Keeps the resources that this replication made; all others are invisible from here on.
///
/// RDS puts no tags on a log group, so its name is the only proof: the group of a DB instance that somebody else gave
/// such a name, and deleted, cannot be told apart. While a DB instance or a snapshot of that name is there that is not
/// ours, the group is not ours either.
pub fn owned(resources: Vec<Resource>, replication: &ReplicationName) -> Vec<Owned> {
    let made_by = |it: &Resource| match it.kind {
        Kind::Secret => Run::that_made_secret(&it.identifier, &it.tags),
        Kind::Database { .. } | Kind::Snapshot => Run::that_made(&it.identifier, &it.tags),
        Kind::LogGroup => Run::of_log_group(&it.identifier),
    };
    let others = resources.iter().filter(|it| made_by(it).is_none());
    let taken: BTreeSet<Run> = others.filter_map(|it| Run::named(&it.identifier)).collect();
    let maker = |it: &Resource| made_by(it).filter(|run| it.kind != Kind::LogGroup || !taken.contains(run));
    let ours = resources.into_iter().filter_map(|resource| Some((maker(&resource)?, resource)));
    ours.filter(|(run, _)| run.replication == *replication)
        .map(|(run, resource)| Owned { run: run.id, resource })
        .collect()
}
