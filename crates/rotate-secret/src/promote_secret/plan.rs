//! Decides whether a copy goes live; sees only its arguments.

use super::opening::{Opened, Opening, opening};
use super::way::{Behind, Way, patience};
use crate::Error;
use crate::copy::{of_run, was_live};
use database::{Changes, Database, DatabaseSeen, Refusal, busy_or_failed};
use lambda_support::CallFailed;
use replication::{Pin, Run, tag};
use secret::{AWSPENDING, AWSPREVIOUS, SecretSeen, Version};
use step::{Deadline, Look, Waiting};

/// All that a look saw.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The run's DB instance.
    pub instance: Option<&'a DatabaseSeen>,
    /// The application's secret.
    pub secret: &'a SecretSeen,
    /// Its current version.
    pub current: &'a Version,
    /// What is behind the copy's lane.
    pub behind: &'a Behind,
}

/// What the copy must look like before it goes live.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What the copy is like once applications may use it.
    pub opened: Opened<'a>,
    /// Whether somebody logged in to the copy after it was opened.
    pub login_checked: bool,
    /// The way by which applications reach the copy; `None` when they reach it directly.
    pub way: Option<&'a Way>,
    /// What becomes of the pin.
    pub pin: Pin,
    /// How long the stage may wait.
    pub deadline: Deadline,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The ARN of the instance, when it is proven from now on: it came as far as this step, so it is a way back, live or
    /// not.
    pub newly_proven: Option<String>,
    /// The act.
    pub act: Act,
}

/// The one thing that a look does.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Pin the replication to this run, then look again.
    SetPin,
    /// Release the pin, then look again.
    ReleasePin,
    /// Open the copy to applications by these changes, then look again.
    Open(Changes),
    /// Reboot the copy, then look again.
    Reboot,
    /// Have somebody log in to the copy, then look again.
    CheckLogin(Look),
    /// Move AWSCURRENT from the version that was seen.
    Promote(Promotion),
    /// Nothing, and never: the reason says why the copy does not go live, or that it is live already.
    Leave {
        /// The answer.
        look: Look,
        /// Whether the copy is live.
        live: bool,
    },
    /// Nothing now.
    Wait(Look),
}

/// What a look remembers: that it opened the copy, rebooted it, or saw it open.
pub const OPENING: &str = "opening";
/// See [`OPENING`].
pub const REBOOTING: &str = "rebooting";
const OPEN: &str = "open";

/// What goes with a move of AWSCURRENT.
#[derive(Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The ARN of the instance that goes live.
    pub arn: String,
    /// Whether a rotation that ended left AWSPENDING on the version that was seen, where it must not stay behind.
    pub finished_rotation: bool,
    /// The run whose copy was live until now.
    pub outgoing: Option<Run>,
}

/// A newer live copy and a pin are respected. A rotation that is pending is waited for: it would end by moving
/// AWSCURRENT back to the old database.
pub fn plan(run: &Run, seen: &Seen<'_>, wanted: &Wanted<'_>, waiting: &Waiting) -> Result<Plan, Error> {
    let instance = of_run(run, seen.instance)?;
    let newly_proven = (!instance.tags.contains_key(tag::PROVEN)).then(|| instance.arn.clone());
    Ok(Plan { newly_proven, act: act(run, instance, seen, wanted, waiting)? })
}

