//! Decides how a copy is opened to applications before it goes live; sees only its arguments.

use crate::copy::was_live;
use database::{Changes, Condition, DatabaseSeen};
use std::collections::BTreeSet;

/// What a copy is like once it is live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The security groups that applications come through; left as they are when there are none.
    pub vpc_security_group_ids: &'a [String],
    /// Whether RDS refuses to delete the copy; left as it is when absent.
    pub deletion_protection: Option<bool>,
    /// The days that automated backups are kept; left as it is when absent.
    pub backup_retention_period: Option<i32>,
    /// The DB parameter group that replaces that of the quarantine; left as it is when absent.
    pub db_parameter_group_name: Option<&'a str>,
}

/// What the copy needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// These changes.
    Change(Changes),
    /// A reboot, which applies its parameter group.
    Reboot,
    /// Patience: the reason says why.
    Patience(String),
    /// Nothing.
    Done,
}

/// A backup refuses changes and lasts for hours on large storage. So turning backups on comes last, and the copy goes
/// live during its first backup.
///
/// Turning backups on and a reboot restart the database. So a copy that was live before keeps its backups and its
/// parameter group: applications may be at work in it.
pub fn opening(seen: &DatabaseSeen, wanted: &Opened<'_>) -> Opening {
    let restarts = !was_live(seen);
    let group = wanted.db_parameter_group_name.filter(|it| restarts && *it != seen.parameter_group.name);
    let apply_status = seen.parameter_group.apply_status.as_str();
    let applied = group.is_none() && !matches!(apply_status, "applying" | "pending-reboot");
    let present_days = seen.settings.backup_retention_period.map_or(0, step::Bounded::as_i32);
    let days = wanted.backup_retention_period.filter(|it| restarts && applied && *it != present_days);

    let security_groups = BTreeSet::from_iter(wanted.vpc_security_group_ids);
    let same_groups =
        security_groups.is_empty() || security_groups == BTreeSet::from_iter(&seen.vpc_security_group_ids);
    let changes = Changes {
        vpc_security_group_ids: (!same_groups).then(|| wanted.vpc_security_group_ids.to_vec()),
        deletion_protection: wanted.deletion_protection.filter(|it| *it != seen.is_protected()),
        backup_retention_period: days,
        db_parameter_group_name: group.map(str::to_owned),
        ..Changes::default()
    };
    let identifier = seen.database.identifier();
    let needs_nothing = changes.is_empty() && (applied || !restarts);
    match seen.condition() {
        Condition::Usable | Condition::Serving if needs_nothing => Opening::Done,
        Condition::Usable if !changes.is_empty() => Opening::Change(changes),
        Condition::Usable if apply_status == "pending-reboot" => Opening::Reboot,
        Condition::Usable => {
            Opening::Patience(format!("DB instance {identifier} applies its parameter group"))
        }
        _ => Opening::Patience(format!("DB instance {identifier} is {}", seen.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::{Database, ParameterGroup};
    use replication::{DbInstanceSettings, tag};
    use step::{Bounded, Tags};

    fn seen(status: &str, days: i32, group: &str, apply_status: &str) -> DatabaseSeen {
        DatabaseSeen {
            status: status.to_owned(),
            vpc_security_group_ids: vec!["sg-quarantine".to_owned()],
            parameter_group: ParameterGroup { name: group.to_owned(), apply_status: apply_status.to_owned() },
            settings: DbInstanceSettings {
                backup_retention_period: Bounded::new(days),
                deletion_protection: Some(false),
                ..DbInstanceSettings::default()
            },
            ..DatabaseSeen::named(Database::Instance("orders".to_owned()))
        }
    }

    fn check(seen: &DatabaseSeen, wanted: &Opened<'_>, expected: &str) {
        let got = match opening(seen, wanted) {
            Opening::Change(it) => {
                let words = [
                    it.vpc_security_group_ids.map(|_| "groups"),
                    it.deletion_protection.map(|_| "protection"),
                    it.db_parameter_group_name.map(|_| "parameters"),
                    it.backup_retention_period.map(|_| "backups"),
                ];
                words.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            Opening::Reboot => "reboot".to_owned(),
            Opening::Patience(_) => "patience".to_owned(),
            Opening::Done => "done".to_owned(),
        };
        assert_eq!(got, expected, "{} {:?} {wanted:?}", seen.status, seen.parameter_group);
    }

    #[test]
    fn a_copy_is_opened_in_one_change_and_may_go_live_during_its_first_backup() {
        let groups = ["sg-applications".to_owned()];
        let wanted = Opened {
            vpc_security_group_ids: &groups,
            deletion_protection: Some(true),
            backup_retention_period: Some(7),
            db_parameter_group_name: None,
        };
        check(&seen("available", 0, "ours", "in-sync"), &wanted, "groups protection backups");
        check(&seen("storage-initialization", 0, "ours", "in-sync"), &wanted, "groups protection backups");
        check(&seen("modifying", 0, "ours", "in-sync"), &wanted, "patience");
        check(&seen("backing-up", 0, "ours", "in-sync"), &wanted, "patience");
        let mut opened = seen("backing-up", 7, "ours", "in-sync");
        opened.vpc_security_group_ids = groups.to_vec();
        opened.settings.deletion_protection = Some(true);
        check(&opened, &wanted, "done");
        check(&DatabaseSeen { status: "modifying".to_owned(), ..opened }, &wanted, "patience");
        check(&seen("available", 0, "ours", "in-sync"), &Opened::default(), "done");
    }

    #[test]
    fn the_quarantines_parameter_group_goes_with_a_reboot_before_backups_are_turned_on() {
        let wanted = Opened {
            backup_retention_period: Some(7),
            db_parameter_group_name: Some("ours"),
            ..Opened::default()
        };
        check(&seen("available", 0, "quarantine", "in-sync"), &wanted, "parameters");
        check(&seen("available", 0, "ours", "applying"), &wanted, "patience");
        check(&seen("available", 0, "ours", "pending-reboot"), &wanted, "reboot");
        check(&seen("rebooting", 0, "ours", "pending-reboot"), &wanted, "patience");
        check(&seen("available", 0, "ours", "in-sync"), &wanted, "backups");
        check(&seen("backing-up", 7, "ours", "in-sync"), &wanted, "done");
    }

    // Applications may be at work in it.
    #[test]
    fn a_copy_that_was_live_is_never_restarted() {
        let groups = ["sg-applications".to_owned()];
        let wanted = Opened {
            vpc_security_group_ids: &groups,
            backup_retention_period: Some(7),
            db_parameter_group_name: Some("ours"),
            ..Opened::default()
        };
        let tags = Tags::from([(tag::LAST_LIVE.to_owned(), String::new())]);
        let mut was_live = DatabaseSeen { tags, ..seen("available", 0, "quarantine", "pending-reboot") };
        check(&was_live, &wanted, "groups");
        was_live.vpc_security_group_ids = groups.to_vec();
        check(&was_live, &wanted, "done");
    }
}
