//! What a database's status means to a step that needs it.

/// What becomes of a database in this status.
///
/// Source: RDS User Guide, "Viewing Amazon RDS DB instance status". The set is open: an unknown status is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It serves, and takes changes.
    Usable,
    /// It serves, and RDS refuses changes until it is usable again by itself.
    Serving,
    /// It may come to work by itself.
    Waiting,
    /// Only an operator can make it work.
    Hopeless,
}

impl Condition {
    /// Reads RDS's word.
    pub fn of(status: &str) -> Self {
        match status {
            // RDS prepares the storage for hours to days, and the database works and takes changes meanwhile.
            "available" | "storage-initialization" | "storage-optimization" => Self::Usable,
            "backing-up"
            | "configuring-associated-roles"
            | "configuring-enhanced-monitoring"
            | "configuring-iam-database-auth"
            | "configuring-log-exports" => Self::Serving,
            "deleting"
            | "failed"
            | "restore-error"
            | "insufficient-capacity"
            | "stopped"
            | "stopping"
            // Its storage takes no more rows until somebody enlarges it.
            | "storage-full"
            // The User Guide writes it with an underscore, and no other status so.
            | "upgrade-failed"
            | "upgrade_failed"
            | "inaccessible-encryption-credentials"
            // It stays stopped until somebody enables the key and starts it.
            | "inaccessible-encryption-credentials-recoverable" => Self::Hopeless,
            _ if status.starts_with("incompatible-") => Self::Hopeless,
            _ => Self::Waiting,
        }
    }

    /// Whether applications can work with it.
    pub fn serves(self) -> bool {
        matches!(self, Self::Usable | Self::Serving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every status of the User Guide's list.
    #[test]
    fn every_status_of_the_user_guide_has_its_condition_and_an_unknown_one_is_waited_for() {
        use Condition::{Hopeless, Serving, Usable, Waiting};
        for (status, expected) in [
            ("available", Usable),
            ("backing-up", Serving),
            ("configuring-associated-roles", Serving),
            ("configuring-enhanced-monitoring", Serving),
            ("configuring-iam-database-auth", Serving),
            ("configuring-log-exports", Serving),
            ("converting-to-vpc", Waiting),
            ("creating", Waiting),
            ("delete-precheck", Waiting),
            ("deleting", Hopeless),
            ("failed", Hopeless),
            ("inaccessible-encryption-credentials", Hopeless),
            ("inaccessible-encryption-credentials-recoverable", Hopeless),
            ("incompatible-create", Hopeless),
            ("incompatible-network", Hopeless),
            ("incompatible-option-group", Hopeless),
            ("incompatible-parameters", Hopeless),
            ("incompatible-restore", Hopeless),
            ("insufficient-capacity", Hopeless),
            ("maintenance", Waiting),
            ("modifying", Waiting),
            ("moving-to-vpc", Waiting),
            ("rebooting", Waiting),
            ("renaming", Waiting),
            ("resetting-master-credentials", Waiting),
            ("restore-error", Hopeless),
            ("starting", Waiting),
            ("stopped", Hopeless),
            ("stopping", Hopeless),
            ("storage-config-upgrade", Waiting),
            ("storage-full", Hopeless),
            ("storage-initialization", Usable),
            ("storage-optimization", Usable),
            ("upgrade_failed", Hopeless),
            ("upgrade-failed", Hopeless),
            ("upgrading", Waiting),
            ("a-status-of-next-year", Waiting),
        ] {
            assert_eq!(Condition::of(status), expected, "{status}");
        }
    }

    #[test]
    fn applications_work_with_a_database_that_is_backed_up() {
        assert!(Condition::of("available").serves() && Condition::of("backing-up").serves());
        assert!(!Condition::of("modifying").serves() && !Condition::of("stopped").serves());
    }
}