fn act(
    run: &Run,
    instance: &DatabaseSeen,
    seen: &Seen<'_>,
    wanted: &Wanted<'_>,
    waiting: &Waiting,
) -> Result<Act, Error> {
    let identifier = run.identifier();
    let wait =
        |status: &str, reason: String| Ok(Act::Wait(waiting.wait(status, None, wanted.deadline, reason)?));
    let leave = |status: &str, live: bool, reason: String| {
        Ok(Act::Leave { look: waiting.done(status, reason), live })
    };

    let live = seen.current.value.db_instance_identifier();
    let pending = pending_rotation(seen);
    let wait_for_rotation = || {
        let version = pending.unwrap_or_default();
        let reason = format!(
            "a rotation of the application's secret is pending: version {version} is AWSPENDING. If none is under way, \
             remove that label"
        );
        wait("rotation pending", reason)
    };
    let live_run = live.and_then(Run::from_identifier);
    if let Some(other) = live_run.as_ref().filter(|it| it.replication != run.replication) {
        return Err(Error::SecretOfAnotherReplication { found: other.identifier() });
    }
    let pinned = seen.secret.tags.get(tag::PINNED).map(String::as_str);
    match wanted.pin {
        // The pin comes first: a run that goes live at this very moment must find it. It is set once: somebody who pins
        // after this rollback means it.
        Pin::Set if waiting.looks == 0 && pinned != Some(run.id.as_str()) => return Ok(Act::SetPin),
        Pin::Release if waiting.looks == 0 && pinned.is_some() => return Ok(Act::ReleasePin),
        _ => {}
    }
    if live == Some(&identifier) {
        // A rotation that began before the cut-over may still move AWSCURRENT back.
        return if pending.is_some() {
            wait_for_rotation()
        } else {
            leave("live", true, format!("DB instance {identifier} is live"))
        };
    }
    match pinned {
        // A rollback pins before it promotes, and goes back on purpose.
        Some(pinned) if pinned == run.id.as_str() => {}
        Some(pinned) => {
            let reason =
                format!("the replication is pinned to run {pinned}: roll back to `latest` to release it");
            return leave("pinned", false, reason);
        }
        None => {
            if let Some(it) = live_run.as_ref().filter(|it| it.id > run.id) {
                return leave("superseded", false, format!("run {} is live and newer", it.id));
            }
        }
    }
    if let Some(way) = wanted.way {
        way.must_be_proven(&identifier)?;
    }
    // RDS may show an act late, so the look after it does not repeat it.
    match opening(instance, &wanted.opened) {
        Opening::Change(changes) if !waiting.saw(OPENING) => return Ok(Act::Open(changes)),
        Opening::Reboot if !waiting.saw(REBOOTING) => return Ok(Act::Reboot),
        Opening::Change(_) | Opening::Reboot => {
            return wait(
                "not seen yet",
                format!("RDS does not show yet what was changed of DB instance {identifier}"),
            );
        }
        Opening::Patience(reason) => return wait(&instance.status, reason),
        Opening::Done => {}
    }
    if !was_live(instance) && !wanted.login_checked {
        // RDS may also show a status late, so after an act it counts on two consecutive looks.
        if waiting.looks > 0 && !waiting.saw(OPEN) {
            return wait(
                OPEN,
                format!("DB instance {identifier} is open to applications; looking once more"),
            );
        }
        let reason = format!("DB instance {identifier} is open to applications: logging in once more");
        return Ok(Act::CheckLogin(Look { done: false, ..waiting.done(OPEN, reason) }));
    }
    if pending.is_some() {
        return wait_for_rotation();
    }
    if let Some(reason) = patience(&identifier, seen.behind)? {
        return wait("lane not healthy", reason);
    }
    let finished_rotation = seen.secret.version_with(AWSPENDING) == Some(seen.current.version_id.as_str());
    Ok(Act::Promote(Promotion { arn: instance.arn.clone(), finished_rotation, outgoing: live_run }))
}

/// The version that a rotation is about to make current.
///
/// A rotation that ended leaves AWSPENDING on the version that it made current, and there it stays when that version
/// becomes AWSPREVIOUS. Source: Secrets Manager User Guide, "Lambda rotation functions": finishSecret.
fn pending_rotation<'a>(seen: &'a Seen<'_>) -> Option<&'a str> {
    let ended = |version: &&str| {
        *version == seen.current.version_id || seen.secret.version_with(AWSPREVIOUS) == Some(version)
    };
    seen.secret.version_with(AWSPENDING).filter(|version| !ended(version))
}

