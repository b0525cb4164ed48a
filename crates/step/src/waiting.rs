//! How every step waits: the machine calls it again and again, and it says after how many seconds.

use crate::bounded::Bounded;
use serde::{Deserialize, Serialize};

/// How long a stage may wait in all, in seconds: five minutes to seven days, so that its looks fit into a history.
pub type Deadline = Bounded<300, 604_800>;

/// The deadline unless the settings say otherwise: 24 h.
pub const STAGE_DEADLINE: Deadline = Deadline::constant::<86_400>();

/// [`STAGE_DEADLINE`], as serde wants a default.
pub fn stage_deadline() -> Deadline {
    STAGE_DEADLINE
}

/// What a stage remembers from look to look; opaque to the state machine, which passes it back.
///
/// The stage's age is the sum of the waits that it asked for, so nothing depends on a clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Waiting {
    /// Seconds waited so far.
    pub seconds: u64,
    /// Looks so far.
    pub looks: u32,
    /// The status that the last look saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Seconds that the same stage took in the last run, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_seconds: Option<u64>,
    /// Seconds that it had waited when it set the service to work. An execution that is resumed may find the service at
    /// work already: then this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at_seconds: Option<u64>,
}

/// What a look answers; every step's answer carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Whether the step has nothing left to do.
    pub done: bool,
    /// Why, in words.
    pub reason: String,
    /// How far RDS says it is, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Seconds to wait before the next look; 0 when done.
    pub wait_seconds: u64,
    /// To be passed back with the next look.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// A stage has waited as long as the settings allow.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "gave up after {seconds} s in {looks} looks; last seen: {reason}. Raise `stageDeadlineSeconds` if it only needs longer, then resume the run"
)]
pub struct StageTimedOut {
    /// Seconds waited.
    pub seconds: u64,
    /// Looks made.
    pub looks: u32,
    /// What the last look saw.
    pub reason: String,
}

impl Waiting {
    /// The step has nothing left to do.
    pub fn done(&self, status: &str, reason: impl Into<String>) -> Look {
        Look {
            done: true,
            reason: reason.into(),
            percent: None,
            wait_seconds: 0,
            waiting: self.looked(status, 0),
        }
    }

    /// The step must look again; how soon follows from `percent`, from the last run, or from the stage's age.
    pub fn wait(
        &self,
        status: &str,
        percent: Option<u8>,
        deadline: Deadline,
        reason: impl Into<String>,
    ) -> Result<Look, StageTimedOut> {
        self.wait_at_least(0, status, percent, deadline, reason)
    }

    /// The step must look again, and what it waits for is there at once: it looks after a second. When the last look saw
    /// the same `status`, that was wrong, and it waits as for anything else.
    pub fn look_at_once(
        &self,
        status: &str,
        deadline: Deadline,
        reason: impl Into<String>,
    ) -> Result<Look, StageTimedOut> {
        let look = self.wait(status, None, deadline, reason)?;
        if self.saw(status) {
            return Ok(look);
        }
        Ok(Look { wait_seconds: 1, waiting: self.looked(status, 1), ..look })
    }

    /// The same as [`Self::wait`], for what is known to take `least_seconds`.
    pub fn wait_at_least(
        &self,
        least_seconds: u64,
        status: &str,
        percent: Option<u8>,
        deadline: Deadline,
        reason: impl Into<String>,
    ) -> Result<Look, StageTimedOut> {
        let (reason, deadline_seconds) = (reason.into(), deadline.as_u64());
        if self.seconds >= deadline_seconds {
            return Err(StageTimedOut { seconds: self.seconds, looks: self.looks + 1, reason });
        }
        let wait_seconds = self.wait_seconds(percent).max(least_seconds).min(deadline_seconds - self.seconds);
        Ok(Look { done: false, reason, percent, wait_seconds, waiting: self.looked(status, wait_seconds) })
    }

