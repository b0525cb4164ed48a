//! Decides in which Regions an epoch is claimed, and what is written; sees only its arguments.

use failover::{EpochId, GroupName, Mode, Region};
use serde::{Deserialize, Serialize};
use serde_json::json;
use step::MESSAGE_VERSION;

/// A failover, as `Resolve` answered it, and its execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failover {
    /// The group.
    pub group: GroupName,
    /// The epoch.
    pub epoch: EpochId,
    /// Whether the old Region takes part.
    pub mode: Mode,
    /// The Region that goes out of service.
    pub from: Region,
    /// The Region that becomes active.
    pub to: Region,
    /// The ARN of the execution.
    pub execution_arn: String,
    /// When the execution began.
    pub started_at: String,
}

/// How an epoch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Its Region is active.
    Done,
    /// Nothing was promoted, and every fence was given back.
    Undone,
    /// A person gave it up.
    GivenUp,
}

impl Failover {
    /// The Regions that must take part, in the order in which they are called: alphabetical, so that of two failovers only
    /// one gets through.
    pub fn regions(&self) -> Vec<&Region> {
        let mut regions = match self.mode {
            Mode::Planned => vec![&self.from, &self.to],
            Mode::Unplanned => vec![&self.to],
        };
        regions.sort();
        regions
    }

    /// What is written at the beginning: the same whenever it is written.
    pub fn begins(&self, reason: &str) -> String {
        let Self { mode, from, to, execution_arn, started_at, .. } = self;
        let record = json!({
            "version": MESSAGE_VERSION, "mode": mode, "from": from, "to": to, "reason": reason,
            "executionArn": execution_arn, "startedAt": started_at,
        });
        record.to_string()
    }

    /// What is written at the end.
    pub fn ends(&self, outcome: Outcome) -> String {
        let record = json!({
            "version": MESSAGE_VERSION, "outcome": outcome, "executionArn": self.execution_arn,
        });
        record.to_string()
    }
}

/// What an epoch's parameter says of its failover.
#[derive(Debug, Deserialize)]
struct Begun {
    from: Region,
    to: Region,
}

/// Whether what stands there was written by this failover, or by an execution of it that it resumes.
pub fn is_ours(failover: &Failover, found: Option<&str>) -> bool {
    let begun: Option<Begun> = found.and_then(|it| serde_json::from_str(it).ok());
    begun.is_some_and(|it| it.from == failover.from && it.to == failover.to)
}

/// Whether an epoch ended as this failover says.
pub fn ended_so(outcome: Outcome, found: Option<&str>) -> bool {
    #[derive(Deserialize)]
    struct Ended {
        outcome: Outcome,
    }
    let ended: Option<Ended> = found.and_then(|it| serde_json::from_str(it).ok());
    ended.is_some_and(|it| it.outcome == outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failover(mode: Mode) -> Failover {
        let region = |it: &str| Region::try_from(it.to_owned()).unwrap();
        Failover {
            group: "shop".to_owned().try_into().unwrap(),
            epoch: "7-eu-central-1".to_owned().try_into().unwrap(),
            mode,
            from: region("eu-north-1"),
            to: region("eu-central-1"),
            execution_arn: "arn".to_owned(),
            started_at: "2026-11-28T20:00:00Z".to_owned(),
        }
    }

    #[test]
    fn a_planned_failover_claims_in_both_regions_and_always_in_the_same_order() {
        let names = |it: &Failover| it.regions().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&failover(Mode::Planned)), ["eu-central-1", "eu-north-1"]);
        let there = failover(Mode::Planned);
        let back = Failover { from: there.to.clone(), to: there.from.clone(), ..there };
        assert_eq!(names(&back), ["eu-central-1", "eu-north-1"]);
        assert_eq!(names(&failover(Mode::Unplanned)), ["eu-central-1"]);
    }

    #[test]
    fn an_epoch_is_ours_by_its_direction_and_ended_by_its_outcome() {
        let it = failover(Mode::Planned);
        assert!(is_ours(&it, Some(&it.begins("a drill"))));
        let back = Failover { from: it.to.clone(), to: it.from.clone(), ..failover(Mode::Planned) };
        for other in [None, Some("no JSON"), Some("{}"), Some(&*back.begins("a drill"))] {
            assert!(!is_ours(&it, other), "{other:?}");
        }
        assert!(ended_so(Outcome::Done, Some(&it.ends(Outcome::Done))));
        for other in [None, Some("{}"), Some(&*it.ends(Outcome::Undone))] {
            assert!(!ended_so(Outcome::Done, other), "{other:?}");
        }
    }
}
