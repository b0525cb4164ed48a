//! What is kept and what is deleted, decided from what was seen; the caller acts on it.

use crate::run_id::RunId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use step::Bounded;

/// What the target account keeps.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TargetRetention {
    /// How many good copies to keep beside the live one.
    pub copies: Bounded<0, 10>,
    /// A copy that was live this many hours ago is kept whatever the count.
    pub cutover_grace_hours: Bounded<0, 8760>,
    /// What a failed run left is kept this many hours.
    pub failed_copy_hours: Bounded<1, 8760>,
}

impl Default for TargetRetention {
    fn default() -> Self {
        Self {
            copies: Bounded::constant::<1>(),
            cutover_grace_hours: Bounded::constant::<24>(),
            failed_copy_hours: Bounded::constant::<72>(),
        }
    }
}

/// What the source account keeps: a snapshot is deleted only when it is past the count *and* past the age, since a
/// copy queued in the target account still needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SourceRetention {
    /// How many runs' snapshots to keep.
    pub runs: Bounded<1, 50>,
    /// The age below which a run's snapshots are kept whatever the count, in hours.
    pub min_age_hours: Bounded<1, 8760>,
}

impl Default for SourceRetention {
    fn default() -> Self {
        Self { runs: Bounded::constant::<2>(), min_age_hours: Bounded::constant::<72>() }
    }
}

/// What was seen of one run; only of things that it provably made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSeen {
    /// Whether it got as far as credentials of its own: a copy that could go live.
    pub good: bool,
    /// Whether nothing but its secret or log groups is left: a deletion that was interrupted.
    pub remains: bool,
    /// When it was last known to be live, when it was.
    pub last_live: Option<Timestamp>,
    /// When the newest of its things was made: a run that was resumed is as young as that.
    pub newest: Option<Timestamp>,
    /// Whether an operator tagged any part of it to be kept.
    pub keep: bool,
}

impl RunSeen {
    /// When the run was last known to be at work.
    fn began_at(&self, run: &RunId) -> Timestamp {
        self.newest.map_or(run.began_at(), |newest| newest.max(run.began_at()))
    }
}

/// What becomes of one run, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Kept: the application's secret names it.
    KeepLive,
    /// Kept: the application's secret does not say which copy is live, so it may be this one.
    KeepPerhapsLive,
    /// Kept: the application's secret pins it.
    KeepPinned,
    /// Kept: this very run is at work.
    KeepCurrent,
    /// Kept: it was live within the grace.
    KeepWithinGrace,
    /// Kept: an operator said so.
    KeepTagged,
    /// Kept: it is among the latest.
    KeepLatest,
    /// Kept: it is a target of a lane, until another copy takes that lane.
    KeepInLane,
    /// Kept: too young to be deleted.
    KeepYoung,
    /// Deleted: newer ones are kept instead.
    DeleteSuperseded,
    /// Deleted: what a failed run left, past its time.
    DeleteFailed,
    /// Deleted: the secret or log groups of a database that is gone, with nothing left to restore it from.
    DeleteRemains,
}

impl Verdict {
    /// Whether the run's remains are deleted.
    pub fn delete(self) -> bool {
        matches!(self, Self::DeleteSuperseded | Self::DeleteFailed | Self::DeleteRemains)
    }
}

/// What the application's secret leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Every copy of this replication that it may lead to: by name, and by endpoint.
    pub runs: BTreeSet<RunId>,
    /// Whether it may lead to yet another one: to a name or a host that nobody here knows.
    pub uncertain: bool,
}

/// What bounds a decision in the target account beside the runs themselves.
#[derive(Debug)]
pub struct TargetFacts<'a> {
    /// The time.
    pub now: Timestamp,
    /// The run that is at work, when one is.
    pub current: Option<&'a RunId>,
    /// What the application's secret leads to.
    pub live: &'a Live,
    /// The run that the application's secret pins, when it pins one.
    pub pinned: Option<&'a RunId>,
}

