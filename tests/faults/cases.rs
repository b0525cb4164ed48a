//! The list of cases: every call of a record, with everything that may go wrong with it.

use crate::lane::Lane;
use anyhow::Result;
use replication::RunId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use tests::{Fault, Lanes, SOURCE_ACCOUNT, TARGET_ACCOUNT, callers_of, deployed_steps, step_of};

/// The step that follows failovers, in a stack of its own.
const FOLLOWER: &str = "FollowFailover";

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// A run, from the snapshot to the report.
    Run,
    /// A rollback to the previous copy, which is stopped and has a password that nobody knows.
    RollBack,
    /// The rollback to the latest copy, which releases the pin.
    Release,
    /// The clean-up in both accounts; in the target account the previous copy, stopped and protected, has to go.
    CleanUp,
    /// RDS fails the live copy over, and its lane follows.
    FailOver,
}

/// A call of a function, the same in every world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub scenario: Scenario,
    /// The account's number and the function's name: `222222222222/Restore`.
    pub function: String,
    pub service: String,
    pub operation: String,
    /// What it is about, with names in braces for what differs from run to run.
    pub about: String,
    /// Whether this is the first such call of the function, or one of those after it: another branch of the step.
    pub later: bool,
}

/// A call, and what goes wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    pub call: Call,
    pub fault: Fault,
    pub times: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { scenario, function, service, operation, about, later } = &self.call;
        let which = if *later { "later" } else { "first" };
        let Self { fault, times, .. } = self;
        write!(f, "{scenario:?}: {function} {service} {operation} {about:?} {which}: {fault:?} x{times}")
    }
}

impl Case {
    /// Whether it takes the source account's part of a run, or the hand-off, to meet the call.
    pub fn concerns_the_source(&self) -> bool {
        self.call.function.starts_with(SOURCE_ACCOUNT) || self.call.function.ends_with("/Receive")
    }

    /// What the relay is asked for in this lane.
    pub fn planned(&self, names: &Names) -> Value {
        let (account, function) = self.call.function.split_once('/').unwrap();
        json!({
            "who": callers_of(account, function),
            "service": self.call.service,
            "operation": self.call.operation,
            "resource": names.pattern(&self.call.about),
            "nth": 1 + u32::from(self.call.later),
            "times": self.times,
            "how": self.fault.how(),
        })
    }
}

/// Every call with every fault, in order.
pub fn all(calls: &[Call]) -> Vec<Case> {
    let faults = |(at, call): (usize, &Call)| {
        let call = call.clone();
        Fault::ALL.into_iter().enumerate().map(move |(nth, fault)| {
            // Every other case of a call, and every other call of a fault.
            let times = fault.times((at + nth).is_multiple_of(2));
            Case { call: call.clone(), fault, times }
        })
    };
    calls.iter().enumerate().flat_map(faults).collect()
}

/// The calls of functions in a record, in order and each once.
pub fn calls_of(scenario: Scenario, record: &[Value], names: &Names) -> Result<Vec<Call>> {
    let mut steps = deployed_steps()?;
    steps.push((TARGET_ACCOUNT, FOLLOWER.to_owned()));
    let mut times: BTreeMap<Call, u32> = BTreeMap::new();
    for call in record {
        let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
        let who = text("who");
        let Some(step) = step_of(&steps, &who) else { continue };
        // Each minute it looks by itself.
        if (step == FOLLOWER) != (scenario == Scenario::FailOver) {
            continue;
        }
        let function = format!("{}/{step}", text("accountId"));
        let about = names.name(&text("resource"));
        let (service, operation) = (text("service"), text("operation"));
        *times.entry(Call { scenario, function, service, operation, about, later: false }).or_default() += 1;
    }
    let each = times.into_iter().flat_map(|(call, times)| {
        let later = (times > 1).then(|| Call { later: true, ..call.clone() });
        [Some(call), later].into_iter().flatten()
    });
    Ok(each.collect())
}

/// Names for what differs from run to run and from world to world.
pub struct Names {
    known: Vec<(String, String)>,
    /// The target groups of lanes: which one is taken is another from run to run.
    target_groups: Vec<String>,
}

impl Names {
    /// Those of a scenario that makes or concerns this run.
    pub fn of(lane: &Lane, run: Option<&RunId>) -> Result<Self> {
        let mut names = Vec::new();
        let runs = [("run", run), ("live", Some(&lane.live)), ("previous", lane.previous.as_ref())];
        names.extend(runs.into_iter().filter_map(|(name, run)| Some((name.to_owned(), run?.to_string()))));
        for (account, outputs) in
            [("source", &lane.world.source_outputs), ("target", &lane.world.target_outputs)]
        {
            names.extend(outputs.iter().map(|(key, value)| (format!("{account} {key}"), value.to_owned())));
        }
        // The longest first: one may begin another.
        names.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        let groups = lane.world.target.lanes.iter().flat_map(Lanes::target_groups).map(str::to_owned);
        Ok(Self { known: names, target_groups: groups.collect() })
    }

    /// A resource with names in braces; `*` for what is random.
    fn name(&self, resource: &str) -> String {
        let mut named = resource.to_owned();
        for group in &self.target_groups {
            named = named.replace(group, "*");
        }
        for (name, value) in &self.known {
            named = named.replace(value, &format!("{{{name}}}"));
        }
        named
            .split_inclusive([':', '/'])
            .map(|word| {
                let tail = word.trim_end_matches([':', '/']);
                let is_random = tail.len() == 36 && tail.bytes().filter(|b| *b == b'-').count() == 4;
                if is_random { format!("*{}", &word[36..]) } else { word.to_owned() }
            })
            .collect()
    }

    fn pattern(&self, about: &str) -> String {
        let mut pattern = about.to_owned();
        for (name, value) in &self.known {
            pattern = pattern.replace(&format!("{{{name}}}"), value);
        }
        pattern
    }
}
