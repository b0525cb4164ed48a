//! How much an unplanned failover loses: the writes that the source took and the replica did not get.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Loss {
    /// At most the writes of so many seconds.
    Known {
        /// The seconds.
        seconds: u64,
    },
    /// Nobody knows: no sample was taken while the source lived.
    Unknown,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { seconds } => write!(f, "at most {seconds} s of writes"),
            Self::Unknown => f.write_str("an unknown amount of writes"),
        }
    }
}

/// The last sample of a replica while its source provably lived. `Evaluate` writes it in both Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sample {
    /// When the source last answered.
    pub lived_at: Timestamp,
    /// How far the replica was behind then, in seconds.
    pub lag_seconds: u64,
    /// When the source was first looked at without an answer since; absent while it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_at: Option<Timestamp>,
}

/// What a failover loses now.
///
/// The source lived at [`Sample::lived_at`] and may have taken writes until somebody found it silent, or until now when
/// nobody has looked since. ReplicaLag after the source died is only a clock, so it counts for nothing.
pub fn of_sample(sample: Option<&Sample>, now: Timestamp) -> Loss {
    let Some(sample) = sample else { return Loss::Unknown };
    let lived_until = sample.silent_at.unwrap_or(now);
    let seconds = lived_until.duration_since(sample.lived_at).as_secs();
    // A sample of the future comes from another clock.
    u64::try_from(seconds).map_or(Loss::Unknown, |it| Loss::Known { seconds: it + sample.lag_seconds })
}

/// The loss of several replicas: the worst of them.
pub fn worst(losses: impl IntoIterator<Item = Loss>) -> Loss {
    losses.into_iter().fold(Loss::Known { seconds: 0 }, |worst, it| match (worst, it) {
        (Loss::Known { seconds: one }, Loss::Known { seconds: other }) => {
            Loss::Known { seconds: one.max(other) }
        }
        _ => Loss::Unknown,
    })
}

/// What the operator accepts beyond the limit of the manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// So many seconds.
    pub seconds: Option<u64>,
    /// A loss that nobody knows.
    pub unknown: bool,
}

/// Whether a loss is within what is accepted.
pub fn is_accepted(loss: Loss, limit_seconds: u64, accepted: Accepted) -> bool {
    match loss {
        Loss::Known { seconds } => seconds <= accepted.seconds.unwrap_or(limit_seconds),
        Loss::Unknown => accepted.unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn the_loss_is_the_lag_and_the_time_in_which_the_source_may_have_lived() {
        let check = |sample: Option<(i64, u64, Option<i64>)>, now: i64, expected: Option<u64>| {
            let sample = sample.map(|(lived, lag_seconds, silent)| Sample {
                lived_at: at(lived),
                lag_seconds,
                silent_at: silent.map(at),
            });
            let expected = expected.map_or(Loss::Unknown, |seconds| Loss::Known { seconds });
            assert_eq!(of_sample(sample.as_ref(), at(now)), expected, "{sample:?} at {now}");
        };
        check(None, 0, None);
        check(Some((0, 3, Some(60))), 60, Some(63));
        // However late the failover comes, the source is silent since then.
        check(Some((0, 3, Some(60))), 7200, Some(63));
        // Nobody looked: the source may live even now.
        check(Some((0, 3, None)), 600, Some(603));
        check(Some((0, 0, Some(0))), 0, Some(0));
        check(Some((10, 0, None)), 0, None);
        check(Some((10, 0, Some(5))), 20, None);
    }

    #[test]
    fn the_worst_loss_counts_and_an_unknown_one_is_worse_than_any() {
        let known = |seconds| Loss::Known { seconds };
        assert_eq!(worst([]), known(0));
        assert_eq!(worst([known(3), known(7), known(5)]), known(7));
        assert_eq!(worst([known(3), Loss::Unknown, known(5)]), Loss::Unknown);
        assert_eq!(known(7).to_string(), "at most 7 s of writes");
        assert_eq!(Loss::Unknown.to_string(), "an unknown amount of writes");
        assert_eq!(json!(known(7)), json!({"known": {"seconds": 7}}));
        assert_eq!(json!(Loss::Unknown), "unknown");
    }

    // F7: no lag is looked at.
    #[test]
    fn a_loss_is_within_the_limit_or_accepted_by_name() {
        let check = |loss: Loss, accepted: Accepted, expected: bool| {
            assert_eq!(is_accepted(loss, 60, accepted), expected, "{loss:?} {accepted:?}");
        };
        let known = |seconds| Loss::Known { seconds };
        let seconds = |it| Accepted { seconds: Some(it), unknown: false };
        let unknown = Accepted { seconds: None, unknown: true };
        check(known(60), Accepted::default(), true);
        check(known(61), Accepted::default(), false);
        check(known(61), seconds(61), true);
        check(known(61), seconds(60), false);
        // The operator may also accept less than the manifest does.
        check(known(30), seconds(10), false);
        check(Loss::Unknown, Accepted::default(), false);
        check(Loss::Unknown, seconds(604_800), false);
        check(Loss::Unknown, unknown, true);
        // Who accepts an unknown loss does not accept a known one beyond the limit.
        check(known(61), unknown, false);
    }
}