/// Decides for the target account: keep the live copy, whatever was live within the grace, the latest others and what
/// is tagged to be kept; delete the rest, and what failed runs left once that is old enough.
pub fn of_target(
    facts: &TargetFacts<'_>,
    retention: &TargetRetention,
    seen: &BTreeMap<RunId, RunSeen>,
) -> BTreeMap<RunId, Verdict> {
    let within = |at: Timestamp, hours: i64| is_younger(at, facts.now, hours);
    let mut others = 0;
    let mut verdicts = BTreeMap::new();
    for (run, it) in seen.iter().rev() {
        let young = within(it.began_at(run), retention.failed_copy_hours.into());
        let verdict = if facts.live.runs.contains(run) {
            Verdict::KeepLive
        } else if it.good && facts.live.uncertain {
            Verdict::KeepPerhapsLive
        } else if facts.pinned == Some(run) {
            Verdict::KeepPinned
        } else if facts.current == Some(run) {
            Verdict::KeepCurrent
        } else if it.keep {
            Verdict::KeepTagged
        } else if it.last_live.is_some_and(|at| within(at, retention.cutover_grace_hours.into())) {
            Verdict::KeepWithinGrace
        } else if it.good && facts.live.runs.last().is_some_and(|live| live < run) && young {
            // It may be about to go live: another execution of this replication is at work on it.
            Verdict::KeepYoung
        } else if it.remains && !facts.live.uncertain {
            Verdict::DeleteRemains
        } else if !it.good {
            if young { Verdict::KeepYoung } else { Verdict::DeleteFailed }
        } else if others < retention.copies.as_u64() {
            Verdict::KeepLatest
        } else {
            Verdict::DeleteSuperseded
        };
        others += u64::from(verdict == Verdict::KeepLatest);
        verdicts.insert(run.clone(), verdict);
    }
    verdicts
}

/// Whether something is not yet so many hours old.
fn is_younger(at: Timestamp, now: Timestamp, hours: i64) -> bool {
    now.duration_since(at) < SignedDuration::from_hours(hours)
}

