//! What a database's status means to a step that needs it.

/// What becomes of a database in this status.
///
/// Source: RDS User Guide, "Viewing Amazon RDS DB instance status". The set is open: an unknown status is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It works.
    Usable,
    /// It may come to work by itself.
    Waiting,
    /// Only an operator can make it work.
    Hopeless,
}

impl Condition {
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
            ("available", Condition::Usable),
            ("storage-optimization", Condition::Usable),
            ("backing-up", Condition::Waiting),
            ("a-status-of-next-year", Condition::Waiting),
            ("inaccessible-encryption-credentials-recoverable", Condition::Waiting),
            ("incompatible-network", Condition::Hopeless),
            ("stopped", Condition::Hopeless),
        ] {
            assert_eq!(Condition::of(status), expected, "{status}");
        }
    }
}
