//! Decides how far the copy's own password has come; sees only its arguments.

use crate::Error;
use crate::copy::{of_run, was_live};
use database::{Condition, Database, DatabaseSeen, Refusal, busy_or_failed};
use lambda_support::CallFailed;
use replication::{Run, tag};
use secret::{Connection, Password, Reading, SecretValue, Unusable, Version};
use step::{Deadline, Look, Waiting};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// A clean-up deleted the copy's secret before the run was resumed: take that back, then look again.
    RestoreSecret,
    /// Make the copy's secret with a new password, then set that password.
    CreateSecret {
        /// All that the secret says, but for the password, which is empty.
        connection: Connection,
        /// The DB instance's ARN.
        arn: String,
    },
    /// Give the copy's secret another password, as this version.
    RenewPassword {
        /// The version.
        version_id: String,
        /// What the secret says now.
        value: SecretValue,
        /// The master user.
        username: String,
    },
    /// Set this password on the DB instance, and tag the instance with its version.
    SetPassword(NewPassword),
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// A password of a version of the copy's secret, on its way to the DB instance.
#[derive(Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// The DB instance's ARN.
    pub arn: String,
    /// The version.
    pub version_id: String,
    /// Its password.
    pub password: Password,
}

/// What is asked for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The version of the copy's secret that holds the new password, when the old one is refused.
    pub renewal: Option<&'a str>,
    /// The database to connect to, for an engine of which RDS does not say it.
    pub db_name: Option<String>,
    /// How long the stage may wait.
    pub deadline: Deadline,
}

/// RDS never gives a password back, and its status lags behind a change. So the instance is tagged with the version
/// whose password it was given. The change counts as applied when the tag is there, nothing is pending, and two
/// consecutive looks saw `available`.
pub fn plan(
    run: &Run,
    seen: Option<&DatabaseSeen>,
    found: Reading,
    waiting: &Waiting,
    asked: Asked<'_>,
) -> Result<Plan, Error> {
    const APPLIED: &str = "available, applied";
    let (identifier, seen) = (run.identifier(), of_run(run, seen)?);
    let wait = |status: &str, reason: String| {
        Ok(Plan::Answer(waiting.wait(status, None, asked.deadline, reason)?))
    };
    if matches!(found, Reading::Deleted(_)) {
        return Ok(Plan::RestoreSecret);
    }
    let version = found.usable(&run.secret_name())?;
    let Some(endpoint) = seen.endpoint.clone().filter(|_| seen.condition() == Condition::Usable) else {
        return wait(&seen.status, format!("DB instance {identifier} is {}", seen.status));
    };
    if was_live(seen) && asked.renewal.is_none() {
        let reason = format!("DB instance {identifier} was live before: its password is left as it is");
        return Ok(Plan::Answer(waiting.done("was live", reason)));
    }
    let Some(version) = version else {
        let connection = Connection {
            engine: seen.engine.clone(),
            host: endpoint.address,
            port: endpoint.port,
            username: seen.master_username.clone(),
            password: String::new(),
            dbname: seen.db_name.clone().or(asked.db_name),
            db_instance_identifier: Some(identifier),
        };
        return Ok(Plan::CreateSecret { connection, arn: seen.arn.clone() });
    };
    if let Some(renewal) = asked.renewal.filter(|it| *it != version.version_id) {
        let (version_id, username) = (renewal.to_owned(), seen.master_username.clone());
        return Ok(Plan::RenewPassword { version_id, value: version.value, username });
    }
    if seen.tags.get(tag::SECRET_VERSION) != Some(&version.version_id) {
        return Ok(Plan::SetPassword(password_of(run, seen.arn.clone(), version)?));
    }
    if seen.password_pending {
        let reason = format!("the new password of DB instance {identifier} is not applied yet");
        return wait("available, pending", reason);
    }
    let reason = format!("DB instance {identifier} has its own password");
    if waiting.saw(APPLIED) {
        return Ok(Plan::Answer(waiting.done(APPLIED, reason)));
    }
    wait(APPLIED, format!("{reason}; looking once more"))
}

/// The password that a version of the copy's secret holds.
pub fn password_of(run: &Run, arn: String, version: Version) -> Result<NewPassword, Error> {
    let problem = "has no user name and password";
    let password = version.value.password();
    let password = password.ok_or_else(|| Unusable::NotJson { secret: run.secret_name(), problem })?;
    Ok(NewPassword { arn, version_id: version.version_id, password })
}

