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

            /// What it means, and why it comes about.
            pub fn meaning(self) -> &'static str {
                self.text().0
            }

            /// What to do.
            pub fn repair(self) -> &'static str {
                self.text().1
            }

            fn text(self) -> (&'static str, &'static str) {
                let text = match self { $(ErrorName::$name => concat!($($doc,)+).trim_ascii(),)* };
                text.split_once(" Repair: ").unwrap_or((text, ""))
            }
        }
    };
    (@retryable) => { true };
    (@fatal) => { false };
}

error_names! {
    /// RDS was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    RdsUnavailable: retryable,
    /// KMS was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    KmsUnavailable: retryable,
    /// SNS was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    SnsUnavailable: retryable,
    /// Secrets Manager was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    SecretsManagerUnavailable: retryable,
    /// Systems Manager was throttled or did not answer.
    /// Repair: none, it is retried. If it still fails, redrive the execution or send the message back.
    SsmUnavailable: retryable,
    /// CloudWatch Logs was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    LogsUnavailable: retryable,
    /// Elastic Load Balancing was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    ElbUnavailable: retryable,
    /// EC2 was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    Ec2Unavailable: retryable,
    /// Step Functions was throttled or did not answer.
    /// Repair: none, the queue delivers the message again. If it ends among the dead letters, send it back.
    StatesUnavailable: retryable,
    /// Lambda was throttled or did not answer, or the function that it runs is not awake yet.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    LambdaUnavailable: retryable,
    /// CloudFormation was throttled or did not answer.
    /// Repair: none, the machine retries it. If the execution still fails, redrive it.
    CloudFormationUnavailable: retryable,
    /// RDS refused a call, mostly for a permission or a value. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    RdsRefused: fatal,
    /// KMS refused a call, mostly for a permission or a value. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    KmsRefused: fatal,
    /// SNS refused a call, mostly for a permission or a value. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    SnsRefused: fatal,
    /// Secrets Manager refused a call, mostly for a permission or a value. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    SecretsManagerRefused: fatal,
    /// Systems Manager refused a call, mostly for a permission or a value. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution or send the message back.
    SsmRefused: fatal,
    /// CloudWatch Logs refused a call, mostly for a permission. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    LogsRefused: fatal,
    /// Elastic Load Balancing refused a call, mostly for a permission or a value. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    ElbRefused: fatal,
    /// EC2 refused a call, mostly for a permission. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    Ec2Refused: fatal,
    /// Step Functions refused a call, mostly for a permission or a value. The message carries its code.
    /// Repair: correct what the code names, then send the message back from the dead-letter queue.
    StatesRefused: fatal,
    /// Lambda refused a call, mostly for a permission or because the function does not exist. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    LambdaRefused: fatal,
    /// CloudFormation refused a call, mostly for a permission. The message carries its code.
    /// Repair: correct what the code names, then redrive the execution.
    CloudFormationRefused: fatal,
    /// An input does not have the shape that the step expects; the message gives the path of the field.
    /// Repair: correct the field, and start a new run.
    InvalidRequest: fatal,
    /// The source is a DB cluster or a member of one; only DB instances are served.
    /// Repair: name a DB instance that is in no cluster, and start a new run.
    ClusterNotServed: fatal,
    /// In GovCloud, an encrypted snapshot of one Region cannot be copied into another one.
    /// Repair: deploy the target stack in the Region of the source, and start a new run.
    AcrossRegionsNotServed: fatal,
    /// The source DB instance does not exist in this account and Region.
    /// Repair: correct `source.dbInstanceIdentifier`, and start a new run.
    SourceNotFound: fatal,
    /// The source DB instance is in a status that waiting does not change, such as `stopped`.
    /// Repair: make it available, then resume the run.
    SourceNotAvailable: fatal,
    /// RDS gave up on the source snapshot.
    /// Repair: delete it, and start a new run.
    SnapshotFailed: fatal,
    /// A snapshot of the run's name exists, but without its tags: something else made it.
    /// Repair: start a new run, which takes another name.
    SnapshotNotOurs: fatal,
    /// Somebody deleted the run's snapshot before the run was through.
    /// Repair: start a new run.
    SnapshotNotFound: fatal,
    /// The snapshot that was handed off is gone, or no longer shared with this account.
    /// Repair: start a new run in the source account.
    SnapshotNoLongerShared: fatal,
    /// `forceCopy` is false, but the snapshot's key is AWS managed, not usable, or not listed in `shareableKeys`.
    /// Repair: leave `forceCopy` out, or list a key that the target account may use. Then start a new run.
    SnapshotNotShareable: fatal,
    /// RDS gave up on the copy of a snapshot.
    /// Repair: delete the failed copy, then resume the run.
    CopyFailed: fatal,
    /// A copy of the run's name exists, but without its tags or under another key.
    /// Repair: delete it, then resume the run.
    CopyNotOurs: fatal,
    /// A key is disabled, asymmetric, gone or closed to the copying role. The message names key, role and actions.
    /// Repair: enable the key or allow the actions, then resume the run.
    KeyNotUsable: fatal,
    /// The policy of the snapshot's key does not let the target account copy the snapshot. The message names the actions and statements.
    /// Repair: correct the key's policy as the message says, then resume the run.
    KeyNotShared: fatal,
    /// The stack may not share snapshots with this account.
    /// Repair: add it to the stack's `AllowedTargetAccounts`, then resume the run.
    AccountNotAllowed: fatal,
    /// The hand-off does not agree with its topic, its snapshot or the target's settings. The message names the field.
    /// Repair: correct the settings or `HandoffTopicArn`, then send the message back from the dead-letter queue.
    HandoffRefused: fatal,
    /// The hand-off has a version that this receiver does not know: the source stack is newer.
    /// Repair: update the target stack, then send the message back from the dead-letter queue.
    HandoffVersionUnknown: fatal,
    /// The message is not a hand-off: Snapferry did not send it.
    /// Repair: find out who publishes to the topic or the queue, and delete the message.
    HandoffNotReadable: fatal,
    /// The message is larger than any hand-off: Snapferry did not send it.
    /// Repair: find out who publishes to the topic or the queue, and delete the message.
    HandoffTooLarge: fatal,
    /// The target has no settings for the replication, or they cannot work.
    /// Repair: correct the SSM parameter, then redrive the execution or send the message back.
    InvalidSettings: fatal,
    /// The target execution of this run exists and failed, so a repeated hand-off does not start it again.
    /// Repair: resume it, as the message says, or start a new run.
    RunFailedBefore: fatal,
    /// The DB subnet group of the settings does not exist.
    /// Repair: correct `placement.dbSubnetGroupName`, and start a new run.
    SubnetGroupNotFound: fatal,
    /// The DB parameter group of the settings does not exist.
    /// Repair: correct the setting that the message names, and start a new run.
    ParameterGroupNotFound: fatal,
    /// The option group of the settings does not exist.
    /// Repair: correct `placement.optionGroupName`, and start a new run.
    OptionGroupNotFound: fatal,
    /// RDS does not offer the DB instance class with this engine, version and storage here.
    /// Repair: correct `dbInstance.dbInstanceClass`, and start a new run.
    ClassNotOrderable: fatal,
    /// The account has as many DB instances as its quota allows.
    /// Repair: delete some, or raise the quota, then resume the run.
    InstanceQuotaExceeded: fatal,
    /// The account has as many manual DB snapshots as its quota allows.
    /// Repair: delete some, or raise the quota, then resume the run.
    SnapshotQuotaExceeded: fatal,
    /// RDS gave up on the restored DB instance, mostly because settings do not fit together.
    /// Repair: correct the settings, and start a new run. The clean-up deletes the failed DB instance.
    RestoreFailed: fatal,
    /// A DB instance of the run's name exists, but without its tags: something else made it.
    /// Repair: start a new run, which takes another name.
    DbInstanceNotOurs: fatal,
    /// Somebody deleted the restored DB instance before the run was through.
    /// Repair: start a new run.
    DbInstanceNotFound: fatal,
    /// A rollback finds no copy to go to: no copy was proven, or not the copy of the run that the input names.
    /// Repair: name a run that the message lists, or start a new run.
    NoCopyToGoTo: fatal,
    /// The application's secret has no AWSCURRENT version.
    /// Repair: give it a value, such as `{}`, then resume the run.
    SecretNotInitialised: fatal,
    /// A secret is not a JSON object with the keys that the step needs.
    /// Repair: make it one, then resume the run.
    SecretNotJson: fatal,
    /// A secret holds bytes, not text.
    /// Repair: make it a JSON object, then resume the run.
    SecretBinary: fatal,
    /// The application's secret leads to a copy of another replication: two replications share one secret.
    /// Repair: give each replication its own secret by `applicationSecretArn`, and start a new run.
    SecretOfAnotherReplication: fatal,
    /// Keys of the application's secret would still lead to the database that goes out of service. The message names them.
    /// Repair: name them in `applicationSecret.templates` or `applicationSecret.acceptedStaleKeys`, and roll back to `latest`.
    SecretKeysStale: fatal,
    /// The application's secret names another user than the master user, and no setting says which user applications are.
    /// Repair: set `applicationSecret.applicationUser`, and roll back to `latest`.
    ApplicationUserUndecided: fatal,
    /// The copy's secret has no password of the login in `applicationSecret.applicationUser`.
    /// Repair: correct the login and roll back to `latest`, or set `verification.logins` to `rotate` and start a new run.
    ApplicationUserUnknown: fatal,
    /// A template of `applicationSecret.templates` names what the copy does not have, or has no place in the secret.
    /// Repair: correct the template or `applicationSecret.database`, and roll back to `latest`.
    TemplateUnusable: fatal,
    /// A secret would grow larger than Secrets Manager takes.
    /// Repair: shorten it, then resume the run.
    SecretTooLarge: fatal,
    /// RDS refused the new master password.
    /// Repair: delete the copy's secret with `--force-delete-without-recovery`, then resume the run: it makes another.
    PasswordRefused: fatal,
    /// The application's secret or the copy's secret does not exist.
    /// Repair: correct `applicationSecretArn`, then resume the run, which makes a missing copy's secret again.
    SecretNotFound: fatal,
    /// The restored database cannot be reached from the network of `Verify`.
    /// Repair: let the security groups that the message names in, or route its subnets. Then resume the run.
    DatabaseNotReachable: fatal,
    /// The restored database offers no TLS, or its certificate is not trusted or bears another name.
    /// Repair: give it a certificate of RDS's authorities, or name another authority by the stack's
    /// `VerifyCertificatesLayerArn`, then resume the run.
    TlsNotTrusted: fatal,
    /// The restored database refuses the login of the copy's secret. The message says why: the password, the user, the
    /// database, or too many connections.
    /// Repair: do what the message says, which is different for each cause.
    LoginRefused: fatal,
    /// Roles or databases of the snapshot have defaults that change what SQL means, and Verify may not override them.
    /// Repair: reset the defaults in the source as the message says, then start a new run.
    SessionNotSet: fatal,
    /// The snapshot brings a subscription, a scheduled job, an event or a replication, and Verify could not stop it. The
    /// copy would act on production.
    /// Repair: grant the right that the message names, or keep it by `verification.keepActive`. Then start a new run.
    ActivityNotStopped: fatal,
    /// Verify could not lock a login that the snapshot brings, or give it a password of its own.
    /// Repair: grant the master user the right to alter it, or set `verification.logins` to `keep`. Then start a new run.
    LoginsNotChanged: fatal,
    /// A statement of `verification.postRestoreSql` failed. The message says which one, and quotes the database.
    /// Repair: correct the statement, and start a new run.
    PostRestoreSqlFailed: fatal,
    /// An assertion does not hold in the copy. The message says which one, and what was found. The copy is not live.
    /// Repair: look at the copy, which is kept for `failedCopyHours`. Then correct the source or the assertion, and start
    /// a new run.
    VerificationFailed: fatal,
    /// The settings ask for SQL in an engine for which Verify has no client.
    /// Repair: leave out assertions and `postRestoreSql`, set `logins` to `keep`, and start a new run.
    EngineWithoutClient: fatal,
    /// A target group or an RDS Proxy that `reach` names cannot be a lane. The message says which one, and what is wrong
    /// with it.
    /// Repair: correct the target group, the proxy or the setting that the message names, then resume the run.
    ReachNotUsable: fatal,
    /// The name of the copy's endpoint leads to no address, or to one outside the subnets of its DB subnet group.
    /// Repair: correct the name resolution of the subnets in `VerifySubnetIds`, then resume the run.
    TargetAddressUnknown: fatal,
    /// The load balancer or RDS Proxy cannot connect to the copy. The message says the reason code and the port.
    /// Repair: let the security group of the load balancer or proxy into the security groups of the copy, then resume the
    /// run.
    TargetNotHealthy: fatal,
    /// An RDS Proxy cannot log in to the copy with the lane's secret, although the secret says the copy's login.
    /// Repair: allow the role of the proxy to read that secret, then resume the run.
    ProxyLoginRefused: fatal,
    /// Nobody logged in to the copy through the lane that the application's secret would name, or the lane has other
    /// targets by now.
    /// Repair: resume the run, which takes a lane and logs in again.
    ReachNotProven: fatal,
    /// A group has no manifest, or the manifest cannot work. The message gives the path of what is wrong.
    /// Repair: correct the SSM parameter that the message names, in both Regions. Then start the failover again.
    InvalidManifest: fatal,
    /// The manifest refers to an export or an SSM parameter that does not exist. The message names all of them.
    /// Repair: deploy the stack that exports it, or correct the manifest. Then start the failover again.
    ImportNotFound: fatal,
    /// The failover needs an approval, which this version cannot ask for yet.
    /// Repair: fail over as planned while the old Region is alive, with `"approval": "unplanned"` in the manifest.
    ApprovalNotServed: fatal,
    /// The group is not in the Region that was to become active, or the failover was started in another Region.
    /// Repair: correct `to`, and start the failover in that Region.
    WrongRegion: fatal,
    /// The name of the execution does not tell the next epoch of the group.
    /// Repair: start the failover under the name that the message gives.
    WrongEpoch: fatal,
    /// Another failover of the group has not ended: it is at work, or it failed after it had changed something.
    /// Repair: resume it as the message says. If it never will go on, name it as `giveUp` in the input of the next one.
    EpochNotEnded: fatal,
    /// The parameter of the epoch says otherwise than this failover: each Region went on by itself.
    /// Repair: look at the parameter in both Regions, and start the failover again under the next number.
    EpochDiffers: fatal,
    /// A DB instance of the group lacks the tag `snapferry:group`, without which no function may change it.
    /// Repair: tag it with the name of the group, then start the failover again.
    MemberNotTagged: fatal,
    /// A DB instance of the group is the copy of a replication, which replaces it with each run.
    /// Repair: take it out of the manifest, then start the failover again.
    CopyInGroup: fatal,
    /// The replica would be a worse primary: its backups are off, or its engine version differs. The message says which.
    /// Repair: change the replica, then start the failover again.
    StandbyNotFit: fatal,
    /// A DB instance of the group carries the tag of a newer failover: that one took it over.
    /// Repair: look at the newest epoch of the group, and resume that failover or start another one.
    NewerEpoch: fatal,
    /// A DB instance carries the tag of another group.
    /// Repair: correct the manifest or the tag `snapferry:group`, then start the failover again.
    OfAnotherGroup: fatal,
    /// A DB instance of the group does not exist, or not in the Region that the manifest says.
    /// Repair: correct the manifest, then start the failover again.
    MemberNotFound: fatal,
    /// A DB instance of the group is in a status that waiting does not change, such as `stopped` or `failed`.
    /// Repair: make it available, then resume the failover.
    MemberNotAvailable: fatal,
    /// The DB instance that would become the primary is no replica of the one that would stop being it.
    /// Repair: look at the DB instances of both Regions. Then correct the manifest or the Region in the input, and start the
    /// failover again.
    WrongDirection: fatal,
    /// The replication from the old primary into the replica does not run, or stopped when the old primary was fenced.
    /// Repair: repair the replication, then start the failover again.
    ReplicationBroken: fatal,
    /// Something writes inside the server of the old primary without a session: a subscription, a job of pg_cron, or a
    /// prepared transaction. The message names it.
    /// Repair: stop it, then start the failover again.
    WritersInside: fatal,
    /// The function `EndSessions` in the old Region failed. The message carries its error.
    /// Repair: do what the message says, then resume the failover.
    SessionsNotEnded: fatal,
    /// The old primary has the security group of the quarantine, and no tag says which ones it had before.
    /// Repair: give it its own security groups, then start the failover again.
    SecurityGroupsUnknown: fatal,
    /// The fence must stay: a promotion was asked for, so there may be another primary.
    /// Repair: resume the failover. To go back, start another failover after it.
    AlreadyPromoted: fatal,
    /// Somebody else promoted the replica, or the group is active in this Region already.
    /// Repair: look which DB instance applications write to, before you go on.
    PromotedBySomebodyElse: fatal,
    /// A secret was to lead to a DB instance that this failover did not promote.
    /// Repair: resume the failover, which promotes it first.
    NotPromoted: fatal,
    /// The new primary takes no writes, though RDS calls it available.
    /// Repair: look at its DB instance, then resume the failover.
    WriteRefused: fatal,
    /// A stage waited as long as the settings allow.
    /// Repair: raise `stageDeadlineSeconds` if the stage only needs longer, then resume the run.
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
            assert_eq!(name.to_string(), name.as_str());
        }
    }

    #[test]
    fn every_name_has_a_meaning_and_a_repair() {
        for name in ErrorName::ALL {
            for text in [name.meaning(), name.repair()] {
                assert!(text.len() > 10 && text.ends_with('.'), "{name}: {text:?}");
            }
        }
    }
}
