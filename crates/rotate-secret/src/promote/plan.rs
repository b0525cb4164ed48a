//! Decides whether a copy goes live; sees only its arguments.

use crate::{Error, InstanceSeen, SecretSeen, SecretVersion};
use replication::{Copy, Deadline, Look, Placement, Stage, tag};
use serde::Deserialize;
use std::collections::BTreeSet;

/// The label of a rotation that is under way.
pub(super) const AWSPENDING: &str = "AWSPENDING";
/// The label of the version that was current before.
const AWSPREVIOUS: &str = "AWSPREVIOUS";

/// All that a look saw.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The run's DB instance.
    pub instance: Option<&'a InstanceSeen>,
    /// The application's secret.
    pub secret: &'a SecretSeen,
    /// Its current version.
    pub current: &'a SecretVersion,
}

/// What the copy must look like before it goes live.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Its place.
    pub placement: &'a Placement,
    /// Whether its deletion is refused; as it is when absent.
    pub deletion_protection: Option<bool>,
    /// What becomes of the pin.
    pub pin: Pin,
    /// How long the stage may wait.
    pub deadline: Deadline,
}

/// What becomes of the pin that keeps later runs from going live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pin {
    /// A run goes live only when nothing, or itself, is pinned.
    #[default]
    Respect,
    /// A rollback pins the copy, then goes back on purpose.
    Set,
    /// A rollback to the latest copy ends the pinning.
    Release,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Pin the replication to this run, then look again.
    SetPin,
    /// Release the pin, then look again.
    ReleasePin,
    /// Attach the target's security groups and set deletion protection, then look again.
    Open,
    /// Move AWSCURRENT from the version that was seen.
    Promote {
        /// Whether a rotation that ended left AWSPENDING on that version, where it must not stay behind.
        after_rotation: bool,
    },
    /// Nothing, and never: the reason says why the copy does not go live, or that it is live already.
    Leave(Look),
    /// Nothing now.
    Wait(Look),
}