/// What setting a password leads to, taken or refused: another look, or a failure. Permissions may still come through.
pub fn after_refusal(
    set: Result<(), CallFailed>,
    run: &Run,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Look, Error> {
    let identifier = run.identifier();
    let wait = |reason: String| Ok(waiting.wait("password set", None, deadline, reason)?);
    let Err(failed) = set else { return wait(format!("set a new password on DB instance {identifier}")) };
    match Refusal::of(&failed) {
        Refusal::Denied => Ok(waiting.refused(deadline, failed.to_string())?.ok_or(failed)?),
        // Only the code: RDS's message could quote the password.
        Refusal::InvalidValue | Refusal::ClassNotOrderable => {
            Err(Error::PasswordRefused { identifier, code: failed.code, secret: run.secret_name() })
        }
        _ => wait(busy_or_failed(&Database::Instance(identifier), failed)?),
    }
}

/// What a refused CreateSecret leads to: another look while Secrets Manager still forgets a secret of this name that
/// somebody deleted without a recovery window; `None` when that is not why.
///
/// Source: Secrets Manager API, DeleteSecret, ForceDeleteWithoutRecovery: the deletion is asynchronous, and "it might take
/// some time before you can create a secret with the same name".
pub fn after_create_refused(
    failed: &CallFailed,
    name: &str,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Option<Look>, Error> {
    if failed.code != "InvalidRequestException" {
        return Ok(None);
    }
    Ok(waiting.refused(deadline, format!("secret {name} cannot be made yet: {failed}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::Endpoint;
    use lambda_support::Service;
    use step::Tags;

    // P1-14: the password step cannot know that it acted.
    #[test]
    fn a_password_counts_once_tagged_applied_and_seen_twice() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let instance = |status: &str| DatabaseSeen {
            status: status.to_owned(),
            endpoint: Some(Endpoint { address: "db".to_owned(), port: 5432 }),
            tags: run.tags(),
            ..DatabaseSeen::named(Database::Instance(run.identifier()))
        };
        let tagged = |version: &str| {
            let mut it = instance("available");
            it.tags.insert(tag::SECRET_VERSION.to_owned(), version.to_owned());
            it
        };
        let check_renewal = |renewal: Option<&str>,
                             instance: Option<DatabaseSeen>,
                             version: Option<&str>,
                             last: &str,
                             expected: &str| {
            let waiting = Waiting { status: Some(last.to_owned()), ..Waiting::default() };
            let asked = Asked { renewal, db_name: None, deadline: Deadline::constant::<300>() };
            let found = match version {
                None => Reading::Missing,
                Some("deleted") => {
                    let code = "InvalidRequestException";
                    let failed = CallFailed::new(Service::SecretsManager, "GetSecretValue", code, "", false);
                    Reading::Deleted(failed)
                }
                Some(version_id) => Reading::Found(Version {
                    arn: String::new(),
                    version_id: version_id.to_owned(),
                    value: SecretValue::parse(r#"{"username": "app", "password": "hunter2"}"#).unwrap(),
                }),
            };
            let got = match plan(&run, instance.as_ref(), found, &waiting, asked) {
                Ok(Plan::Answer(look)) => format!("done={}", look.done),
                Ok(Plan::SetPassword(NewPassword { version_id, .. })) => format!("set {version_id}"),
                Ok(Plan::RenewPassword { version_id, .. }) => format!("renew {version_id}"),
                Ok(Plan::CreateSecret { .. }) => "create".to_owned(),
                Ok(Plan::RestoreSecret) => "restore".to_owned(),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{instance:?} {version:?} after {last}");
        };
        let check = |instance, version, last: &str, expected: &str| {
            check_renewal(None, instance, version, last, expected);
        };
        check(Some(instance("available")), None, "", "create");
        check(Some(instance("available")), Some("v1"), "", "set v1");
        check(Some(tagged("v0")), Some("v1"), "", "set v1");
        check(Some(instance("backing-up")), None, "", "done=false");
        check(Some(instance("resetting-master-credentials")), Some("v1"), "", "done=false");
        check(Some(tagged("v1")), Some("v1"), "resetting-master-credentials", "done=false");
        check(Some(tagged("v1")), Some("v1"), "available, applied", "done=true");
        let mut lived = tagged("v0");
        lived.tags.insert(tag::LAST_LIVE.to_owned(), "2026-11-20T16:08:12Z".to_owned());
        check(Some(lived.clone()), Some("v1"), "", "done=true");
        check(Some(lived.clone()), None, "", "done=true");
        let pending = DatabaseSeen { password_pending: true, ..tagged("v1") };
        check(Some(pending), Some("v1"), "available, applied", "done=false");
        check(Some(DatabaseSeen { endpoint: None, ..instance("available") }), None, "", "done=false");
        check(Some(instance("available")), Some("deleted"), "", "restore");
        check(None, None, "", "Snapferry.DbInstanceNotFound");
        check(Some(instance("failed")), None, "", "Snapferry.RestoreFailed");
        let renew = "renew v2";
        check_renewal(Some("v2"), Some(tagged("v1")), Some("v1"), "", renew);
        check_renewal(Some("v2"), Some(lived), Some("v1"), "", renew);
        check_renewal(Some("v2"), Some(tagged("v1")), Some("v2"), "", "set v2");
        check_renewal(Some("v2"), Some(tagged("v2")), Some("v2"), "available, applied", "done=true");
        check(
            Some(DatabaseSeen { tags: Tags::new(), ..instance("available") }),
            None,
            "",
            "Snapferry.DbInstanceNotOurs",
        );
    }

    #[test]
    fn a_refused_password_is_told_by_its_code_alone() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let check = |code: &str, expected: &str| {
            let failed =
                CallFailed::new(Service::Rds, "ModifyDBInstance", code, "hunter2 is too short", false);
            match after_refusal(Err(failed), &run, &Waiting::default(), Deadline::constant::<300>()) {
                Ok(look) => assert_eq!(format!("in {} s", look.wait_seconds), expected, "{code}"),
                Err(error) => {
                    assert_eq!(error.name().to_string(), expected, "{code}");
                    assert!(code == "Other" || !error.to_string().contains("hunter2"), "{error}");
                }
            }
        };
        check("InvalidDBInstanceState", "in 15 s");
        check("AccessDenied", "in 150 s");
        check("InvalidParameterValue", "Snapferry.PasswordRefused");
        check("ValidationError", "Snapferry.PasswordRefused");
        check("Other", "Snapferry.RdsRefused");
    }
}
