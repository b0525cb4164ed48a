//! What a DB instance's status means to a step that needs it.

/// What becomes of a DB instance in this status.
///
/// Source: RDS User Guide, "Viewing Amazon RDS DB instance status". The set is open: an unknown status is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceStatus {
    /// It works.
    Usable,
    /// It may come to work by itself.
    Waiting,
    /// Only an operator can make it work.
    Hopeless,
}

impl InstanceStatus {
    /// Reads RDS's word.
    pub fn of(status: &str) -> Self {
        match status {
            // Optimising storage takes hours to days, and the database works meanwhile.
            "available" | "storage-optimization" => Self::Usable,
            "deleting"
            | "failed"
            | "restore-error"
            | "insufficient-capacity"
            | "stopped"
            | "stopping"
            | "inaccessible-encryption-credentials" => Self::Hopeless,
            _ if status.starts_with("incompatible-") => Self::Hopeless,
            _ => Self::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_status_is_waited_for() {
        for (status, expected) in [
            ("available", InstanceStatus::Usable),
            ("storage-optimization", InstanceStatus::Usable),
            ("backing-up", InstanceStatus::Waiting),
            ("a-status-of-next-year", InstanceStatus::Waiting),
            ("inaccessible-encryption-credentials-recoverable", InstanceStatus::Waiting),
            ("incompatible-network", InstanceStatus::Hopeless),
            ("stopped", InstanceStatus::Hopeless),
        ] {
            assert_eq!(InstanceStatus::of(status), expected, "{status}");
        }
    }
}
