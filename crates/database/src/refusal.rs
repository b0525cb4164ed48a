//! What RDS means when it refuses a call: read from its code and message alone.

use crate::Database;
use lambda_support::CallFailed;

/// Why RDS refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The thing to be made exists already.
    AlreadyExists,
    /// The database does not exist.
    DatabaseNotFound,
    /// The snapshot does not exist, or is not shared with this account.
    SnapshotNotFound,
    /// The database or the snapshot is in a state that does not allow the call. That passes.
    WrongState,
    /// As many copies of snapshots are in flight as the quota allows. That passes.
    TooManyCopies,
    /// RDS has no machine of the class at the moment. That passes.
    NoCapacity,
    /// The account has as many manual snapshots as its quota allows.
    SnapshotQuota,
    /// The account has as many databases as its quota allows.
    DatabaseQuota,
    /// A key cannot be used.
    KeyNotAccessible,
    /// The DB subnet group does not exist.
    SubnetGroupNotFound,
    /// The DB parameter group does not exist.
    ParameterGroupNotFound,
    /// The option group does not exist.
    OptionGroupNotFound,
    /// RDS does not offer the class with this engine, version and storage here.
    ClassNotOrderable,
    /// A value is not one that RDS takes.
    InvalidValue,
    /// The role may not make the call, or tags do not count in policies yet.
    Denied,
    /// Anything else, and every failure that may be gone a little later.
    Other,
}

impl Refusal {
    /// Reads a failed call.
    ///
    /// Source: botocore's model of RDS for the codes. One code names two quotas: the message of copies in flight is
    /// quoted in github.com/pbudzon/aws-maintenance#19 and #12. RDS has no code for a class that it does not offer: its
    /// message is "RDS does not support creating a DB instance with the following combination: DBInstanceClass=…"
    /// (hashicorp/terraform-provider-aws, issues).
    pub fn of(failed: &CallFailed) -> Self {
        Self::read(&failed.code, &failed.message)
    }

    fn read(code: &str, message: &str) -> Self {
        match code {
            "DBInstanceAlreadyExists" | "DBSnapshotAlreadyExists" => Self::AlreadyExists,
            "DBInstanceNotFound" => Self::DatabaseNotFound,
            "DBSnapshotNotFound" => Self::SnapshotNotFound,
            "InvalidDBInstanceState" | "InvalidDBSnapshotState" => Self::WrongState,
            "SnapshotQuotaExceeded" if message.starts_with("Cannot copy more than") => Self::TooManyCopies,
            "SnapshotQuotaExceeded" => Self::SnapshotQuota,
            "InstanceQuotaExceeded" => Self::DatabaseQuota,
            "InsufficientDBInstanceCapacity" => Self::NoCapacity,
            "KMSKeyNotAccessibleFault" => Self::KeyNotAccessible,
            "DBSubnetGroupNotFoundFault" => Self::SubnetGroupNotFound,
            "DBParameterGroupNotFound" => Self::ParameterGroupNotFound,
            "OptionGroupNotFoundFault" => Self::OptionGroupNotFound,
            "AccessDenied" => Self::Denied,
            code if code.starts_with("InvalidParameter") && message.contains("DBInstanceClass") => {
                Self::ClassNotOrderable
            }
            "InvalidParameterValue" | "InvalidParameterCombination" | "ValidationError" => Self::InvalidValue,
            _ => Self::Other,
        }
    }
}

/// What a refused call on a database leads to: another look, with its reason, when the database was only busy.
pub fn busy_or_failed(database: &Database, failed: CallFailed) -> Result<String, CallFailed> {
    match Refusal::of(&failed) {
        Refusal::WrongState => Ok(format!("{database} became busy")),
        _ => Err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_support::Service;

    #[test]
    fn a_refused_call_is_repeated_only_if_the_database_was_busy() {
        let database = Database::Instance("copy".to_owned());
        let refused = |code: &str| {
            busy_or_failed(&database, CallFailed::new(Service::Rds, "ModifyDBInstance", code, "", false))
        };
        assert_eq!(refused("InvalidDBInstanceState").unwrap(), "DB instance copy became busy");
        assert_eq!(refused("DBInstanceNotFound").unwrap_err().code, "DBInstanceNotFound");
    }

    #[test]
    fn a_refusal_is_read_from_code_and_message() {
        let check = |code: &str, message: &str, expected| {
            assert_eq!(Refusal::read(code, message), expected, "{code}")
        };
        for (code, expected) in [
            ("DBInstanceAlreadyExists", Refusal::AlreadyExists),
            ("DBSnapshotAlreadyExists", Refusal::AlreadyExists),
            ("DBInstanceNotFound", Refusal::DatabaseNotFound),
            ("DBSnapshotNotFound", Refusal::SnapshotNotFound),
            ("InvalidDBInstanceState", Refusal::WrongState),
            ("InvalidDBSnapshotState", Refusal::WrongState),
            ("InstanceQuotaExceeded", Refusal::DatabaseQuota),
            ("InsufficientDBInstanceCapacity", Refusal::NoCapacity),
            ("KMSKeyNotAccessibleFault", Refusal::KeyNotAccessible),
            ("DBSubnetGroupNotFoundFault", Refusal::SubnetGroupNotFound),
            ("DBParameterGroupNotFound", Refusal::ParameterGroupNotFound),
            ("OptionGroupNotFoundFault", Refusal::OptionGroupNotFound),
        ] {
            check(code, "said RDS", expected);
        }
        check(
            "SnapshotQuotaExceeded",
            "Cannot copy more than 20 snapshots across regions",
            Refusal::TooManyCopies,
        );
        check(
            "SnapshotQuotaExceeded",
            "Cannot create more than 100 manual snapshots",
            Refusal::SnapshotQuota,
        );
        check(
            "InvalidParameterCombination",
            "… combination: DBInstanceClass=db.r6g",
            Refusal::ClassNotOrderable,
        );
        check("InvalidParameterCombination", "anything else", Refusal::InvalidValue);
        check("AccessDenied", "not authorized", Refusal::Denied);
        check("Throttling", "Rate exceeded", Refusal::Other);
    }
}
