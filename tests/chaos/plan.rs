//! What happens and when, decided by the seed alone before anything is acted out.

use fastrand::Rng;
use std::fmt;
use tests::Fault;

/// Whose calls go wrong: the account and the step of every function.
pub type Functions = [(&'static str, String)];

/// One of the two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

/// Whose server crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Source,
    Live,
    /// One of the other copies, counting round.
    Copy(usize),
}

/// What somebody or something does, mostly to one of the replications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Run {
        of: usize,
    },
    /// An operator starts what failed of the latest runs again.
    Resume {
        of: usize,
    },
    /// The nth call of a function from now on goes wrong, and so many after it.
    Fault {
        account: &'static str,
        function: String,
        fault: Fault,
        nth: u32,
        times: u32,
    },
    /// The hand-off of one of the latest runs is delivered once more; so many newer ones are passed over.
    HandOffAgain {
        of: usize,
        back: usize,
    },
    /// The same for an execution's input.
    StartAgain {
        of: usize,
        back: usize,
        side: Side,
    },
    RollBack {
        of: usize,
        to: &'static str,
    },
    CleanUp {
        of: usize,
        side: Side,
    },
    /// A person adds a key to the application's secret.
    Edit {
        of: usize,
    },
    KillFunction {
        nth: usize,
    },
    Crash {
        of: usize,
        server: Server,
    },
}

impl Act {
    /// What it is, for the summary.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Run { .. } => "runs started",
            Self::Resume { .. } => "looks for failed runs to resume",
            Self::Fault { .. } => "faults armed",
            Self::HandOffAgain { .. } => "hand-offs delivered again",
            Self::StartAgain { .. } => "inputs started again",
            Self::RollBack { .. } => "rollbacks",
            Self::CleanUp { .. } => "clean-ups",
            Self::Edit { .. } => "edits by a person",
            Self::KillFunction { .. } => "functions killed",
            Self::Crash { .. } => "servers killed",
        }
    }
}

/// An act and its time, in milliseconds from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub at: u64,
    pub act: Act,
}

impl Planned {
    /// How many calls it makes go wrong, if they are made.
    pub fn faulty_calls(&self) -> u32 {
        if let Act::Fault { times, .. } = self.act { times } else { 0 }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:3}.{:03} s  {:?}", self.at / 1000, self.at % 1000, self.act)
    }
}

/// The plan of this seed, in the order of time.
pub fn plan(seed: u64, seconds: u64, replications: usize, functions: &Functions) -> Vec<Planned> {
    let end = seconds * 1000;
    let mut random = Rng::with_seed(seed);
    let mut acts = Vec::new();
    for of in 0..replications {
        let mut at = random.u64(0..3_000);
        while at < end {
            acts.push(Planned { at, act: Act::Run { of } });
            at += random.u64(5_000..12_000);
        }
        let mut at = random.u64(8_000..16_000);
        while at < end {
            acts.push(Planned { at, act: Act::Resume { of } });
            at += random.u64(8_000..16_000);
        }
    }
    let mut at = random.u64(0..1_000);
    while at < end {
        acts.push(Planned { at, act: trouble(&mut random, replications, functions) });
        at += random.u64(50..700);
    }
    acts.sort_by_key(|it| it.at);
    acts
}

fn trouble(random: &mut Rng, replications: usize, functions: &Functions) -> Act {
    let of = random.usize(0..replications);
    let side = if random.bool() { Side::Source } else { Side::Target };
    let back = random.usize(0..3);
    match random.u32(0..100) {
        0..48 => {
            let (account, function) = functions[random.usize(0..functions.len())].clone();
            let fault = Fault::ALL[random.usize(0..Fault::ALL.len())];
            let times = fault.times(random.bool());
            Act::Fault { account, function, fault, nth: random.u32(1..6), times }
        }
        48..57 => Act::HandOffAgain { of, back },
        57..64 => Act::StartAgain { of, back, side },
        64..72 => Act::RollBack { of, to: if random.bool() { "previous" } else { "latest" } },
        72..78 => Act::CleanUp { of, side },
        78..85 => Act::Edit { of },
        85..92 => Act::KillFunction { nth: random.usize(0..64) },
        _ => {
            let server = match random.u32(0..4) {
                0 => Server::Source,
                1 => Server::Live,
                _ => Server::Copy(random.usize(0..8)),
            };
            Act::Crash { of, server }
        }
    }
}

#[test]
fn a_seed_makes_one_plan_and_another_seed_another() {
    let functions = tests::deployed_steps().unwrap();
    let acts = plan(7, 30, 4, &functions);
    assert_eq!(acts, plan(7, 30, 4, &functions));
    assert_ne!(acts, plan(8, 30, 4, &functions));
    assert!(acts.is_sorted_by_key(|it| it.at) && acts.last().is_some_and(|it| it.at < 30_000));
    assert!((0..4).all(|of| acts.iter().any(|it| it.act == Act::Run { of })));
}
