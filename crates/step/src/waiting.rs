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

    /// The step must look again; how soon follows from `percent`, the last run, or the stage's age.
    pub fn wait(
        &self,
        status: &str,
        percent: Option<u8>,
        deadline: Deadline,
        reason: impl Into<String>,
    ) -> Result<Look, StageTimedOut> {
        self.wait_at_least(0, status, percent, deadline, reason)
    }

    /// The same, for what is known to take `least_seconds`.
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
        }
    }

    /// A quarter of the estimated time remaining, at most 300 s, and never less than 15 s or 0.5 % of the age.
    ///
    /// Without a percentage or a last run the estimate is the age itself: 2 % of it, at most 60 s. The floor keeps
    /// seven days of waiting under 1,500 looks, since an execution's history holds 25,000 events and a look is nine.
    fn wait_seconds(&self, percent: Option<u8>) -> u64 {
        let age = self.seconds;
        // 0 % means "queued", which says nothing about the time remaining.
        let remaining = match percent {
            Some(percent @ 1..=100) => Some(age * (100 - u64::from(percent)) / u64::from(percent)),
            _ => self.expected_seconds.map(|expected| expected.saturating_sub(age)),
        };
        let wanted = match remaining {
            Some(remaining) => (remaining / 4).min(300),
            None => (age / 50).min(60),
        };
        wanted.max(15).max(age / 200)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, expected_seconds: Option<u64>) -> Waiting {
        Waiting { seconds, expected_seconds, ..Waiting::default() }
    }

    #[test]
    fn a_wait_is_a_quarter_of_what_remains() {
        let check = |waiting: Waiting, percent, expected| {
            assert_eq!(waiting.wait_seconds(percent), expected, "{waiting:?} {percent:?}")
        };
        check(at(0, None), None, 15);
        check(at(0, Some(1200)), None, 300);
        check(at(800, Some(1200)), None, 100);
        check(at(1200, Some(1200)), None, 15);
        check(at(600, None), Some(50), 150);
        check(at(600, None), Some(99), 15);
        check(at(3000, None), Some(1), 300);
        check(at(2000, None), None, 40);
        check(at(6000, None), None, 60);
        check(at(6000, None), Some(0), 60);
        check(at(100_000, None), Some(99), 500);
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
                waiting = look.waiting;
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
