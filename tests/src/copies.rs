//! What is left of copies in an account.

use crate::{Account, Others};
use anyhow::{Result, ensure};
use std::collections::BTreeSet;

/// The identifiers that a replication's DB instances, DB snapshots, copies' secrets and log groups in the target account
/// stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Copies {
    /// DB instances.
    pub instances: BTreeSet<String>,
    /// Manual DB snapshots.
    pub snapshots: BTreeSet<String>,
    /// Copies' secrets that are not scheduled for deletion.
    pub secrets: BTreeSet<String>,
    /// Log groups that RDS made for DB instances. Each log that a DB instance exports has one.
    pub log_groups: BTreeSet<String>,
}

impl Copies {
    /// Those that are there now.
    pub async fn of(account: &Account, replication: &str) -> Result<Self> {
        let list = account.rds.describe_db_instances().into_paginator().items().send();
        let instances = list.collect::<Result<Vec<_>, _>>().await?.into_iter();
        let instances = instances.filter_map(|it| it.db_instance_identifier);

        let pages = account.secrets.list_secrets().into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await?.into_iter();
        let secrets = pages.flat_map(|page| page.secret_list.unwrap_or_default());
        let secrets = secrets.filter(|it| it.deleted_date.is_none()).filter_map(|it| it.name);
        let secrets = secrets.filter_map(|name| {
            let run = name.strip_prefix(&format!("snapferry/{replication}/"))?.to_owned();
            (run != "by-hand").then(|| format!("{replication}-{run}"))
        });
        const PREFIX: &str = "/aws/rds/instance/";
        let log_groups = account.log_groups(&format!("{PREFIX}{replication}-20")).await?.into_iter();
        let log_groups = log_groups.filter_map(|it| {
            Some(it.strip_prefix(PREFIX)?.split_once('/')?.0.to_owned()).filter(|it| it != Others::NAME)
        });
        let ours = |it: &String| it.starts_with(&format!("{replication}-20")) && it != Others::NAME;
        Ok(Self {
            instances: instances.filter(ours).collect(),
            snapshots: manual_snapshots(account, replication).await?.into_iter().collect(),
            secrets: secrets.collect(),
            log_groups: log_groups.collect(),
        })
    }

    /// Of each kind there is what there should be. A copy has a log group if it exports logs.
    pub fn are(&self, expected: &BTreeSet<String>) -> Result<()> {
        let groups = &self.log_groups;
        ensure!(
            groups.is_subset(expected),
            "expected no log group but of {expected:?}, but found {groups:?}"
        );
        for (what, found) in [
            ("DB instances", &self.instances),
            ("DB snapshots", &self.snapshots),
            ("secrets of copies", &self.secrets),
        ] {
            ensure!(
                found == expected,
                "expected the {what} {expected:?} after the clean-up, but found {found:?}"
            );
        }
        Ok(())
    }
}

/// The manual DB snapshots of a replication in an account.
pub async fn manual_snapshots(account: &Account, replication: &str) -> Result<Vec<String>> {
    let list = account.rds.describe_db_snapshots().snapshot_type("manual").into_paginator().items().send();
    let list = list.collect::<Result<Vec<_>, _>>().await?;
    let names = list.into_iter().filter_map(|it| it.db_snapshot_identifier);
    Ok(names.filter(|it| it.starts_with(&format!("{replication}-20")) && it != Others::NAME).collect())
}
