//! What became of writes while the live database changed; sees only its arguments.

use crate::Write;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Sum;
use std::time::{Duration, Instant};

/// Which database was live when, as looks saw it.
#[derive(Debug, Clone, Default)]
pub struct TimeLine(Vec<Life>);

/// The looks in a row that found the same database.
#[derive(Debug, Clone)]
struct Life {
    database: String,
    first_answered: Instant,
    last_asked: Instant,
}

impl TimeLine {
    /// Takes note of a look that began and ended at these moments. Looks come in order.
    pub fn saw(&mut self, database: &str, asked: Instant, answered: Instant) {
        match self.0.last_mut() {
            Some(last) if last.database == database => last.last_asked = asked,
            _ => self.0.push(Life {
                database: database.to_owned(),
                first_answered: answered,
                last_asked: asked,
            }),
        }
    }

    /// Every database that may have been live at some moment from `from` to `to`. Between the last look that found one
    /// database and the first look that found the next one, either may have been.
    pub fn live_between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &str> {
        let lives = self.0.iter().enumerate().filter(move |(index, _)| {
            let since = index.checked_sub(1).and_then(|before| self.0.get(before)).map(|it| it.last_asked);
            let until = self.0.get(index + 1).map(|it| it.first_answered);
            since.is_none_or(|since| since <= to) && until.is_none_or(|until| from <= until)
        });
        lives.map(|(_, life)| life.database.as_str())
    }

    /// The earliest moment at which the last change can have been; none if nothing changed.
    pub fn last_change(&self) -> Option<Instant> {
        let [.., before, _] = &self.0[..] else { return None };
        Some(before.last_asked)
    }

    /// Every database that was live at some time.
    pub fn databases(&self) -> BTreeSet<&str> {
        self.0.iter().map(|life| life.database.as_str()).collect()
    }
}

/// The ids of the entries that each database holds.
pub type Kept = BTreeMap<String, BTreeSet<String>>;

/// How many writes there were, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// All.
    pub tried: usize,
    /// Those that the application said are kept.
    pub acknowledged: usize,
    /// All others.
    pub refused: usize,
    /// Acknowledged, but in no database that was live when it was acknowledged.
    pub lost: usize,
}

impl Count {
    /// Counts writes. An acknowledgement is given at some moment between the request and its answer.
    pub fn of<'a>(writes: impl IntoIterator<Item = &'a Write>, line: &TimeLine, kept: &Kept) -> Self {
        let mut count = Self::default();
        for write in writes {
            count.tried += 1;
            if !write.is_acknowledged() {
                count.refused += 1;
                continue;
            }
            count.acknowledged += 1;
            let mut live = line.live_between(write.began, write.ended);
            let is_kept = live.any(|database| kept.get(database).is_some_and(|ids| ids.contains(&write.id)));
            count.lost += usize::from(!is_kept);
        }
        count
    }
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |all, one| Self {
            tried: all.tried + one.tried,
            acknowledged: all.acknowledged + one.acknowledged,
            refused: all.refused + one.refused,
            lost: all.lost + one.lost,
        })
    }
}

/// The longest time between two acknowledgements of one caller in a row, of those that end in this time. A silence that
/// does not end in it counts until `to`.
pub fn longest_gap(writes: &[Write], from: Instant, to: Instant) -> Duration {
    let ends = writes.iter().filter(|it| it.is_acknowledged()).map(|it| it.ended);
    let ends: Vec<Instant> = ends.take_while(|it| *it <= to).chain([to]).collect();
    let pairs = ends.windows(2).filter(|pair| from <= pair[1]);
    pairs.map(|pair| pair[1].duration_since(pair[0])).max().unwrap_or_default()
}

