//! What the callers saw, what `--json` writes of it, and the verdict.

use crate::frame;
use ::tests::{Count, Kept, TimeLine, Write, longest_gap, settled_after};
use anyhow::{Result, ensure};
use executions::{Left, Right, Screen, table};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Within this time every write must land in the new live copy.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A run makes a new copy live.
    CutOver,
    /// A rollback makes an earlier copy live.
    Rollback,
    /// RDS fails the live copy over to its standby.
    Failover,
    /// Not Snapferry's way: the load balancer is switched in place.
    Naive,
}

impl Kind {
    fn in_words(self) -> &'static str {
        match self {
            Self::CutOver => "cut-over",
            Self::Rollback => "rollback",
            Self::Failover => "failover",
            Self::Naive => "naive way",
        }
    }
}

/// The kind of lanes by which the application comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// Ports of a Network Load Balancer.
    NetworkLoadBalancer,
    /// RDS Proxies.
    DbProxy,
}

impl By {
    fn in_words(self) -> &'static str {
        match self {
            Self::NetworkLoadBalancer => "load balancer",
            Self::DbProxy => "proxies",
        }
    }
}

/// An event that was played.
#[derive(Debug)]
pub struct Played {
    pub by: By,
    pub kind: Kind,
    /// The copy that is live after it.
    pub copy: String,
    pub began: Instant,
    /// The earliest moment at which that copy can have become live.
    pub moved: Instant,
    pub ended: Instant,
}

/// What the callers wrote.
#[derive(Debug)]
pub struct Written {
    /// Each caller's writes, in order.
    pub callers: Vec<Vec<Write>>,
    /// Which copy was live when.
    pub line: TimeLine,
    /// Where each entry is now.
    pub kept: Kept,
}

/// The report of the rehearsal.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// All writes but those of the naive way.
    writes: Count,
    events: Vec<EventReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    naive: Option<EventReport>,
}

/// What became of the writes while one event was played.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventReport {
    kind: Kind,
    by: By,
    writes: Count,
    /// By the caller with most of them. Each caller uses one connection at a time.
    #[serde(skip)]
    refused_to_one: usize,
    longest_gap_millis: u64,
    /// From the move on; null if not every write landed in the end.
    settled_after_millis: Option<u64>,
}

impl EventReport {
    fn of(played: &Played, written: &Written) -> Self {
        let Played { kind, by, copy, began, moved, ended } = played;
        let during = |write: &&Write| (*began..=*ended).contains(&write.ended);
        let count =
            |writes: &Vec<Write>| Count::of(writes.iter().filter(during), &written.line, &written.kept);
        let gaps = written.callers.iter().map(|writes| longest_gap(writes, *began, *ended));
        let settled = written.callers.iter().map(|writes| {
            let writes: Vec<Write> = writes.iter().filter(during).cloned().collect();
            settled_after(&writes, *moved, written.kept.get(copy)?)
        });
        // One caller that is not settled is enough.
        let settled: Option<Vec<Duration>> = settled.collect();
        let settled = settled.and_then(|all| all.into_iter().max());
        Self {
            kind: *kind,
            by: *by,
            writes: written.callers.iter().map(count).sum(),
            refused_to_one: written.callers.iter().map(count).map(|it| it.refused).max().unwrap_or_default(),
            longest_gap_millis: millis(gaps.max().unwrap_or_default()),
            settled_after_millis: settled.map(millis),
        }
    }

    fn row(&self) -> [String; 7] {
        let Self { kind, by, writes, longest_gap_millis, settled_after_millis, .. } = self;
        let count = |count: usize| count.to_string();
        let settled = settled_after_millis.map_or("never".to_owned(), in_seconds);
        let [tried, refused, lost] = [count(writes.tried), count(writes.refused), count(writes.lost)];
        [
            by.in_words().to_owned(),
            kind.in_words().to_owned(),
            tried,
            refused,
            lost,
            in_seconds(*longest_gap_millis),
            settled,
        ]
    }
}

impl Report {
    /// Takes the events in.
    pub fn played(&mut self, played: &[Played], written: &Written) {
        let all = written.callers.iter().map(|writes| Count::of(writes, &written.line, &written.kept));
        self.writes = all.chain([self.writes]).sum();
        self.events.extend(played.iter().map(|it| EventReport::of(it, written)));
    }

    /// Takes the naive way in.
    pub fn played_naively(&mut self, played: &Played, written: &Written) {
        self.naive = Some(EventReport::of(played, written));
    }

    /// Says it as a table.
    pub fn say(&self, screen: &Screen) {
        let rows: Vec<_> = self.events.iter().chain(&self.naive).map(EventReport::row).collect();
        let heading = [
            ("BY", Left),
            ("EVENT", Left),
            ("WRITES", Right),
            ("REFUSED", Right),
            ("LOST", Right),
            ("LONGEST GAP", Right),
            ("SETTLED AFTER", Right),
        ];
        screen.say("");
        table(heading, &rows).iter().for_each(|line| screen.say(line));
        screen.say("");
        let Count { tried, acknowledged, refused, lost } = self.writes;
        screen.say(&format!(
            "  Without the naive way: {tried} writes tried, {acknowledged} acknowledged, {refused} refused, {lost} lost."
        ));
        screen.say("  Lost: acknowledged, but in no database that was live when it was acknowledged.");
        screen.say(
            "  Settled: from the move or the failover's begin on, until every write lands in the live copy.",
        );
    }

