//! A DB instance, and the statuses in which it can be.

use std::{collections::VecDeque, net::Ipv4Addr, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    database::Database, groups::GroupKind, refusal::Refusal, replicas::Replica, settings::Changes, tags::Tags,
};
use crate::{
    place::Place,
    servers::{
        directory::Directory,
        server::{Endpoint, Server},
    },
};

/// The DBInstanceStatus values in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // RDS's words.
pub enum InstanceStatus {
    Available,
    BackingUp,
    Creating,
    Deleting,
    Failed,
    InaccessibleEncryptionCredentials,
    IncompatibleNetwork,
    IncompatibleOptionGroup,
    IncompatibleParameters,
    IncompatibleRestore,
    InsufficientCapacity,
    Maintenance,
    Modifying,
    Rebooting,
    Renaming,
    ResettingMasterCredentials,
    RestoreError,
    Starting,
    Stopped,
    Stopping,
    StorageFull,
    StorageInitialization,
    StorageOptimization,
    Upgrading,
}

impl InstanceStatus {
    /// May a DB instance in this status be deleted without a final snapshot, beside an available one?
    /// Source: RDS API, DeleteDBInstance: `failed`, `incompatible-restore` and `incompatible-network` only so.
    pub fn may_be_deleted(self) -> bool {
        use InstanceStatus::{
            Failed, InaccessibleEncryptionCredentials, IncompatibleNetwork, IncompatibleOptionGroup,
            IncompatibleParameters, IncompatibleRestore, InsufficientCapacity, RestoreError, Stopped,
            StorageFull,
        };
        matches!(
            self,
            Failed
                | InaccessibleEncryptionCredentials
                | IncompatibleNetwork
                | IncompatibleOptionGroup
                | IncompatibleParameters
                | IncompatibleRestore
                | InsufficientCapacity
                | RestoreError
                | Stopped
                | StorageFull
        )
    }

    /// As RDS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::BackingUp => "backing-up",
            Self::Creating => "creating",
            Self::Deleting => "deleting",
            Self::Failed => "failed",
            Self::InaccessibleEncryptionCredentials => "inaccessible-encryption-credentials",
            Self::IncompatibleNetwork => "incompatible-network",
            Self::IncompatibleOptionGroup => "incompatible-option-group",
            Self::IncompatibleParameters => "incompatible-parameters",
            Self::IncompatibleRestore => "incompatible-restore",
            Self::InsufficientCapacity => "insufficient-capacity",
            Self::Maintenance => "maintenance",
            Self::Modifying => "modifying",
            Self::Rebooting => "rebooting",
            Self::Renaming => "renaming",
            Self::ResettingMasterCredentials => "resetting-master-credentials",
            Self::RestoreError => "restore-error",
            Self::Starting => "starting",
            Self::Stopped => "stopped",
            Self::Stopping => "stopping",
            Self::StorageFull => "storage-full",
            Self::StorageInitialization => "storage-initialization",
            Self::StorageOptimization => "storage-optimization",
            Self::Upgrading => "upgrading",
        }
    }
}

/// A DB instance: a running server.
pub struct Instance {
    /// Where it is.
    pub place: Place,
    /// Its identifier, lower-cased.
    pub identifier: String,
    /// What it has in common with its snapshots.
    pub database: Database,
    /// Its status.
    pub status: InstanceStatus,
    /// Its tags.
    pub tags: Tags,
    /// Its DB subnet group; none means the default one.
    pub subnet_group: Option<String>,
    /// Its data.
    pub directory: Arc<Directory>,
    /// Its server; none while it is stopped or being stopped.
    pub server: Option<Server>,
    /// Where it is reached, also while it is stopped; none before it has ever been available.
    pub endpoint: Option<Endpoint>,
    /// The address of its standby, once a failover has shown it.
    pub standby: Option<Ipv4Addr>,
    /// It serves from the zone where its standby was when it was made.
    pub has_failed_over: bool,
    /// What ModifyDBInstance has not applied yet.
    pub pending: Pending,
    /// How far its parameter group is applied.
    pub parameters: ParameterApplyStatus,
    /// What it is besides while it follows another DB instance.
    pub replica: Option<Replica>,
    /// How many seconds it lagged behind its source, each time with the moment of the measurement.
    pub lags: VecDeque<(Timestamp, f64)>,
    /// The outage of its Region has killed its server.
    pub halted: bool,
    /// RDS still loads its storage from the snapshot that it was restored from.
    pub initializes_storage: bool,
}