/// How long after `since` every write of a caller is acknowledged and among these ids; none if its last one is not.
pub fn settled_after(writes: &[Write], since: Instant, kept: &BTreeSet<String>) -> Option<Duration> {
    let lands = |write: &Write| write.is_acknowledged() && kept.contains(&write.id);
    let first = writes.iter().rposition(|write| !lands(write)).map_or(0, |last| last + 1);
    Some(writes.get(first)?.ended.saturating_duration_since(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments, counted from the first one.
    struct Clock(Instant);

    impl Clock {
        fn start() -> Self {
            Self(Instant::now() + Duration::from_secs(60))
        }

        fn at(&self, millis: u64) -> Instant {
            self.0 + Duration::from_millis(millis)
        }

        /// The first database is live, and by the looks at 100 to 110 and 130 to 140 the second one.
        fn line(&self) -> TimeLine {
            let mut line = TimeLine::default();
            for (database, asked) in [("one", 0), ("one", 100), ("two", 130), ("two", 200)] {
                line.saw(database, self.at(asked), self.at(asked + 10));
            }
            line
        }

        fn write(&self, id: &str, began: u64, ended: u64, status: u16) -> Write {
            let said = String::new();
            Write { id: id.to_owned(), began: self.at(began), ended: self.at(ended), status, said }
        }
    }

    fn kept(one: &[&str], two: &[&str]) -> Kept {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        [("one".to_owned(), ids(one)), ("two".to_owned(), ids(two))].into()
    }

    #[test]
    fn a_change_is_somewhere_between_the_looks_around_it() {
        let clock = Clock::start();
        let line = clock.line();
        let check = |from, to, expected: &[&str]| {
            let live: Vec<&str> = line.live_between(clock.at(from), clock.at(to)).collect();
            assert_eq!(live, expected, "{from} to {to}");
        };
        check(0, 20, &["one"]);
        check(80, 99, &["one"]);
        check(80, 100, &["one", "two"]);
        check(110, 130, &["one", "two"]);
        check(140, 150, &["one", "two"]);
        check(141, 150, &["two"]);
        check(80, 150, &["one", "two"]);
        check(900, 999, &["two"]);
        assert_eq!(line.last_change(), Some(clock.at(100)));
        assert_eq!(line.databases(), BTreeSet::from(["one", "two"]));

        let mut line = line;
        line.saw("one", clock.at(300), clock.at(310));
        check_back(&line, &clock);
        assert_eq!(line.last_change(), Some(clock.at(200)));
        assert_eq!(TimeLine::default().last_change(), None);
    }

    /// The first database is live again.
    fn check_back(line: &TimeLine, clock: &Clock) {
        let live = |from, to| line.live_between(clock.at(from), clock.at(to)).collect::<Vec<_>>();
        assert_eq!(live(150, 199), ["two"]);
        assert_eq!(live(205, 220), ["two", "one"]);
        assert_eq!(live(311, 400), ["one"]);
    }

    #[test]
    fn a_write_is_lost_if_it_was_acknowledged_and_no_live_database_has_it() {
        let clock = Clock::start();
        let check = |write: Write, kept: Kept, acknowledged, lost| {
            let count = Count::of([&write], &clock.line(), &kept);
            let refused = 1 - acknowledged;
            assert_eq!(count, Count { tried: 1, acknowledged, refused, lost }, "{write:?} {kept:?}");
        };
        check(clock.write("a", 10, 20, 201), kept(&["a"], &[]), 1, 0);
        check(clock.write("a", 10, 20, 201), kept(&[], &[]), 1, 1);
        // In the database that is live later only.
        check(clock.write("a", 10, 20, 201), kept(&[], &["a"]), 1, 1);
        check(clock.write("a", 150, 160, 201), kept(&[], &["a"]), 1, 0);
        // In the database that was live before only: nobody reads it there.
        check(clock.write("a", 150, 160, 201), kept(&["a"], &[]), 1, 1);
        // While the change happened, either will do.
        check(clock.write("a", 90, 150, 201), kept(&["a"], &[]), 1, 0);
        check(clock.write("a", 90, 150, 201), kept(&[], &["a"]), 1, 0);
        check(clock.write("a", 90, 150, 201), kept(&["b"], &["b"]), 1, 1);
        // Nobody promised to keep these.
        check(clock.write("a", 10, 20, 503), kept(&[], &[]), 0, 0);
        check(clock.write("a", 10, 20, 0), kept(&["a"], &[]), 0, 0);
    }

    #[test]
    fn a_gap_is_between_acknowledgements_and_reaches_into_the_time() {
        let clock = Clock::start();
        let writes = [
            clock.write("a", 0, 10, 201),
            clock.write("b", 10, 30, 201),
            clock.write("c", 30, 40, 503),
            clock.write("d", 40, 90, 503),
            clock.write("e", 90, 95, 201),
            clock.write("f", 95, 99, 201),
        ];
        let check = |from, to, expected| {
            let gap = longest_gap(&writes, clock.at(from), clock.at(to));
            assert_eq!(gap, Duration::from_millis(expected), "{from} to {to}");
        };
        check(0, 99, 65);
        check(0, 31, 20);
        // It began before, or is not over.
        check(90, 99, 65);
        check(50, 60, 30);
        check(96, 99, 4);
        check(96, 119, 20);
        check(200, 300, 201);
    }

    #[test]
    fn settled_is_the_first_write_after_which_all_land() {
        let clock = Clock::start();
        let check = |writes: &[(&str, u16)], since, expected: Option<u64>| {
            let times = (0..).map(|index| index * 10);
            let all: Vec<Write> = writes
                .iter()
                .zip(times)
                .map(|((id, code), at)| clock.write(id, at, at + 10, *code))
                .collect();
            let settled = settled_after(&all, clock.at(since), &kept(&[], &["a", "b"])["two"]);
            assert_eq!(settled, expected.map(Duration::from_millis), "{writes:?}");
        };
        check(&[("x", 201), ("a", 201), ("b", 201)], 5, Some(15));
        check(&[("a", 201), ("x", 201), ("b", 201)], 5, Some(25));
        check(&[("a", 201), ("b", 503), ("a", 201)], 5, Some(25));
        // A refused write that is there all the same was promised to nobody.
        check(&[("x", 201), ("a", 503)], 5, None);
        check(&[("a", 201), ("x", 201)], 5, None);
        check(&[], 5, None);
        // Nothing was disturbed.
        check(&[("a", 201), ("b", 201)], 50, Some(0));
    }
}
