//! What a step is asked that needs no more than the failover and the resource.

use crate::epoch::EpochId;
use crate::group_name::GroupName;
use crate::resource::{ReadReplica, Resource};
use crate::run::Mode;
use serde::Deserialize;
use step::{Deadline, InvalidRequest, Waiting};

/// The failover, and the resource that the step is about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepRequest {
    /// The group.
    pub group: GroupName,
    /// The epoch that the failover begins.
    pub epoch: EpochId,
    /// Whether the old Region takes part.
    pub mode: Mode,
    /// The resource.
    pub resource: Resource,
    /// How long the stage may wait in all.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

impl Resource {
    /// The read replica, for a step that serves no other kind; `does` says what the step does with it.
    ///
    /// Errors: [`InvalidRequest`] at `resource.kind`.
    pub fn into_read_replica(self, does: &str) -> Result<ReadReplica, InvalidRequest> {
        match self {
            Self::RdsReadReplica(replica) => Ok(*replica),
            Self::Secret(_) => {
                let message = format!("only a read replica {does}");
                Err(InvalidRequest { path: "resource.kind".to_owned(), message })
            }
        }
    }
}
