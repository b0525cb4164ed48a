//! The health of a target, from one check to the next.

use super::described::Checks;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The connection opened.
    Passed,
    /// Somebody refused it.
    Failed,
    /// Nobody answered in time.
    TimedOut,
}

/// The health of a registered target. The numbers count checks in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not known yet.
    Initial {
        /// Checks that it passed.
        passed: u32,
        /// Checks that it failed.
        failed: u32,
    },
    /// It gets connections.
    Healthy {
        /// Checks that it failed.
        failed: u32,
    },
    /// It gets none, unless no target of its group is healthy.
    Unhealthy {
        /// Checks that it passed.
        passed: u32,
        /// Was the last failure a silence?
        timed_out: bool,
    },
}

impl Health {
    /// That of a target which nobody has checked yet.
    pub const NEW: Self = Self::Initial { passed: 0, failed: 0 };

    /// Its health after one more check.
    #[must_use]
    pub fn after(self, outcome: Outcome, checks: &Checks) -> Self {
        let timed_out = outcome == Outcome::TimedOut;
        match (self, outcome) {
            (Self::Initial { passed, .. }, Outcome::Passed) => match passed + 1 {
                enough if enough >= checks.healthy_threshold => Self::Healthy { failed: 0 },
                passed => Self::Initial { passed, failed: 0 },
            },
            (Self::Initial { failed, .. }, _) => match failed + 1 {
                enough if enough >= checks.unhealthy_threshold => Self::Unhealthy { passed: 0, timed_out },
                failed => Self::Initial { passed: 0, failed },
            },
            (Self::Healthy { .. }, Outcome::Passed) => Self::Healthy { failed: 0 },
            (Self::Healthy { failed }, _) => match failed + 1 {
                enough if enough >= checks.unhealthy_threshold => Self::Unhealthy { passed: 0, timed_out },
                failed => Self::Healthy { failed },
            },
            (Self::Unhealthy { passed, timed_out }, Outcome::Passed) => match passed + 1 {
                enough if enough >= checks.healthy_threshold => Self::Healthy { failed: 0 },
                passed => Self::Unhealthy { passed, timed_out },
            },
            (Self::Unhealthy { .. }, _) => Self::Unhealthy { passed: 0, timed_out },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Outcome::*, *};

    fn check(outcomes: &[Outcome], expected: Health) {
        let checks = Checks {
            port: None,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            healthy_threshold: 3,
            unhealthy_threshold: 2,
        };
        let health = outcomes.iter().fold(Health::NEW, |health, outcome| health.after(*outcome, &checks));
        assert_eq!(health, expected, "{outcomes:?}");
    }

    // Rule of AWS: a target changes after as many checks in a row as its group's thresholds say.
    #[test]
    fn health_changes_after_as_many_checks_in_a_row_as_the_thresholds_say() {
        check(&[], Health::NEW);
        check(&[Passed, Passed], Health::Initial { passed: 2, failed: 0 });
        check(&[Passed, Passed, Passed], Health::Healthy { failed: 0 });
        check(&[Passed, Passed, Failed, Passed, Passed], Health::Initial { passed: 2, failed: 0 });
        check(&[Failed], Health::Initial { passed: 0, failed: 1 });
        check(&[Failed, TimedOut], Health::Unhealthy { passed: 0, timed_out: true });
        check(&[TimedOut, Failed], Health::Unhealthy { passed: 0, timed_out: false });
        let healthy = [Passed; 3];
        check(&[&healthy[..], &[Failed]].concat(), Health::Healthy { failed: 1 });
        check(&[&healthy[..], &[Failed, Passed, Failed]].concat(), Health::Healthy { failed: 1 });
        let ill = [&healthy[..], &[Failed, Failed]].concat();
        check(&ill, Health::Unhealthy { passed: 0, timed_out: false });
        check(&[&ill[..], &[Passed, Passed]].concat(), Health::Unhealthy { passed: 2, timed_out: false });
        check(
            &[&ill[..], &[Passed, Passed, TimedOut]].concat(),
            Health::Unhealthy { passed: 0, timed_out: true },
        );
        check(&[&ill[..], &healthy].concat(), Health::Healthy { failed: 0 });
    }
}
