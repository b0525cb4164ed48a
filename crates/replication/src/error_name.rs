//! The one list of names that a step may fail with.

use std::fmt;

macro_rules! error_names {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident,)*) => {
        /// A name that state machines match on and operators read: `Snapferry.<Name>`.
        ///
        /// A name is retryable or fatal, never "it depends".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorName { $($(#[doc = $doc])+ $name,)* }

        impl ErrorName {
            /// Every name.
            pub const ALL: &[ErrorName] = &[$(ErrorName::$name,)*];

            /// The name as it appears in an execution's error: `Snapferry.<Name>`.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorName::$name => concat!("Snapferry.", stringify!($name)),)* }
            }

            /// Whether the same call may succeed a little later.
            pub fn retryable(self) -> bool {
                match self { $(ErrorName::$name => error_names!(@$kind),)* }
            }

            /// What it means and what to do.
            pub fn meaning(self) -> &'static str {
                match self { $(ErrorName::$name => concat!($($doc,)+).trim_ascii(),)* }
            }
        }
    };
    (@retryable) => { true };
    (@fatal) => { false };
}

error_names! {
    /// RDS was throttled or did not answer.
    RdsUnavailable: retryable,
    /// KMS was throttled or did not answer.
    KmsUnavailable: retryable,
    /// SNS was throttled or did not answer.
    SnsUnavailable: retryable,
    /// Secrets Manager was throttled or did not answer.
    SecretsManagerUnavailable: retryable,
    /// Systems Manager was throttled or did not answer.
    SsmUnavailable: retryable,
    /// Step Functions was throttled or did not answer.
    StatesUnavailable: retryable,
    /// RDS refused a call; the message carries its code.
    RdsRefused: fatal,
    /// KMS refused a call; the message carries its code.
    KmsRefused: fatal,
    /// SNS refused a call; the message carries its code.
    SnsRefused: fatal,
    /// Secrets Manager refused a call; the message carries its code.
    SecretsManagerRefused: fatal,
    /// Systems Manager refused a call; the message carries its code.
    SsmRefused: fatal,
    /// Step Functions refused a call; the message carries its code.
    StatesRefused: fatal,
    /// An input does not have the shape that the step expects; the message gives the path of the field.
    InvalidRequest: fatal,
    /// The source is a DB cluster; only DB instances are served.
    ClusterNotServed: fatal,
    /// The source DB instance does not exist in this account and Region.
    SourceNotFound: fatal,
    /// The source DB instance is in a status that no waiting mends.
    SourceNotAvailable: fatal,
    /// RDS gave up on the source snapshot.
    SnapshotFailed: fatal,
    /// A snapshot of the run's name exists, but this run did not make it.
    SnapshotNotOurs: fatal,
    /// The run's snapshot is gone.
    SnapshotNotFound: fatal,
    /// The snapshot that was handed off is gone, or no longer shared with this account.
    SnapshotNoLongerShared: fatal,
    /// `forceCopy` is false, but the snapshot cannot be shared as it is.
    SnapshotNotShareable: fatal,
    /// RDS gave up on the copy of a snapshot.
    CopyFailed: fatal,
    /// A copy of the run's name exists, but under another key or of another snapshot.
    CopyNotOurs: fatal,
    /// A key cannot be used for the copy: the message names the key, the principal and the actions that it needs.
    KeyNotUsable: fatal,
    /// The policy of the snapshot's key does not let the target account copy it.
    KeyNotShared: fatal,
    /// The account is not among those that this stack may share with.
    AccountNotAllowed: fatal,
    /// The hand-off does not agree with its topic, its snapshot or the target's settings.
    HandoffRefused: fatal,
    /// The hand-off has a version that this receiver does not know.
    HandoffVersionUnknown: fatal,
    /// The message is not JSON, or not of a hand-off's shape.
    HandoffNotReadable: fatal,
    /// The message is larger than any hand-off.
    HandoffTooLarge: fatal,
    /// The target has no settings for the replication, or they cannot be read.
    InvalidSettings: fatal,
    /// The target execution of this run exists and failed: resume it.
    RunFailedBefore: fatal,
    /// The DB subnet group of the settings does not exist.
    SubnetGroupNotFound: fatal,
    /// The DB parameter group of the settings does not exist.
    ParameterGroupNotFound: fatal,
    /// The option group of the settings does not exist.
    OptionGroupNotFound: fatal,
    /// RDS does not offer the DB instance class with this engine, version and storage here.
    ClassNotOrderable: fatal,
    /// The account has as many DB instances as its quota allows.
    InstanceQuotaExceeded: fatal,
    /// The account has as many manual DB snapshots as its quota allows.
    SnapshotQuotaExceeded: fatal,
    /// RDS gave up on the restored DB instance.
    RestoreFailed: fatal,
    /// A DB instance of the run's name exists, but this run did not make it.
    DbInstanceNotOurs: fatal,
    /// The restored DB instance is gone.
    DbInstanceNotFound: fatal,
    /// A rollback finds no copy to go to: none was proven, or not the one that was asked for.
    NoCopyToGoTo: fatal,
    /// The application's secret has no AWSCURRENT version.
    SecretNotInitialised: fatal,
    /// A secret is not a JSON object of the expected shape.
    SecretNotJson: fatal,
    /// A secret holds bytes, not text.
    SecretBinary: fatal,
    /// The application's secret leads to a copy of another replication: two replications share one secret.
    SecretOfAnotherReplication: fatal,
    /// The application's secret would grow past the size that Secrets Manager takes.
    SecretTooLarge: fatal,
    /// RDS refused the new master password.
    PasswordRefused: fatal,
    /// The copy's secret is missing.
    SecretNotFound: fatal,
    /// A stage waited as long as the settings allow.
    StageTimedOut: fatal,
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unavailable_service_is_retryable() {
        for name in ErrorName::ALL {
            assert_eq!(name.retryable(), name.as_str().ends_with("Unavailable"), "{name}");
            assert!(!name.meaning().is_empty(), "{name}");
        }
    }
}
