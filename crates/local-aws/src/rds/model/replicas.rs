//! Read replicas: what a DB instance that follows another one is besides, and the rules for both.

use std::sync::Arc;

use super::{engine::Engine, instances::Instance, refusal::Refusal, state::State};
use crate::servers::link::{Flow, Link};

/// What a DB instance is besides while it follows another one.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The source's resource id, which a rename does not change.
    pub source: String,
    /// The source's ARN, as it was last.
    pub source_arn: String,
    /// The way that the changes take.
    pub link: Arc<Link>,
    /// The slot in which the source keeps them until they have arrived.
    pub slot: String,
    /// The security groups of the source that let the changes pass, while others cut the link.
    pub passes_with: Option<Vec<String>>,
    /// The source was deleted.
    pub terminated: bool,
    /// PromoteReadReplica was called.
    pub promoting: bool,
}

impl Replica {
    /// The status of its replication, in RDS's words. Source: RDS API, DBInstanceStatusInfo.
    pub fn status(&self) -> &'static str {
        match (self.terminated, self.link.flow()) {
            (true, _) => "terminated",
            // RDS does not see that nothing arrives while the connection stands.
            (false, Flow::Flows | Flow::Stalls) => "replicating",
            (false, Flow::IsCut) => "error",
        }
    }
}

impl State {
    /// The replicas of the DB instance with this resource id.
    pub fn replicas_of<'a>(&'a self, resource_id: &'a str) -> impl Iterator<Item = &'a Instance> {
        self.instances
            .values()
            .filter(move |it| it.replica.as_ref().is_some_and(|it| it.source == resource_id))
    }

    /// How a DB instance names its source, and a source its replica: by an ARN where they are in two Regions.
    pub fn named_from(&self, from: &Instance, to: &Instance) -> String {
        if from.place == to.place { to.identifier.clone() } else { to.arn() }
    }

    /// The source that a replica names; one that was deleted keeps its name.
    pub fn source_of(&self, replica: &Instance) -> Option<String> {
        let of = replica.replica.as_ref()?;
        let source = self.instances.get(&of.source);
        Some(source.map_or_else(|| of.source_arn.clone(), |it| self.named_from(replica, it)))
    }

    /// Refuses a DB instance that cannot be the source of a replica.
    /// Source: RDS User Guide, USER_ReadRepl; the text is AWS's.
    pub fn may_be_source(&self, source: &Instance) -> Result<(), Refusal> {
        if source.replica.is_some() {
            let message = "The local AWS makes no replica of a replica.";
            return Err(Refusal::InvalidDbInstanceState(message.to_owned()));
        }
        if !source.is_backed_up() {
            let message = "Automated backups are not enabled for this database instance. To enable automated backups, \
                           use ModifyDBInstance to set the backup retention period to a non-zero value.";
            return Err(Refusal::InvalidDbInstanceState(message.to_owned()));
        }
        Ok(())
    }

    /// Refuses to stop a DB instance that is a replica or has one.
    /// Source: RDS User Guide, USER_StopInstance; seen on AWS: base2Services/cfn-start-stop-stack#65.
    pub fn may_be_stopped(&self, resource_id: &str) -> Result<(), Refusal> {
        let Some(instance) = self.instances.get(resource_id) else { return Ok(()) };
        let has_one = self.replicas_of(resource_id).next().is_some();
        match (instance.replica.is_some(), has_one) {
            (false, false) => Ok(()),
            (true, _) => {
                let message = "Cannot stop or start a Read-Replica instance";
                Err(Refusal::InvalidDbInstanceState(message.to_owned()))
            }
            (false, true) => {
                let message =
                    format!("Cannot stop {}: it is the source of a read replica", instance.identifier);
                Err(Refusal::InvalidDbInstanceState(message))
            }
        }
    }

    /// Refuses a new master password of a replica, and a source without automated backups.
    /// Seen on AWS: terraform-aws-modules/terraform-aws-rds#526.
    pub fn may_be_modified(
        &self,
        resource_id: &str,
        password: bool,
        backups_end: bool,
    ) -> Result<(), Refusal> {
        let is_replica = self.instances.get(resource_id).is_some_and(|it| {
            // The text is of PostgreSQL; a MariaDB has a password of its own.
            it.replica.is_some() && it.database.engine == Engine::Postgres
        });
        let has_one = self.replicas_of(resource_id).next().is_some();
        let message = match (is_replica && password, has_one && backups_end) {
            (true, _) => {
                "Cannot change master user password on an RDS postgres Read Replica because it uses physical replication \
                 and therefore cannot differ from its parent."
            }
            (false, true) => "Backups cannot be disabled on a DB instance that has read replicas.",
            (false, false) => return Ok(()),
        };
        Err(Refusal::InvalidParameterCombination(message.to_owned()))
    }
}
