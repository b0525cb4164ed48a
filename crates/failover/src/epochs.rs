//! The epochs of a group that are known, and which one a failover may begin.

use crate::epoch::EpochId;
use crate::group_name::GroupName;
use crate::region::Region;
use crate::run::Run;
use std::collections::BTreeMap;
use step::ErrorName;

/// The epochs of a group, each with whether it has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Epochs(BTreeMap<EpochId, bool>);

/// The epoch of a failover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The epoch.
    pub epoch: EpochId,
    /// Whether an earlier execution began it.
    pub is_resumed: bool,
}

/// Why a failover must not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum EpochRefused {
    #[error("execution {name} {problem}: start it under the name {right}")]
    WrongEpoch { name: String, problem: &'static str, right: String },
    #[error(
        "epoch {open} of group {group} has not ended: resume that failover as execution {resumed} of its Region's machine, or \
         give it up with `\"giveUp\": \"{open}\"` in the input"
    )]
    EpochNotEnded { group: GroupName, open: EpochId, resumed: String },
}

impl EpochRefused {
    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::WrongEpoch { .. } => ErrorName::WrongEpoch,
            Self::EpochNotEnded { .. } => ErrorName::EpochNotEnded,
        }
    }
}

impl Epochs {
    /// What the names of the SSM parameters below [`GroupName::epochs_path`] say.
    pub fn of<'a>(group: &GroupName, parameters: impl IntoIterator<Item = &'a str>) -> Self {
        let path = format!("{}/", group.epochs_path());
        let mut epochs = BTreeMap::new();
        for name in parameters.into_iter().filter_map(|it| it.strip_prefix(&path)) {
            let (id, rest) = name.split_once('/').unwrap_or((name, ""));
            if let Ok(id) = EpochId::try_from(id.to_owned()) {
                *epochs.entry(id).or_default() |= rest == "ended";
            }
        }
        Self(epochs)
    }

    /// What both Regions know. An epoch that has ended in one of them has ended.
    pub fn and(mut self, other: Self) -> Self {
        for (id, is_ended) in other.0 {
            *self.0.entry(id).or_default() |= is_ended;
        }
        self
    }

    /// The epochs beside this one that have not ended.
    pub fn open_beside<'a>(&'a self, epoch: &'a EpochId) -> impl Iterator<Item = &'a EpochId> {
        self.0.iter().filter(move |(id, is_ended)| !**is_ended && *id != epoch).map(|(id, _)| id)
    }

    /// The epoch of an execution of this name that makes `to` the active Region: the next one, or one that has not ended.
    /// `given_up` is an epoch that a person gives up.
    pub fn begin(
        &self,
        group: &GroupName,
        to: &Region,
        name: &str,
        given_up: Option<&EpochId>,
    ) -> Result<Begun, EpochRefused> {
        let number = self.0.keys().map(|it| it.number).max().unwrap_or_default() + 1;
        let next = EpochId { number, to: to.clone() };
        let wrong = |problem| {
            let right = Run::execution_name(group, &next);
            Err(EpochRefused::WrongEpoch { name: name.to_owned(), problem, right })
        };
        let named = Run::epoch_of_execution(group, name).filter(|it| it.to == *to);
        if let Some(open) = self.open_beside(named.as_ref().unwrap_or(&next)).find(|it| Some(*it) != given_up)
        {
            let resumed = format!("{}-r2", Run::execution_name(group, open));
            return Err(EpochRefused::EpochNotEnded { group: group.clone(), open: open.clone(), resumed });
        }
        match named {
            None => wrong("is not called after the group, its next epoch and the Region that becomes active"),
            Some(epoch) => match self.0.get(&epoch) {
                Some(false) => Ok(Begun { epoch, is_resumed: true }),
                Some(true) => wrong("is of an epoch that has ended"),
                None if epoch == next => Ok(Begun { epoch, is_resumed: false }),
                None => wrong("is not of the next epoch"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(text: &str) -> EpochId {
        EpochId::try_from(text.to_owned()).unwrap()
    }

    fn shop() -> GroupName {
        GroupName::try_from("shop".to_owned()).unwrap()
    }

    fn epochs(names: &[&str]) -> Epochs {
        let names: Vec<String> =
            names.iter().map(|it| format!("/snapferry/groups/shop/epochs/{it}")).collect();
        Epochs::of(&shop(), names.iter().map(String::as_str))
    }

    // F7: nothing holds off a second run, or one in the other direction.
    #[test]
    fn a_failover_begins_the_next_epoch_or_resumes_one_that_has_not_ended() {
        let check = |known: &[&str], name: &str, given_up: Option<&str>, expected: Result<&str, &str>| {
            let (to, given_up) = (epoch("1-eu-north-1").to, given_up.map(epoch));
            let begun = epochs(known).begin(&shop(), &to, name, given_up.as_ref());
            let told = match &begun {
                Ok(it) => Ok(format!("{}{}", it.epoch, if it.is_resumed { " again" } else { "" })),
                Err(refused) => Err(refused.to_string()),
            };
            match (told, expected) {
                (Ok(told), Ok(expected)) => assert_eq!(told, expected, "{known:?} {name}"),
                (Err(told), Err(expected)) => assert!(told.contains(expected), "{known:?} {name}: {told}"),
                (told, expected) => panic!("{known:?} {name}: {told:?}, not {expected:?}"),
            }
        };
        check(&[], "shop-1-eu-north-1", None, Ok("1-eu-north-1"));
        check(&[], "shop-1-eu-north-1-r2", None, Ok("1-eu-north-1"));
        check(&[], "shop-2-eu-north-1", None, Err("under the name shop-1-eu-north-1"));
        check(&[], "shop-1-eu-central-1", None, Err("under the name shop-1-eu-north-1"));
        check(&[], "3f9a", None, Err("under the name shop-1-eu-north-1"));
        let ended = ["9-eu-central-1", "9-eu-central-1/ended", "9-eu-central-1/approval", "unheard"];
        check(&ended, "shop-10-eu-north-1", None, Ok("10-eu-north-1"));
        check(&ended, "shop-9-eu-north-1", None, Err("under the name shop-10-eu-north-1"));
        let ours = ["9-eu-north-1", "9-eu-north-1/ended"];
        check(&ours, "shop-9-eu-north-1", None, Err("has ended: start it under the name shop-10-eu-north-1"));
        let open = ["7-eu-north-1", "6-eu-central-1", "6-eu-central-1/ended"];
        check(&open, "shop-7-eu-north-1-r2", None, Ok("7-eu-north-1 again"));
        check(
            &open,
            "shop-8-eu-north-1",
            None,
            Err("resume that failover as execution shop-7-eu-north-1-r2"),
        );
        check(&open, "shop-8-eu-north-1", Some("7-eu-north-1"), Ok("8-eu-north-1"));
        check(&open, "shop-8-eu-north-1", Some("6-eu-central-1"), Err("7-eu-north-1"));
        let other = ["7-eu-central-1"];
        check(&other, "shop-8-eu-north-1", None, Err("epoch 7-eu-central-1 of group shop has not ended"));
        check(&other, "shop-8-eu-north-1", Some("7-eu-central-1"), Ok("8-eu-north-1"));
        // Divergent histories: each Region went on by itself.
        let divergent = ["7-eu-central-1", "7-eu-north-1"];
        check(&divergent, "shop-7-eu-north-1-r2", None, Err("epoch 7-eu-central-1"));
        check(&divergent, "shop-7-eu-north-1-r2", Some("7-eu-central-1"), Ok("7-eu-north-1 again"));
    }

    #[test]
    fn what_has_ended_in_one_region_has_ended() {
        let both =
            epochs(&["7-eu-north-1"]).and(epochs(&["7-eu-north-1", "7-eu-north-1/ended", "8-eu-central-1"]));
        let open: Vec<String> = both.open_beside(&epoch("1-eu-north-1")).map(EpochId::to_string).collect();
        assert_eq!(open, ["8-eu-central-1"]);
        assert_eq!(both.open_beside(&epoch("8-eu-central-1")).count(), 0);
        assert_eq!(
            epochs(&["7-eu-north-1/ended"]).and(epochs(&["7-eu-north-1"])),
            epochs(&["7-eu-north-1/ended"])
        );
    }
}