/// Decides for the source account: delete only what is past the count *and* past the minimum age.
pub fn of_source(
    now: Timestamp,
    current: Option<&RunId>,
    retention: &SourceRetention,
    seen: &BTreeMap<RunId, RunSeen>,
) -> BTreeMap<RunId, Verdict> {
    let mut latest = 0;
    let mut verdicts = BTreeMap::new();
    for (run, it) in seen.iter().rev() {
        let verdict = if current == Some(run) {
            Verdict::KeepCurrent
        } else if it.keep {
            Verdict::KeepTagged
        } else if it.good && latest < retention.runs.as_u64() {
            Verdict::KeepLatest
        } else if is_younger(it.began_at(run), now, retention.min_age_hours.into()) {
            Verdict::KeepYoung
        } else if it.good {
            Verdict::DeleteSuperseded
        } else {
            Verdict::DeleteFailed
        };
        if it.good && verdict != Verdict::KeepTagged {
            latest += 1;
        }
        verdicts.insert(run.clone(), verdict);
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(day: u32) -> RunId {
        RunId::try_from(format!("202611{day:02}t000000z-0000")).unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-20T00:00:00Z".parse().unwrap()
    }

    fn source_retention(runs: i64, min_age_days: i64) -> SourceRetention {
        SourceRetention {
            runs: runs.try_into().unwrap(),
            min_age_hours: (24 * min_age_days).try_into().unwrap(),
        }
    }

    fn live(run: RunId) -> Live {
        Live { runs: BTreeSet::from([run]), uncertain: false }
    }

    fn good() -> RunSeen {
        RunSeen { good: true, ..RunSeen::default() }
    }

    // R12: a failed run leaves its remains for ever.
    // P1-17: the outgoing copy is deleted minutes after the cut-over.
    #[test]
    fn the_target_keeps_live_grace_latest_and_tagged_and_deletes_the_rest() {
        let seen = BTreeMap::from([
            (run(19), RunSeen::default()), // failed yesterday
            (run(18), good()),
            (run(17), RunSeen { last_live: Some("2026-11-19T12:00:00Z".parse().unwrap()), ..good() }),
            (run(16), good()),
            (run(15), good()),
            (run(14), RunSeen { keep: true, ..good() }),
            (run(13), good()),
            (run(12), RunSeen { last_live: Some("2026-11-18T12:00:00Z".parse().unwrap()), ..good() }),
            (run(11), RunSeen::default()), // failed long ago
        ]);
        let (live, pinned) = (live(run(18)), run(13));
        let facts = TargetFacts { now: now(), current: None, live: &live, pinned: Some(&pinned) };
        let verdicts = of_target(&facts, &TargetRetention::default(), &seen);
        let expected = [
            (19, Verdict::KeepYoung),
            (18, Verdict::KeepLive),
            (17, Verdict::KeepWithinGrace),
            (16, Verdict::KeepLatest),
            (15, Verdict::DeleteSuperseded),
            (14, Verdict::KeepTagged),
            (13, Verdict::KeepPinned),
            (12, Verdict::DeleteSuperseded),
            (11, Verdict::DeleteFailed),
        ];
        for (day, verdict) in expected {
            assert_eq!(verdicts[&run(day)], verdict, "{day}");
        }
    }

    #[test]
    fn a_span_ends_at_its_last_hour_exactly() {
        let at: Timestamp = "2026-11-19T00:00:00Z".parse().unwrap();
        assert!(is_younger(at, now(), 25) && !is_younger(at, now(), 24) && !is_younger(at, now(), 23));
    }

    // R10: everything with one tag is deleted, the live database too.
    #[test]
    fn the_live_copy_is_kept_though_it_is_the_oldest_and_nothing_else_is_asked_for() {
        let seen = BTreeMap::from([(run(1), good()), (run(2), good())]);
        let live = live(run(1));
        let facts = TargetFacts { now: now(), current: None, live: &live, pinned: None };
        let retention =
            serde_json::from_str(r#"{"copies": 0, "cutoverGraceHours": 0, "failedCopyHours": 1}"#).unwrap();
        let verdicts = of_target(&facts, &retention, &seen);
        assert_eq!((verdicts[&run(1)], verdicts[&run(2)]), (Verdict::KeepLive, Verdict::DeleteSuperseded));
    }

    #[test]
    fn a_copy_that_is_about_to_go_live_is_kept_and_so_is_a_run_that_was_resumed() {
        let at_work = |at: &str| Some(at.parse().unwrap());
        let seen = BTreeMap::from([
            (run(18), good()),
            (run(19), RunSeen { newest: at_work("2026-11-19T23:00:00Z"), ..good() }),
            (run(1), RunSeen { newest: at_work("2026-11-19T23:00:00Z"), ..RunSeen::default() }),
        ]);
        let live = live(run(18));
        let facts = TargetFacts { now: now(), current: None, live: &live, pinned: None };
        let retention = serde_json::from_str(r#"{"copies": 0}"#).unwrap();
        let verdicts = of_target(&facts, &retention, &seen);
        assert_eq!((verdicts[&run(19)], verdicts[&run(1)]), (Verdict::KeepYoung, Verdict::KeepYoung));
        assert!(!of_source(now(), None, &source_retention(1, 1), &seen)[&run(1)].delete());
    }

    #[test]
    fn what_an_interrupted_deletion_left_goes_whatever_its_age() {
        let remains = RunSeen { remains: true, ..RunSeen::default() };
        let seen = BTreeMap::from([
            (run(16), RunSeen { keep: true, ..remains.clone() }),
            // Of less than 72 hours ago.
            (run(17), RunSeen { newest: Some(now()), ..remains.clone() }),
            (run(18), good()),
            (run(19), remains),
        ]);
        let (mut live, current) = (live(run(18)), run(19));
        let check = |live: &Live, verdict| {
            let facts = TargetFacts { now: now(), current: Some(&current), live, pinned: None };
            let verdicts = of_target(&facts, &TargetRetention::default(), &seen);
            assert_eq!(
                [&verdicts[&run(16)], &verdicts[&run(17)], &verdicts[&run(19)]],
                [&Verdict::KeepTagged, &verdict, &Verdict::KeepCurrent]
            );
        };
        check(&live, Verdict::DeleteRemains);
        live.uncertain = true;
        check(&live, Verdict::KeepYoung);
    }

    #[test]
    fn no_good_copy_is_deleted_while_it_is_not_known_which_one_is_live() {
        let seen = BTreeMap::from([(run(1), good()), (run(2), good()), (run(3), RunSeen::default())]);
        let facts = TargetFacts {
            now: now(),
            current: None,
            live: &Live { uncertain: true, ..Live::default() },
            pinned: None,
        };
        let retention = serde_json::from_str(r#"{"copies": 0}"#).unwrap();
        let verdicts = of_target(&facts, &retention, &seen);
        assert_eq!(
            (verdicts[&run(1)], verdicts[&run(2)]),
            (Verdict::KeepPerhapsLive, Verdict::KeepPerhapsLive)
        );
        assert_eq!(verdicts[&run(3)], Verdict::DeleteFailed);
    }

    // R6: the re-encrypted copy goes first, so every copy is full.
    // P1-13: the source deletes what the target still copies.
    #[test]
    fn the_source_deletes_only_past_count_and_age() {
        let seen: BTreeMap<_, _> = (10..20).map(|day| (run(day), good())).collect();
        let verdicts = of_source(now(), None, &source_retention(2, 3), &seen);
        let deleted: Vec<_> = verdicts.iter().filter(|(_, v)| v.delete()).map(|(r, _)| r.clone()).collect();
        assert_eq!(deleted, (10..=17).map(run).collect::<Vec<_>>());
        let verdicts = of_source(now(), None, &source_retention(1, 30), &seen);
        assert!(verdicts.values().all(|v| !v.delete()));
    }

    #[test]
    fn failed_runs_never_push_out_the_last_good_one() {
        let seen =
            BTreeMap::from([(run(10), good()), (run(15), RunSeen::default()), (run(16), RunSeen::default())]);
        let verdicts = of_source(now(), None, &source_retention(1, 1), &seen);
        assert_eq!(verdicts[&run(10)], Verdict::KeepLatest);
        assert_eq!(verdicts[&run(16)], Verdict::DeleteFailed);
    }
}