    /// Refuses what must not be, and says all of it.
    pub fn judge(&self) -> Result<()> {
        let mut problems = Vec::new();
        let Count { lost, acknowledged, .. } = self.writes;
        if lost > 0 {
            problems.push(format!("{lost} of {acknowledged} acknowledged writes are lost"));
        }
        for EventReport { kind, by, refused_to_one, settled_after_millis, .. } in &self.events {
            let (kind_in_words, within) = (kind.in_words(), SETTLED_WITHIN.as_secs());
            let what = format!("{kind_in_words} by {}", by.in_words());
            if settled_after_millis.is_none_or(|it| u128::from(it) > SETTLED_WITHIN.as_millis()) {
                problems.push(format!("{what}: after {within} s not every write landed in the live copy"));
            }
            // While the database itself is away, each write is refused.
            if *refused_to_one > 1 && *kind != Kind::Failover {
                problems.push(format!("{what}: {refused_to_one} writes over one connection are refused"));
            }
        }
        ensure!(problems.is_empty(), "{}", problems.join("; "));
        Ok(())
    }
}

impl frame::Report for Report {
    fn conclude(&mut self, result: Result<()>) {
        self.ok = result.is_ok();
        self.error = result.err().map(|error| format!("{error:#}"));
    }

    fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    fn verdict(&self) -> String {
        if let Some(error) = &self.error {
            return format!("Failed: {error}");
        }
        let naive = self.naive.as_ref().map_or(Count::default(), |it| it.writes);
        format!(
            "Passed: of {} acknowledged writes none was lost in {} events; the naive way lost {} of {}.",
            self.writes.acknowledged,
            self.events.len(),
            naive.lost,
            naive.acknowledged
        )
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn in_seconds(millis: u64) -> String {
    format!("{:.2} s", Duration::from_millis(millis).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: By = By::NetworkLoadBalancer;

    fn event(kind: Kind, refused_to_one: usize, settled_after_millis: Option<u64>) -> EventReport {
        let (writes, longest_gap_millis) = Default::default();
        EventReport { kind, by: BY, writes, refused_to_one, longest_gap_millis, settled_after_millis }
    }

    #[test]
    fn a_lost_write_a_late_move_and_a_second_refusal_are_refused() {
        let check = |lost: usize, events: Vec<EventReport>, expected: &str| {
            let writes = Count { tried: 9, acknowledged: 8, refused: 1, lost };
            let said = Report { writes, events, ..Report::default() }.judge().err();
            let said = said.map(|error| error.to_string()).unwrap_or_default();
            assert!(
                said.contains(expected) && said.is_empty() == expected.is_empty(),
                "{said}, not {expected}"
            );
        };
        check(0, vec![event(Kind::CutOver, 1, Some(60_000)), event(Kind::Rollback, 0, Some(0))], "");
        check(1, vec![event(Kind::CutOver, 0, Some(0))], "1 of 8 acknowledged writes are lost");
        check(
            0,
            vec![event(Kind::CutOver, 0, Some(60_001))],
            "cut-over by load balancer: after 60 s not every write",
        );
        check(
            0,
            vec![event(Kind::CutOver, 0, Some(0)), event(Kind::Rollback, 0, None)],
            "rollback by load balancer: after 60 s",
        );
        check(
            0,
            vec![event(Kind::Rollback, 2, Some(0))],
            "rollback by load balancer: 2 writes over one connection are refused",
        );
    }

    #[test]
    fn an_event_is_of_the_writes_that_were_answered_in_it_and_of_the_slowest_caller() {
        let zero = Instant::now() + Duration::from_secs(60);
        let at = |millis: u64| zero + Duration::from_millis(millis);
        let write = |id: &str, began: u64, status: u16| {
            let (id, said) = (id.to_owned(), String::new());
            Write { id, began: at(began), ended: at(began + 10), status, said }
        };
        let first =
            vec![write("a", 0, 503), write("b", 100, 201), write("c", 120, 201), write("d", 200, 201)];
        let second =
            vec![write("e", 90, 201), write("f", 110, 503), write("g", 150, 201), write("h", 300, 503)];
        let mut line = TimeLine::default();
        line.saw("one", at(0), at(1));
        line.saw("two", at(105), at(106));
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let kept = [("one".to_owned(), ids(&["b", "e"])), ("two".to_owned(), ids(&["c", "d", "g"]))].into();
        let written = Written { callers: vec![first, second], line, kept };
        let played = Played {
            by: BY,
            kind: Kind::CutOver,
            copy: "two".to_owned(),
            began: at(50),
            moved: at(104),
            ended: at(250),
        };
        let it = EventReport::of(&played, &written);
        assert_eq!(it.writes, Count { tried: 6, acknowledged: 5, refused: 1, lost: 0 });
        assert_eq!((it.refused_to_one, it.longest_gap_millis), (1, 90));
        // The first caller settled at 130, the second one at 160.
        assert_eq!(it.settled_after_millis, Some(56));
        let elsewhere = Played { copy: "one".to_owned(), ..played };
        assert_eq!(EventReport::of(&elsewhere, &written).settled_after_millis, None);
    }
}
