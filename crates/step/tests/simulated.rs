//! How much time waiting adds to a run, and how many looks it takes: the real `Waiting` over runs of random length.
//!
//! `cargo test -p step --test simulated -- --nocapture` prints the table.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::unwrap_used)]

use step::{Deadline, Waiting};

const RUNS: u32 = 10_000;
/// Steps of a run that wait for RDS. Each takes 3 to 60 minutes.
const STAGES: usize = 4;

/// The same numbers in every run of the test: SplitMix64, from Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", 2014.
struct Random(u64);

impl Random {
    fn between(&mut self, least: f64, most: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        least + f64::from((z >> 32) as u32) / f64::from(u32::MAX) * (most - least)
    }
}

/// What is known while a stage waits.
#[derive(Clone, Copy)]
struct Known {
    /// Of four stages, how many have a percentage, which is off by up to 1.
    with_percentage: usize,
    /// How far the last run's time may be off, of 1; `None` in a first run.
    last_run: Option<f64>,
}

/// Seconds added to a run, in the mean and at the 99th percentile, and looks.
struct Added {
    mean: f64,
    p99: f64,
    looks: f64,
}

fn simulate(known: Known, mut wait: impl FnMut(&Waiting, Option<u8>) -> Waiting) -> Added {
    let mut random = Random(1);
    let (mut added, mut looks) = (Vec::new(), 0);
    for _ in 0..RUNS {
        let mut late = 0.0;
        for stage in 0..STAGES {
            let takes = random.between(180.0, 3_600.0);
            let expected = known.last_run.map(|off| takes * random.between(1.0 - off, 1.0 + off));
            let mut waiting =
                Waiting { expected_seconds: expected.map(|it| it as u64), ..Waiting::default() };
            while (waiting.seconds as f64) < takes {
                let percent = waiting.seconds as f64 / takes * 100.0 + random.between(-1.0, 1.0);
                let percent = (stage < known.with_percentage).then_some(percent.clamp(0.0, 99.0) as u8);
                waiting = wait(&waiting, percent);
            }
            late += waiting.seconds as f64 - takes;
            // The last look is the one that finds it done.
            looks += waiting.looks + 1;
        }
        added.push(late);
    }
    added.sort_by(f64::total_cmp);
    let mean = added.iter().sum::<f64>() / f64::from(RUNS);
    Added { mean, p99: added[added.len() * 99 / 100], looks: f64::from(looks) / f64::from(RUNS) }
}

fn as_built(waiting: &Waiting, percent: Option<u8>) -> Waiting {
    waiting.wait("creating", percent, Deadline::constant::<604_800>(), "creating").unwrap().waiting
}

fn each(seconds: u64) -> impl FnMut(&Waiting, Option<u8>) -> Waiting {
    move |waiting, _| Waiting {
        seconds: waiting.seconds + seconds,
        looks: waiting.looks + 1,
        ..waiting.clone()
    }
}

#[test]
fn waiting_adds_about_a_minute_to_a_run_of_two_hours() {
    let first = Known { with_percentage: 0, last_run: None };
    let later = |off| Known { with_percentage: 0, last_run: Some(off) };
    let with_percentage = |known| Known { with_percentage: 3, ..known };
    println!("{RUNS} runs of {STAGES} stages, 3 to 60 minutes each: seconds added (mean, p99), looks");
    let tell = |what: &str, it: Added| {
        println!("{what:60} {:6.1} {:6.0} {:6.1}", it.mean, it.p99, it.looks);
        it
    };
    for (what, known) in
        [("first run", first), ("first run, three stages with a percentage", with_percentage(first))]
    {
        let it = tell(what, simulate(known, as_built));
        assert!(it.mean <= 75.0, "{what}: {} s", it.mean);
    }
    for off in [0.05, 0.1, 0.15] {
        for (what, known) in [
            ("the last run's time is known", later(off)),
            ("the same, three stages with a percentage", with_percentage(later(off))),
        ] {
            let what = format!("{what}, to {:.0} %", off * 100.0);
            let it = tell(&what, simulate(known, as_built));
            assert!(it.mean <= 62.0 && it.looks <= 64.0, "{what}: {} s, {} looks", it.mean, it.looks);
        }
    }
    tell("the last run's time is known, to 30 %", simulate(later(0.3), as_built));
    for seconds in [15, 30, 60] {
        tell(&format!("instead: a look each {seconds} s"), simulate(first, each(seconds)));
    }
}

#[test]
fn a_short_stage_is_not_waited_for_long_because_of_a_first_percentage() {
    let mut random = Random(7);
    let mut worst: f64 = 0.0;
    for _ in 0..RUNS {
        let takes = random.between(60.0, 180.0);
        let mut waiting = Waiting::default();
        while (waiting.seconds as f64) < takes {
            let percent = waiting.seconds as f64 / takes * 100.0 + random.between(-5.0, 5.0);
            waiting = as_built(&waiting, Some(percent.clamp(0.0, 99.0) as u8));
        }
        worst = worst.max(waiting.seconds as f64 - takes);
    }
    println!("a stage of one to three minutes is seen at most {worst:.0} s late");
    assert!(worst <= 60.0, "{worst} s");
}