    /// A refusal that passes by itself while permissions come through: it is asked again twice, with pauses that add up
    /// to five minutes. `None` once it has been refused three times.
    ///
    /// Source: KMS API, CreateGrant, eventual consistency, usually under five minutes; RDS User Guide, tagging: changes
    /// of tags can take several minutes to count in policies.
    pub fn refused(
        &self,
        deadline: Deadline,
        reason: impl Into<String>,
    ) -> Result<Option<Look>, StageTimedOut> {
        const PAUSE_SECONDS: u64 = 150;
        let status = match self.status.as_deref() {
            Some("refused twice") => return Ok(None),
            Some("refused") => "refused twice",
            _ => "refused",
        };
        self.wait_at_least(PAUSE_SECONDS, status, None, deadline, reason).map(Some)
    }

    /// The step has set the service to work: what came before was no work, but patience.
    pub fn started(self) -> Self {
        Self { started_at_seconds: Some(self.seconds), ..self }
    }

    /// How long the service has worked, in seconds. `None` when another execution set it to work: its waits are not
    /// known here.
    pub fn worked_seconds(&self) -> Option<u64> {
        Some(self.seconds.saturating_sub(self.started_at_seconds?))
    }

    /// Whether the look before this one saw this status.
    pub fn saw(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }

    fn looked(&self, status: &str, wait_seconds: u64) -> Self {
        Self {
            seconds: self.seconds + wait_seconds,
            looks: self.looks + 1,
            status: Some(status.to_owned()),
            expected_seconds: self.expected_seconds,
            started_at_seconds: self.started_at_seconds,
        }
    }

    /// Until seven eighths of the estimated time have passed, the next look is then, but at most 300 s away. From there
    /// on the looks come each forty-fifth of the estimate, 15 to 38 s apart.
    ///
    /// The estimate is the smaller one of two: what RDS's percentage leads to, and how long the stage took in the last
    /// run. Both count from the moment at which RDS was set to work. Without any, or long after the last run's time, the
    /// wait is 2 % of the age, at most 60 s. It is never less than 0.5 % of the whole age: that keeps seven days of
    /// waiting under 1,500 looks, since an execution's history holds 25,000 events and a look is nine.
    /// `tests/simulated.rs` prints what these numbers lead to.
    fn wait_seconds(&self, percent: Option<u8>) -> u64 {
        let age = self.worked_seconds().unwrap_or(self.seconds);
        let by_percent = percent.filter(|it| (TELLING_PERCENT..=100).contains(it));
        let by_percent = by_percent.map(|percent| age * 100 / u64::from(percent));
        let by_last_run = self.expected_seconds.filter(|expected| age < expected * 5 / 4);
        let wanted = match [by_percent, by_last_run].into_iter().flatten().min() {
            Some(estimate) => {
                let wanted = (estimate * 7 / 8).saturating_sub(age).max((estimate / 45).min(38));
                // A percentage is rounded and does not grow evenly: it says less about a time longer than the age.
                if by_last_run.is_none() { wanted.min(age) } else { wanted }.min(300)
            }
            None => (age / 50).min(60),
        };
        wanted.max(LEAST_SECONDS).max(self.seconds / 200)
    }
}

/// The least pause between two looks, unless the act before the look has its effect at once.
const LEAST_SECONDS: u64 = 15;

