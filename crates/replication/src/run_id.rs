//! The identifier of a run.

use crate::replication_name::ReplicationName;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use step::InvalidIdentifier;

/// The identifier of one pass of a replication, such as `20261120t160812z-3f9a`; its order is the order in time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// Length of every run identifier, in characters.
    pub const LENGTH: usize = 21;

    /// The run that a schedule's tick makes: the same one however often the tick is delivered.
    pub fn scheduled(at: Timestamp, replication: &ReplicationName) -> Self {
        Self::of(at, replication.as_str())
    }

    /// The run that an execution makes which no schedule started.
    pub fn started(at: Timestamp, execution_arn: &str) -> Self {
        Self::of(at, execution_arn)
    }

    fn of(at: Timestamp, seed: &str) -> Self {
        let time = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dt%H%M%Sz").to_string();
        let hash = Sha256::digest(format!("{time} {seed}").as_bytes());
        Self(format!("{time}-{:02x}{:02x}", hash[0], hash[1]))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the run began, to the second.
    pub fn began_at(&self) -> Timestamp {
        run_time(&self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Whether it has begun, by a clock that may be an hour late. A run of the future would be newer than all that
    /// come until then, so none of those could go live.
    pub fn has_begun(&self, now: Timestamp) -> bool {
        self.began_at().duration_since(now) <= SignedDuration::from_hours(1)
    }
}

fn run_time(text: &str) -> Option<Timestamp> {
    let time = text.get(..16)?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dt%H%M%Sz", time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

impl TryFrom<String> for RunId {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        let bytes = text.as_bytes();
        let good = bytes.len() == Self::LENGTH
            && bytes[8] == b't'
            && bytes[15] == b'z'
            && bytes[16] == b'-'
            && bytes[..8].iter().chain(&bytes[9..15]).all(u8::is_ascii_digit)
            && bytes[17..].iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
            && run_time(&text).is_some();
        if good { Ok(Self(text)) } else { Err(InvalidIdentifier::new(&text, "a run", RUN_RULE)) }
    }
}

const RUN_RULE: &str = "it looks like 20261120t160812z-3f9a: a time in UTC and four hex digits";

impl From<RunId> for String {
    fn from(run: RunId) -> String {
        run.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ReplicationName {
        ReplicationName::try_from(text.to_owned()).unwrap()
    }

    // R7: constant names: one database an account, overlapping runs collide.
    // P1-21: the scheduler delivers twice.
    #[test]
    fn a_tick_delivered_twice_makes_one_run_and_executions_make_their_own() {
        let at: Timestamp = "2026-11-20T16:08:12Z".parse().unwrap();
        let orders = name("orders");
        // The tick and the replication make it, and nothing else that may differ from delivery to delivery.
        assert_eq!(RunId::scheduled(at, &orders).as_str(), "20261120t160812z-1440");
        assert_ne!(RunId::scheduled(at, &orders), RunId::scheduled(at, &name("users")));
        assert_ne!(RunId::started(at, "arn:1"), RunId::started(at, "arn:2"));
        let run = RunId::started(at, "arn:1");
        assert!(run.as_str().starts_with("20261120t160812z-"));
        assert_eq!(run.began_at(), at);
        assert_eq!(RunId::try_from(run.to_string()), Ok(run.clone()));
        assert_eq!(String::from(run.clone()), run.as_str());
    }

    #[test]
    fn a_run_may_begin_an_hour_ahead_of_this_clock_and_not_later() {
        let run = RunId::try_from("20261120t160812z-3f9a".to_owned()).unwrap();
        for (now, has_begun) in [
            ("2026-11-20T16:08:12Z", true),
            ("2026-11-20T15:08:12Z", true),
            ("2026-11-20T15:08:11Z", false),
            ("2036-11-20T00:00:00Z", true),
        ] {
            assert_eq!(run.has_begun(now.parse().unwrap()), has_begun, "{now}");
        }
    }

    #[test]
    fn only_real_times_are_runs() {
        for bad in [
            "",
            "20261120t160812z-3f9",
            "20261320t160812z-3f9a",
            "20261120t160812z-3F9A",
            "x0261120t160812z-3f9a",
        ] {
            assert!(RunId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