/// A newer live copy and a pin are respected, a rotation that is pending is waited for: it would end by moving
/// AWSCURRENT back to the old database.
pub fn plan(copy: &Copy, seen: &Seen<'_>, wanted: &Wanted<'_>, stage: &Stage) -> Result<Plan, Error> {
    let identifier = copy.identifier();
    let Some(instance) = seen.instance else { return Err(Error::DbInstanceNotFound(identifier)) };
    instance.check(copy)?;
    let wait =
        |status: &str, reason: String| Ok(Plan::Wait(stage.wait(status, None, wanted.deadline, reason)?));
    let leave = |status: &str, reason: String| Ok(Plan::Leave(stage.done(status, reason)));

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
    let live_copy = live.and_then(Copy::from_identifier);
    if let Some(other) = live_copy.as_ref().filter(|it| it.replication != copy.replication) {
        return Err(Error::SecretOfAnotherReplication { found: other.identifier() });
    }
    let pinned = seen.secret.tags.get(tag::PINNED).map(String::as_str);
    match wanted.pin {
        // First the pin: a run that goes live at this very moment must find it. And once: whoever pins after this
        // rollback means it.
        Pin::Set if stage.looks == 0 && pinned != Some(copy.run.as_str()) => return Ok(Plan::SetPin),
        Pin::Release if stage.looks == 0 && pinned.is_some() => return Ok(Plan::ReleasePin),
        _ => {}
    }
    if live == Some(&identifier) {
        // A rotation that began before the cut-over may still move AWSCURRENT back.
        return if pending.is_some() {
            wait_for_rotation()
        } else {
            leave("live", format!("DB instance {identifier} is live"))
        };
    }
    match pinned {
        // A rollback pins before it promotes, and goes back on purpose.
        Some(pinned) if pinned == copy.run.as_str() => {}
        Some(pinned) => {
            let reason =
                format!("the replication is pinned to run {pinned}: roll back to `latest` to release it");
            return leave("pinned", reason);
        }
        None => {
            if let Some(it) = live_copy.filter(|it| it.run > copy.run) {
                return leave("superseded", format!("run {} is live and newer", it.run));
            }
        }
    }
    if !instance.is_usable() {
        return wait(&instance.status, format!("DB instance {identifier} is {}", instance.status));
    }
    if !is_open(instance, wanted) {
        return Ok(Plan::Open);
    }
    if pending.is_some() {
        return wait_for_rotation();
    }
    let after_rotation = seen.secret.version_with(AWSPENDING) == Some(seen.current.version_id.as_str());
    Ok(Plan::Promote { after_rotation })
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

fn is_open(instance: &InstanceSeen, wanted: &Wanted<'_>) -> bool {
    let groups = BTreeSet::from_iter(&wanted.placement.vpc_security_group_ids);
    let same_groups = groups.is_empty() || groups == BTreeSet::from_iter(&instance.vpc_security_group_ids);
    same_groups && wanted.deletion_protection.is_none_or(|wanted| wanted == instance.deletion_protection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretValue;
    use std::collections::BTreeMap;

    #[test]
    fn a_copy_goes_live_unless_something_forbids_it() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let instance =
            InstanceSeen { status: "available".to_owned(), tags: copy.tags(), ..InstanceSeen::default() };
        let current = |live: &str| SecretVersion {
            version_id: "v1".to_owned(),
            value: SecretValue::parse(&format!("{{\"dbInstanceIdentifier\":\"{live}\"}}")).unwrap(),
        };
        let secret = |labels: &[(&str, &str)]| SecretSeen {
            stages: labels
                .iter()
                .map(|(v, l)| ((*v).to_owned(), vec![(*l).to_owned()]))
                .collect::<BTreeMap<_, _>>(),
            ..SecretSeen::default()
        };
        let idle = secret(&[("v1", "AWSCURRENT")]);
        let placement = Placement { vpc_security_group_ids: vec!["sg-1".to_owned()], ..Placement::default() };
        let check =
            |instance: &InstanceSeen, secret: &SecretSeen, live: &str, groups: bool, expected: &str| {
                let none = Placement::default();
                let wanted = Wanted {
                    placement: if groups { &placement } else { &none },
                    deletion_protection: Some(false),
                    pin: Pin::Respect,
                    deadline: Deadline::constant::<300>(),
                };
                let current = current(live);
                let seen = Seen { instance: Some(instance), secret, current: &current };
                let got = match plan(&copy, &seen, &wanted, &Stage::default()) {
                    Ok(Plan::Leave(look) | Plan::Wait(look)) => {
                        format!("done={} {}", look.done, look.stage.status.unwrap_or_default())
                    }
                    Ok(plan) => format!("{plan:?}"),
                    Err(error) => error.name().to_string(),
                };
                assert_eq!(got, expected, "{live}");
            };
        const PROMOTE: &str = "Promote { after_rotation: false }";
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
        check(&instance, &idle, "", true, "Open");
        let opened = InstanceSeen { vpc_security_group_ids: vec!["sg-1".to_owned()], ..instance.clone() };
        check(&opened, &idle, "", true, PROMOTE);
        check(&InstanceSeen { deletion_protection: true, ..instance.clone() }, &idle, "", false, "Open");
        check(
            &InstanceSeen { status: "modifying".to_owned(), ..instance.clone() },
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
        check(&instance, &ended, "", false, "Promote { after_rotation: true }");
        let mut left_behind = secret(&[("v1", "AWSCURRENT")]);
        left_behind.stages.insert("v0".to_owned(), vec!["AWSPREVIOUS".to_owned(), "AWSPENDING".to_owned()]);
        check(&instance, &left_behind, "", false, PROMOTE);
        check(&instance, &left_behind, "orders-20261120t160812z-3f9a", false, "done=true live");
        let mut pinned = idle.clone();
        pinned.tags.insert(tag::PINNED.to_owned(), "20261101t000000z-0000".to_owned());
        check(&instance, &pinned, "", false, "done=true pinned");
        pinned.tags.insert(tag::PINNED.to_owned(), copy.run.to_string());
        check(&instance, &pinned, "orders-20261121t160812z-0000", false, PROMOTE);
        check(
            &InstanceSeen { status: "failed".to_owned(), ..instance.clone() },
            &idle,
            "",
            false,
            "Snapferry.RestoreFailed",
        );
    }
}