/// RDS says whole percentages: the first few say next to nothing about the time remaining, and 0 means "queued".
const TELLING_PERCENT: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, expected_seconds: Option<u64>) -> Waiting {
        Waiting { seconds, expected_seconds, ..Waiting::default() }
    }

    #[test]
    fn looks_are_rare_until_seven_eighths_of_the_estimate() {
        let check = |waiting: Waiting, percent, expected| {
            assert_eq!(waiting.wait_seconds(percent), expected, "{waiting:?} {percent:?}")
        };
        // No estimate: 2 % of the age.
        check(at(0, None), None, 15);
        check(at(2000, None), None, 40);
        check(at(6000, None), None, 60);
        check(at(6000, None), Some(0), 60);
        // The last run took 1,200 s: to 1,050 s, then each 26 s until 1,500 s.
        check(at(0, Some(1200)), None, 300);
        check(at(800, Some(1200)), None, 250);
        check(at(1050, Some(1200)), None, 26);
        check(at(1200, Some(1200)), None, 26);
        check(at(1499, Some(1200)), None, 26);
        check(at(2000, Some(1200)), None, 40);
        check(at(60, Some(60)), None, 15);
        check(at(3600, Some(3600)), None, 38);
        // A percentage: 600 s are half of 1,200 s, and never more than the age.
        check(at(600, None), Some(50), 300);
        check(at(700, None), Some(60), 300);
        check(at(700, None), Some(70), 175);
        check(at(600, None), Some(99), 15);
        check(at(15, None), Some(12), 15);
        check(at(60, None), Some(10), 60);
        check(at(100_000, None), Some(99), 500);
        // It says nothing yet.
        check(at(60, None), Some(9), 15);
        check(at(600, None), Some(1), 15);
        // The smaller of both.
        check(at(600, Some(800)), Some(20), 100);
        check(at(600, Some(6000)), Some(75), 100);
        check(at(60, Some(3600)), Some(10), 300);
    }

    // A copy that waited in a queue must not look at RDS as rarely as one that is an hour old.
    #[test]
    fn the_estimates_count_from_the_moment_at_which_rds_was_set_to_work() {
        let queued = at(3_000, None);
        assert_eq!((queued.wait_seconds(None), queued.worked_seconds()), (60, None));
        let started = queued.started();
        assert_eq!((started.wait_seconds(None), started.worked_seconds()), (15, Some(0)));
        let later = started.looked("copying", 600);
        assert_eq!((later.wait_seconds(Some(50)), later.worked_seconds()), (300, Some(600)));
        let expected = Waiting { expected_seconds: Some(1_200), ..later };
        assert_eq!(expected.wait_seconds(None), 300);
    }

    #[test]
    fn what_is_there_at_once_is_looked_at_after_a_second_but_not_again_and_again() {
        let deadline = Deadline::constant::<3_600>();
        let first = at(100, None).look_at_once("pinned", deadline, "pinned").unwrap();
        assert_eq!((first.done, first.wait_seconds, first.waiting.seconds), (false, 1, 101));
        let second = first.waiting.look_at_once("pinned", deadline, "pinned").unwrap();
        assert_eq!((second.wait_seconds, second.waiting.seconds), (15, 116));
        assert_eq!(second.waiting.look_at_once("moved", deadline, "moved").unwrap().wait_seconds, 1);
        assert!(at(3_600, None).look_at_once("pinned", deadline, "pinned").is_err());
    }

    // P1-12: waiting exhausts the event history.
    #[test]
    fn seven_days_stay_under_1500_looks_whatever_the_estimate() {
        for (percent, expected) in [
            (None, None),
            (None, Some(1)),
            (Some(99), None),
            (Some(100), None),
            (Some(1), None),
            (Some(0), None),
        ] {
            let mut waiting = at(0, expected);
            while let Ok(look) = waiting.wait("copying", percent, Deadline::constant::<604_800>(), "copying")
            {
                // It waits in a queue for two days first.
                let starts = waiting.started_at_seconds.is_none() && waiting.seconds > 172_800;
                waiting = if starts { look.waiting.started() } else { look.waiting };
            }
            assert!(waiting.looks < 1500, "{percent:?} {expected:?}: {} looks", waiting.looks);
        }
    }

    #[test]
    fn a_refusal_is_asked_again_twice_in_five_minutes() {
        let deadline = Deadline::constant::<3_600>();
        let refused = |waiting: &Waiting| waiting.refused(deadline, "denied").unwrap();
        let first = refused(&at(600, None)).unwrap().waiting;
        let second = refused(&first).unwrap().waiting;
        assert!(first.saw("refused") && second.saw("refused twice") && !second.saw("refused"));
        assert_eq!(second.seconds - 600, 300);
        assert_eq!(refused(&second), None);
        // What was seen in between begins the count anew.
        assert!(refused(&second.wait("creating", None, deadline, "creating").unwrap().waiting).is_some());
        assert!(at(3_600, None).refused(deadline, "denied").is_err());
    }

    // R4: no retry, no time-out, hopeless statuses wait for a year.
    #[test]
    fn a_stage_ends_at_its_deadline_exactly() {
        let look = at(290, None).wait("creating", None, Deadline::constant::<300>(), "creating").unwrap();
        assert_eq!((look.wait_seconds, look.waiting.seconds), (10, 300));
        let over = look.waiting.wait("creating", None, Deadline::constant::<300>(), "creating").unwrap_err();
        assert_eq!((over.seconds, over.looks), (300, 2));
    }
}
