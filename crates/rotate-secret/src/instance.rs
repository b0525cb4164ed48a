//! A look at the run's DB instance, which both steps begin with.

use crate::Error;
use aws_sdk_rds::Client;
use lambda_support::{Service, found, tags};
use replication::{Copy, InstanceStatus, Tags, made_here};

/// What was seen of a DB instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceSeen {
    /// Its ARN.
    pub arn: String,
    /// RDS's status.
    pub status: String,
    /// Address and port, once RDS names them.
    pub endpoint: Option<(String, i32)>,
    /// RDS's engine name.
    pub engine: String,
    /// The master user.
    pub master_username: String,
    /// The database that it was created with, where RDS knows one.
    pub db_name: Option<String>,
    /// Whether a change of the master password is not applied yet.
    pub password_pending: bool,
    /// The security groups that are attached or being attached.
    pub vpc_security_group_ids: Vec<String>,
    /// Whether deletion is refused.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: Tags,
}

impl InstanceSeen {
    /// Whether the instance is this run's and may still come good.
    pub(crate) fn check(&self, copy: &Copy) -> Result<(), Error> {
        let identifier = copy.identifier();
        if made_here(&identifier, &self.tags).as_ref() != Some(copy) {
            return Err(Error::DbInstanceNotOurs(identifier));
        }
        match InstanceStatus::of(&self.status) {
            InstanceStatus::Hopeless => Err(Error::RestoreFailed { identifier, status: self.status.clone() }),
            InstanceStatus::Usable | InstanceStatus::Waiting => Ok(()),
        }
    }

    /// Whether it works now.
    pub(crate) fn is_usable(&self) -> bool {
        InstanceStatus::of(&self.status) == InstanceStatus::Usable
    }
}

/// The DB instance of that name.
pub(crate) async fn find(rds: &Client, identifier: &str) -> Result<Option<InstanceSeen>, Error> {
    let answer = rds.describe_db_instances().db_instance_identifier(identifier).send().await;
    let answer = found(Service::Rds, "DescribeDBInstances", answer, |e| e.is_db_instance_not_found_fault())?;
    let Some(it) = answer.and_then(|it| it.db_instances?.into_iter().next()) else { return Ok(None) };
    Ok(Some(InstanceSeen {
        arn: it.db_instance_arn.unwrap_or_default(),
        status: it.db_instance_status.unwrap_or_default(),
        endpoint: it.endpoint.and_then(|endpoint| Some((endpoint.address?, endpoint.port?))),
        engine: it.engine.unwrap_or_default(),
        master_username: it.master_username.unwrap_or_default(),
        db_name: it.db_name,
        password_pending: it
            .pending_modified_values
            .is_some_and(|pending| pending.master_user_password.is_some()),
        vpc_security_group_ids: it
            .vpc_security_groups
            .unwrap_or_default()
            .into_iter()
            .filter_map(|group| group.vpc_security_group_id)
            .collect(),
        deletion_protection: it.deletion_protection.unwrap_or_default(),
        tags: tags(it.tag_list, |it| (it.key, it.value)),
    }))
}
