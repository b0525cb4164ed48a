//! One failover, and every name that follows from it.

use crate::epoch::EpochId;
use crate::group_name::GroupName;
use serde::{Deserialize, Serialize};
use std::fmt;
use step::Tags;

/// Tag keys.
pub mod tag {
    /// The group that a DB instance belongs to.
    pub const GROUP: &str = "snapferry:group";
    /// On a DB instance: the last epoch that fenced or promoted it.
    pub const EPOCH: &str = "snapferry:epoch";
    /// On a DB instance that a failover promotes: the ARN of the primary that it replaces.
    pub const REPLACES: &str = "snapferry:replaces";
    /// On a primary that the guard quarantined: it must still be rebooted, so that its sessions end.
    pub const GUARDED: &str = "snapferry:guarded";
    /// On a DB instance that was fenced: the security groups that it had before.
    pub const SECURITY_GROUPS: &str = "snapferry:security-groups";
}

/// Whether the old Region takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// The old Region is alive: nothing is lost, or nothing is done.
    Planned,
    /// The old Region may be gone: what was not replicated is lost.
    Unplanned,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Planned => "planned",
            Self::Unplanned => "unplanned",
        })
    }
}

/// One failover of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The group.
    pub group: GroupName,
    /// The epoch that it begins.
    pub epoch: EpochId,
    /// Whether the old Region takes part.
    pub mode: Mode,
}

impl Run {
    /// `<group>-<number>-<region>`: the name of the execution, so that a second start is the same run.
    pub fn execution_name(group: &GroupName, epoch: &EpochId) -> String {
        format!("{group}-{epoch}")
    }

    /// The epoch in the name of an execution of this group. A resumed execution ends with `-r2`, `-r3`, and so on.
    pub fn epoch_of_execution(group: &GroupName, name: &str) -> Option<EpochId> {
        let rest = name.strip_prefix(group.as_str())?.strip_prefix('-')?;
        let resumed = |(epoch, count): (&str, &str)| {
            let is_count = !count.is_empty() && count.bytes().all(|it| it.is_ascii_digit());
            is_count.then(|| epoch.to_owned())
        };
        let epoch = rest.rsplit_once("-r").and_then(resumed).unwrap_or_else(|| rest.to_owned());
        EpochId::try_from(epoch).ok()
    }

    /// The tags of a DB instance that this run changes.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (tag::GROUP.to_owned(), self.group.to_string()),
            (tag::EPOCH.to_owned(), self.epoch.to_string()),
        ])
    }

    /// Whether this run changed a DB instance with these tags.
    pub fn changed(&self, tags: &Tags) -> bool {
        self.tags().iter().all(|(key, value)| tags.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(group: &str, epoch: &str) -> Run {
        Run {
            group: GroupName::try_from(group.to_owned()).unwrap(),
            epoch: EpochId::try_from(epoch.to_owned()).unwrap(),
            mode: Mode::Planned,
        }
    }

    #[test]
    fn the_name_of_an_execution_tells_the_epoch() {
        let check = |group: &str, name: &str, epoch: Option<&str>| {
            let group = GroupName::try_from(group.to_owned()).unwrap();
            let found = Run::epoch_of_execution(&group, name).map(|it| it.to_string());
            assert_eq!(found.as_deref(), epoch, "{name}");
        };
        check("shop", "shop-7-eu-west-1", Some("7-eu-west-1"));
        check("shop", "shop-7-eu-west-1-r2", Some("7-eu-west-1"));
        check("shop-r2", "shop-r2-7-eu-west-1-r12", Some("7-eu-west-1"));
        check("shop", "shop-2-7-eu-west-1", None);
        check("shop-2", "shop-2-7-eu-west-1", Some("7-eu-west-1"));
        check("shop", "shop-7-eu-west-1-rx", None);
        check("shop", "shop-7-eu-west-1-r", None);
        check("shop", "shops-7-eu-west-1", None);
        check("shop", "3f9a1c", None);
        let Run { group, epoch, .. } = run("shop", "7-eu-west-1");
        assert_eq!(Run::execution_name(&group, &epoch), "shop-7-eu-west-1");
    }

    #[test]
    fn a_run_knows_what_it_changed_by_group_and_epoch() {
        let run = run("shop", "7-eu-west-1");
        assert!(run.changed(&run.tags()));
        for (key, other) in [(tag::GROUP, "crm"), (tag::EPOCH, "6-eu-west-1")] {
            let mut tags = run.tags();
            tags.insert(key.to_owned(), other.to_owned());
            assert!(!run.changed(&tags), "{key}");
            tags.remove(key);
            assert!(!run.changed(&tags), "{key}");
        }
    }

    #[test]
    fn a_mode_is_one_word() {
        for mode in [Mode::Planned, Mode::Unplanned] {
            assert_eq!(json!(mode), mode.to_string());
        }
    }
}
