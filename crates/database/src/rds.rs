//! The calls about a database.

use crate::changes::Changes;
use crate::identity::Database;
use crate::seen::DatabaseSeen;
use crate::tag_list;
use aws_sdk_rds::Client;
use lambda_support::{CallFailed, Service, call_failed, found};
use step::Tags;

impl Database {
    /// Looks at it; `None` when it does not exist. A member of a cluster is refused as its cluster is.
    pub async fn find(&self, rds: &Client) -> Result<Option<DatabaseSeen>, CallFailed> {
        let answer = rds.describe_db_instances().db_instance_identifier(self.served()?).send().await;
        let answer =
            found(Service::Rds, "DescribeDBInstances", answer, |e| e.is_db_instance_not_found_fault())?;
        let seen = answer.and_then(|it| it.db_instances?.into_iter().next()).map(DatabaseSeen::from);
        if let Some(cluster) = seen.as_ref().and_then(|it| it.member_of.clone()) {
            Self::Cluster(cluster).served()?;
        }
        Ok(seen)
    }

    /// Every DB instance of the account and Region, from all pages.
    pub async fn list(rds: &Client) -> Result<Vec<DatabaseSeen>, CallFailed> {
        let mut pages = rds.describe_db_instances().into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_failed(Service::Rds, "DescribeDBInstances", &error))?;
            all.extend(page.db_instances.unwrap_or_default().into_iter().map(DatabaseSeen::from));
        }
        Ok(all)
    }

    /// Creates a manual snapshot of it.
    pub async fn create_snapshot(
        &self,
        rds: &Client,
        db_snapshot_identifier: &str,
        tags: Tags,
    ) -> Result<(), CallFailed> {
        let create = rds.create_db_snapshot().db_instance_identifier(self.served()?);
        let create = create.db_snapshot_identifier(db_snapshot_identifier).set_tags(Some(tag_list(tags)));
        made("CreateDBSnapshot", create.send().await)
    }

    /// Changes settings, at once.
    pub async fn modify(&self, rds: &Client, changes: Changes) -> Result<(), CallFailed> {
        let modify = rds.modify_db_instance().db_instance_identifier(self.served()?);
        made("ModifyDBInstance", changes.put_into(modify).send().await)
    }

    /// Sets the master user's password, which never waits for the maintenance window.
    pub async fn set_master_password(&self, rds: &Client, password: &str) -> Result<(), CallFailed> {
        let modify = rds.modify_db_instance().db_instance_identifier(self.served()?);
        made("ModifyDBInstance", modify.master_user_password(password).send().await)
    }

    /// Reboots it, which applies the static parameters of its parameter group.
    pub async fn reboot(&self, rds: &Client) -> Result<(), CallFailed> {
        made("RebootDBInstance", rds.reboot_db_instance().db_instance_identifier(self.served()?).send().await)
    }

    /// Makes a read replica a database of its own, whose automated backups are kept for so many days; RDS's default when
    /// absent. There is no way back.
    pub async fn promote_read_replica(
        &self,
        rds: &Client,
        backup_retention_period: Option<i32>,
    ) -> Result<(), CallFailed> {
        let promote = rds.promote_read_replica().db_instance_identifier(self.served()?);
        made("PromoteReadReplica", promote.set_backup_retention_period(backup_retention_period).send().await)
    }

    /// Starts a stopped one.
    pub async fn start(&self, rds: &Client) -> Result<(), CallFailed> {
        made("StartDBInstance", rds.start_db_instance().db_instance_identifier(self.served()?).send().await)
    }

    /// Deletes it with its automated backups, and without a final snapshot.
    pub async fn delete(&self, rds: &Client) -> Result<(), CallFailed> {
        let delete = rds.delete_db_instance().db_instance_identifier(self.served()?);
        let delete = delete.skip_final_snapshot(true).delete_automated_backups(true);
        made("DeleteDBInstance", delete.send().await)
    }
}

/// Puts a tag on the thing of this ARN.
pub async fn add_tag(rds: &Client, arn: &str, key: &str, value: &str) -> Result<(), CallFailed> {
    add_tags(rds, arn, Tags::from([(key.to_owned(), value.to_owned())])).await
}

/// Puts tags on the thing of this ARN, all at once.
pub async fn add_tags(rds: &Client, arn: &str, tags: Tags) -> Result<(), CallFailed> {
    let add = rds.add_tags_to_resource().resource_name(arn).set_tags(Some(tag_list(tags)));
    made("AddTagsToResource", add.send().await)
}

/// Takes a tag off the thing of this ARN.
pub async fn remove_tag(rds: &Client, arn: &str, key: &str) -> Result<(), CallFailed> {
    made(
        "RemoveTagsFromResource",
        rds.remove_tags_from_resource().resource_name(arn).tag_keys(key).send().await,
    )
}

/// Of a call that answers nothing of interest, whether it was taken.
pub(crate) fn made<T, E>(
    operation: &'static str,
    answer: Result<T, aws_sdk_rds::error::SdkError<E>>,
) -> Result<(), CallFailed>
where
    E: aws_sdk_rds::error::ProvideErrorMetadata,
{
    match answer {
        Ok(_) => Ok(()),
        Err(error) => Err(call_failed(Service::Rds, operation, &error)),
    }
}