/// The ParameterApplyStatus values in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // RDS's words.
pub enum ParameterApplyStatus {
    #[default]
    InSync,
    Applying,
    PendingReboot,
}

impl ParameterApplyStatus {
    /// As RDS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in-sync",
            Self::Applying => "applying",
            Self::PendingReboot => "pending-reboot",
        }
    }
}

/// PendingModifiedValues.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    /// A new master password is on its way.
    pub password: bool,
    /// A new identifier.
    pub identifier: Option<String>,
    /// Settings.
    pub settings: Changes,
}

impl Instance {
    /// Its ARN.
    pub fn arn(&self) -> String {
        self.place.arn("db", &self.identifier)
    }

    /// Its status while no operation is under way.
    pub fn status_at_rest(&self) -> InstanceStatus {
        match self.initializes_storage {
            true => InstanceStatus::StorageInitialization,
            false => InstanceStatus::Available,
        }
    }

    /// Is no operation under way? Then the DB instance takes changes.
    /// Source: RDS User Guide, statuses: `storage-initialization` remains available for operations.
    pub fn is_at_rest(&self) -> bool {
        self.status == self.status_at_rest()
    }

    /// Does it have a standby in another Availability Zone?
    pub fn is_multi_az(&self) -> bool {
        self.database.settings.is_on("MultiAZ")
    }

    /// Its Availability Zone and, if it is Multi-AZ, that of its standby.
    pub fn zones(&self) -> (String, Option<String>) {
        let zone = |letter| format!("{}{letter}", self.place.region);
        let first = self.database.settings.get("AvailabilityZone").map_or_else(|| zone('a'), str::to_owned);
        let second = if first.ends_with('b') { zone('a') } else { zone('b') };
        match (self.is_multi_az(), self.has_failed_over) {
            (false, false) => (first, None),
            (false, true) => (second, None),
            (true, false) => (first, Some(second)),
            (true, true) => (second, Some(first)),
        }
    }

    /// The port on which it is to be reached.
    pub fn port(&self) -> u16 {
        let given = self.database.settings.get("Port").and_then(|it| it.parse().ok());
        given.unwrap_or(self.database.engine.default_port())
    }

    /// The name of its parameter group.
    pub fn parameter_group(&self) -> String {
        let given = self.database.settings.get("DBParameterGroupName").map(str::to_owned);
        given.unwrap_or_else(|| GroupKind::Parameters.default_for(&self.database))
    }

    /// Its allocated storage, in GiB.
    pub fn allocated_storage(&self) -> u32 {
        self.database.settings.get("AllocatedStorage").and_then(|it| it.parse().ok()).unwrap_or_default()
    }

    /// Does RDS make automated backups of it?
    pub fn is_backed_up(&self) -> bool {
        self.database.settings.get("BackupRetentionPeriod").is_some_and(|it| it != "0")
    }

    /// Its VPC security groups; the default one of its VPC unless others were given.
    pub fn security_group_ids(&self) -> Vec<String> {
        match &*self.database.settings.security_group_ids {
            [] => vec![self.place.invented("sg")],
            given => given.to_vec(),
        }
    }

    /// Refuses unless the DB instance has this status.
    pub fn must_be(&self, status: InstanceStatus) -> Result<(), Refusal> {
        match self.status == status {
            true => Ok(()),
            false => Err(self.is_not(status)),
        }
    }

    /// The refusal of a DB instance that does not have this status.
    pub fn is_not(&self, status: InstanceStatus) -> Refusal {
        let (identifier, status) = (&self.identifier, status.as_str());
        Refusal::InvalidDbInstanceState(format!(
            "Instance {identifier} is not currently in the {status} state."
        ))
    }
}
