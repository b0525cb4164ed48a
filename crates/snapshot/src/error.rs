//! How this step fails.

use replication::RunId;

lambda_support::failures! {
    /// Why the source snapshot could not be made.
    pub enum Error {
        #[error("scheduledTime {0:?} is not a time in RFC 3339, such as 2026-11-20T16:00:00Z")]
        InvalidScheduledTime(String) => InvalidRequest,
        #[error("run {0} lies in the future: to resume a run, name it as its report does")]
        RunOfTheFuture(RunId) => InvalidRequest,
        #[error("{0} does not exist in this account and Region: correct source.dbInstanceIdentifier")]
        SourceNotFound(String) => SourceNotFound,
        #[error("{database} is {status}, and waiting does not change that: make it available, then resume the run")]
        SourceNotAvailable { database: String, status: String } => SourceNotAvailable,
        #[error("DB snapshot {identifier} is {status}: delete it, then start a new run")]
        SnapshotFailed { identifier: String, status: String } => SnapshotFailed,
        #[error("DB snapshot {0} exists, but without the tags of this run: Snapferry did not make it and leaves it alone")]
        SnapshotNotOurs(String) => SnapshotNotOurs,
        #[error("the account has as many manual DB snapshots as its quota allows: delete some, or raise the quota, then resume the run")]
        SnapshotQuotaExceeded => SnapshotQuotaExceeded,
    }
}