/// What a refused act of the opening leads to: another look, with its reason, or a failure.
pub fn after_refusal(database: &Database, wanted: &Opened<'_>, failed: CallFailed) -> Result<String, Error> {
    match Refusal::of(&failed) {
        Refusal::ParameterGroupNotFound => {
            Err(Error::ParameterGroupNotFound(wanted.db_parameter_group_name.unwrap_or_default().to_owned()))
        }
        _ => Ok(busy_or_failed(database, failed)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_support::Service;
    use replication::DbInstanceSettings;
    use secret::SecretValue;
    use std::collections::BTreeMap;

    // P0-5: a pending rotation undoes the cut-over.
    #[test]
    fn a_copy_goes_live_unless_something_forbids_it() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let instance = DatabaseSeen {
            status: "available".to_owned(),
            tags: run.tags(),
            ..DatabaseSeen::named(Database::Instance(run.identifier()))
        };
        let current = |live: &str| Version {
            arn: String::new(),
            version_id: "v1".to_owned(),
            value: SecretValue::parse(&format!("{{\"dbInstanceIdentifier\":\"{live}\"}}")).unwrap(),
        };
        let secret = |labels: &[(&str, &str)]| SecretSeen {
            labels: labels
                .iter()
                .map(|(v, l)| ((*v).to_owned(), vec![(*l).to_owned()]))
                .collect::<BTreeMap<_, _>>(),
            ..SecretSeen::default()
        };
        let idle = secret(&[("v1", "AWSCURRENT")]);
        let application_groups = ["sg-1".to_owned()];
        let check =
            |instance: &DatabaseSeen, secret: &SecretSeen, live: &str, groups: bool, expected: &str| {
                let wanted = Wanted {
                    opened: Opened {
                        vpc_security_group_ids: if groups { &application_groups } else { &[] },
                        deletion_protection: Some(false),
                        ..Opened::default()
                    },
                    login_checked: true,
                    way: None,
                    pin: Pin::Respect,
                    deadline: Deadline::constant::<300>(),
                };
                let current = current(live);
                let seen =
                    Seen { instance: Some(instance), secret, current: &current, behind: &Behind::Nothing };
                let got = match plan(&run, &seen, &wanted, &Waiting::default()).map(|plan| plan.act) {
                    Ok(Act::Leave { look, .. } | Act::Wait(look)) => {
                        format!("done={} {}", look.done, look.waiting.status.unwrap_or_default())
                    }
                    Ok(Act::Promote(it)) if it.finished_rotation => "promote after rotation".to_owned(),
                    Ok(Act::Promote(_)) => "promote".to_owned(),
                    Ok(Act::Open(_)) => "open".to_owned(),
                    Ok(act) => format!("{act:?}"),
                    Err(error) => error.name().to_string(),
                };
                assert_eq!(got, expected, "{live}");
            };
        const PROMOTE: &str = "promote";
        check(&instance, &idle, "", false, PROMOTE);
        check(&instance, &idle, "orders-legacy", false, PROMOTE);
        check(&instance, &idle, "orders-20261119t160812z-ffff", false, PROMOTE);
        check(&instance, &idle, "orders-20261120t160812z-3f9a", false, "done=true live");
        check(&instance, &idle, "orders-20261121t160812z-0000", false, "done=true superseded");
        check(
            &instance,
            &idle,
            "payroll-20261121t160812z-0000",
            false,
            "Snapferry.SecretOfAnotherReplication",
        );
        check(&instance, &idle, "", true, "open");
        let prepared = DatabaseSeen { vpc_security_group_ids: vec!["sg-1".to_owned()], ..instance.clone() };
        check(&prepared, &idle, "", true, PROMOTE);
        let settings = DbInstanceSettings { deletion_protection: Some(true), ..Default::default() };
        let protected = DatabaseSeen { settings, ..instance.clone() };
        check(&protected, &idle, "", false, "open");
        check(
            &DatabaseSeen { status: "modifying".to_owned(), ..instance.clone() },
            &idle,
            "",
            false,
            "done=false modifying",
        );
        check(
            &instance,
            &secret(&[("v1", "AWSCURRENT"), ("v2", "AWSPENDING")]),
            "",
            false,
            "done=false rotation pending",
        );
        let ended = secret(&[("v1", "AWSPENDING")]);
        check(&instance, &ended, "", false, "promote after rotation");
        let mut left_behind = secret(&[("v1", "AWSCURRENT")]);
        left_behind.labels.insert("v0".to_owned(), vec!["AWSPREVIOUS".to_owned(), "AWSPENDING".to_owned()]);
        check(&instance, &left_behind, "", false, PROMOTE);
        check(&instance, &left_behind, "orders-20261120t160812z-3f9a", false, "done=true live");
        let mut pinned = idle.clone();
        pinned.tags.insert(tag::PINNED.to_owned(), "20261101t000000z-0000".to_owned());
        check(&instance, &pinned, "", false, "done=true pinned");
        pinned.tags.insert(tag::PINNED.to_owned(), run.id.to_string());
        check(&instance, &pinned, "orders-20261121t160812z-0000", false, PROMOTE);
        check(
            &DatabaseSeen { status: "failed".to_owned(), ..instance.clone() },
            &idle,
            "",
            false,
            "Snapferry.RestoreFailed",
        );
    }
    // A6: what an opening restarts is not live yet, and must log in before it is.
    #[test]
    fn an_opened_copy_must_log_in_before_it_goes_live_and_one_that_was_live_need_not() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let copy = |status: &str, days: i32| DatabaseSeen {
            status: status.to_owned(),
            tags: run.tags(),
            settings: DbInstanceSettings {
                backup_retention_period: step::Bounded::new(days),
                ..DbInstanceSettings::default()
            },
            ..DatabaseSeen::named(Database::Instance(run.identifier()))
        };
        let value = SecretValue::parse("{}").unwrap();
        let current = Version { arn: String::new(), version_id: "v1".to_owned(), value };
        let secret = SecretSeen::default();
        let check = |instance: &DatabaseSeen, last: Option<&str>, login_checked: bool, expected: &str| {
            let opened = Opened { backup_retention_period: Some(7), ..Opened::default() };
            let deadline = Deadline::constant::<300>();
            let wanted = Wanted { opened, login_checked, way: None, pin: Pin::Respect, deadline };
            let seen = Seen {
                instance: Some(instance),
                secret: &secret,
                current: &current,
                behind: &Behind::Nothing,
            };
            let waiting = Waiting {
                looks: last.iter().len() as u32,
                status: last.map(str::to_owned),
                ..Waiting::default()
            };
            let got = match plan(&run, &seen, &wanted, &waiting).unwrap().act {
                Act::Open(changes) => format!("open {:?}", changes.backup_retention_period),
                Act::CheckLogin(look) => format!("log in, done={} {} s", look.done, look.wait_seconds),
                Act::Wait(look) => format!("wait {}", look.waiting.status.unwrap_or_default()),
                Act::Promote(_) => "promote".to_owned(),
                act => format!("{act:?}"),
            };
            assert_eq!(got, expected, "{} after {last:?}", instance.status);
        };
        check(&copy("available", 0), None, false, "open Some(7)");
        check(&copy("available", 0), Some(OPENING), false, "wait not seen yet");
        check(&copy("available", 0), Some("not seen yet"), false, "open Some(7)");
        check(&copy("modifying", 0), Some(OPENING), false, "wait modifying");
        check(&copy("backing-up", 7), Some("modifying"), false, "wait open");
        check(&copy("backing-up", 7), Some(OPEN), false, "log in, done=false 0 s");
        check(&copy("backing-up", 7), Some(OPEN), true, "promote");
        check(&copy("available", 7), None, false, "log in, done=false 0 s");
        let mut was_live = copy("backing-up", 0);
        was_live.tags.insert(tag::LAST_LIVE.to_owned(), String::new());
        check(&was_live, None, false, "promote");
    }

    #[test]
    fn a_refused_opening_is_repeated_only_if_the_instance_was_busy() {
        let database = Database::Instance("copy".to_owned());
        let wanted = Opened { db_parameter_group_name: Some("applications"), ..Opened::default() };
        let refused = |code: &str| {
            let failed = CallFailed::new(Service::Rds, "ModifyDBInstance", code, "", false);
            after_refusal(&database, &wanted, failed).map_err(|error| format!("{} {error}", error.name()))
        };
        assert_eq!(refused("InvalidDBInstanceState").unwrap(), "DB instance copy became busy");
        let missing = refused("DBParameterGroupNotFound").unwrap_err();
        assert!(missing.starts_with("Snapferry.ParameterGroupNotFound"), "{missing}");
        assert!(missing.contains("applications"), "{missing}");
        assert!(refused("InvalidVPCNetworkStateFault").unwrap_err().starts_with("Snapferry.RdsRefused"));
    }
}
