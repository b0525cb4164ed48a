//! What the state machines retry, and for how long.

use crate::machines::{Machine, errors, known};
use crate::tree::none;
use serde_json::Value;
use std::collections::BTreeMap;

/// One retrier of a state.
struct Retrier<'a> {
    errors: Vec<&'a str>,
    interval_secs: u64,
    max_attempts: u64,
    backoff_rate: u64,
    max_delay_secs: u64,
    /// Full jitter chooses any pause between nothing and the whole pause.
    full_jitter: bool,
}

impl<'a> Retrier<'a> {
    /// The retriers of a task, or the field that one of them lacks.
    fn all(task: &'a Value) -> Result<Vec<Self>, String> {
        let of = |it: &'a Value| {
            let number = |key: &str| it[key].as_u64().ok_or_else(|| format!("a retrier lacks {key}"));
            let full_jitter = match it["JitterStrategy"].as_str() {
                Some("FULL") => true,
                Some("NONE") => false,
                _ => return Err("a retrier lacks JitterStrategy".to_owned()),
            };
            Ok(Self {
                errors: it["ErrorEquals"].as_array().unwrap().iter().filter_map(Value::as_str).collect(),
                interval_secs: number("IntervalSeconds")?,
                max_attempts: number("MaxAttempts")?,
                backoff_rate: number("BackoffRate")?,
                max_delay_secs: number("MaxDelaySeconds")?,
                full_jitter,
            })
        };
        task["Retry"].as_array().into_iter().flatten().map(of).collect()
    }

    /// The longest pause before this retry. They count from zero.
    fn pause_secs(&self, retry: u64) -> u64 {
        let factor = self.backoff_rate.saturating_pow(u32::try_from(retry).unwrap());
        self.interval_secs.saturating_mul(factor).min(self.max_delay_secs)
    }
}

/// The second at which a task gives up, when each call fails with the error of that second and jitter is at its worst.
/// `None` when a call gets through.
fn gives_up_at<'e>(retriers: &[Retrier<'_>], error_at: impl Fn(u64) -> Option<&'e str>) -> Option<u64> {
    let (mut now, mut retries) = (0, BTreeMap::new());
    while let Some(error) = error_at(now) {
        // Step Functions counts the retries of each retrier by itself, and the first one that names the error decides.
        let found = retriers.iter().enumerate().find(|(_, it)| it.errors.contains(&error));
        let Some((index, retrier)) = found else { return Some(now) };
        let used = retries.entry(index).or_insert(0);
        if *used >= retrier.max_attempts {
            return Some(now);
        }
        now += if retrier.full_jitter { 0 } else { retrier.pause_secs(*used) };
        *used += 1;
    }
    None
}

#[test]
fn every_name_it_retries_can_be_raised() {
    let known = known(true);
    for machine in Machine::all() {
        for (state, task) in machine.tasks() {
            for name in errors(task, "Retry").into_iter().filter(|it| it.starts_with("Snapferry.")) {
                assert!(known.contains(name), "{}", machine.at(state, &format!("retries {name}")));
            }
        }
    }
}

// R4: no retry, no time-out, hopeless statuses wait for a year.
// P0-1: a Catch that leads to Fail can never be redriven.
// Invariant: nothing catches a failure.
#[test]
fn every_task_has_a_timeout_and_bounded_retriers_and_none_retries_or_catches_everything() {
    // A function that was killed or could not be called did not decide anything.
    const TROUBLES: [&str; 9] = [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Sandbox.Timedout",
        "Runtime.ExitError",
        "States.Timeout",
    ];
    let (mut broken, mut tasks) = (Vec::new(), 0);
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            tasks += 1;
            let (retried, caught) = (errors(task, "Retry"), errors(task, "Catch"));
            let mut wrong = |what: &str| broken.push(machine.at(name, what));
            if task["TimeoutSeconds"].as_u64().is_none() {
                wrong("has no TimeoutSeconds");
            }
            for trouble in TROUBLES.iter().filter(|it| !retried.contains(*it)) {
                wrong(&format!("does not retry {trouble}"));
            }
            for everything in ["States.ALL", "States.TaskFailed"] {
                if retried.contains(everything) || caught.contains(everything) {
                    wrong(&format!("{everything} hides the name of a failure"));
                }
            }
            match Retrier::all(task) {
                Err(lacking) => wrong(&lacking),
                // Callers that failed together would come back together.
                Ok(retriers) => {
                    let steady = |it: &&Retrier<'_>| !it.full_jitter && !it.errors.contains(&ASLEEP);
                    if let Some(it) = retriers.iter().find(steady) {
                        wrong(&format!("retries {:?} without full jitter", it.errors));
                    }
                }
            }
        }
    }
    none(&broken);
    assert!(tasks >= 12, "{tasks}");
}

/// The answer to the first call of a function that Lambda put to sleep.
const ASLEEP: &str = "Lambda.ResourceNotReadyException";
/// The answer to each further call while the function wakes up.
const WAKING: &str = "Lambda.ResourceConflictException";

// A function in a VPC that nobody called for weeks is Inactive: the first call fails with HTTP 502, and calls fail with
// HTTP 409 until its network interfaces are there again. Source: Lambda Developer Guide, "Lambda function states".
#[test]
fn every_task_waits_five_minutes_for_a_function_that_wakes_up() {
    let mut broken = Vec::new();
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            let retriers = Retrier::all(task).unwrap();
            for awake_at in [60, 300] {
                let error_at = |now: u64| match now {
                    0 => Some(ASLEEP),
                    _ => (now < awake_at).then_some(WAKING),
                };
                if let Some(now) = gives_up_at(&retriers, error_at) {
                    broken.push(machine.at(name, &format!("gives up after {now} s, awake at {awake_at} s")));
                }
            }
        }
    }
    none(&broken);
}

// P2-24: a function in a VPC needs a network interface, and a subnet may lack an address for it.
#[test]
fn the_verification_is_called_again_while_it_gets_no_network_interface() {
    const IN_THE_VPC: [&str; 4] = ["Verify", "RegisterTargets", "FollowFailover", "Drain"];
    const TROUBLES: [&str; 4] = [
        "Lambda.EC2ThrottledException",
        "Lambda.EC2UnexpectedException",
        "Lambda.ENILimitReachedException",
        "Lambda.SubnetIPAddressLimitReachedException",
    ];
    for machine in Machine::all() {
        for (name, task) in
            machine.tasks().filter(|(name, _)| IN_THE_VPC.iter().any(|it| name.starts_with(it)))
        {
            let retriers = Retrier::all(task).unwrap();
            for trouble in TROUBLES {
                let retrier = retriers.iter().find(|it| it.errors.contains(&trouble));
                let retrier = retrier.unwrap_or_else(|| panic!("{}", machine.at(name, trouble)));
                let pauses = (0..retrier.max_attempts).map(|retry| retrier.pause_secs(retry));
                // Full jitter waits half of each on average: it must add up to five minutes.
                assert!(pauses.sum::<u64>() / 2 >= 300, "{}", machine.at(name, trouble));
            }
        }
    }
}
