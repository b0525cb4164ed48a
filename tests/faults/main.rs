//! Whatever goes wrong with whatever call: the run succeeds, or fails by name and resumes, and nobody is harmed.
//!
//! The cases are made from the record of a run, a rollback, a clean-up and a failover in which nothing went wrong. A sample of them
//! is tried with every change; `scripts/test --all-faults` tries all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cases;
mod invariants;
mod lane;
mod passed;
mod run;

use anyhow::Result;
use cases::{Call, Case, Scenario, all, calls_of};
use lane::Lane;
use passed::Passed;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tests::{Fault, Tools};

/// How many cases the sample has.
const SAMPLE: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_calls_survives_every_fault() -> Result<()> {
    survive("sample", 2, |cases| {
        let stride = (cases.len() / SAMPLE).max(1) | 1;
        cases.into_iter().step_by(stride).take(SAMPLE).collect()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long: scripts/test --all-faults"]
async fn every_call_survives_every_fault() -> Result<()> {
    survive("all", 6, |cases| cases).await
}

/// What all lanes share.
struct Work {
    waiting: Mutex<VecDeque<Case>>,
    passed: Mutex<Passed>,
    failed: Mutex<Vec<String>>,
}

/// Makes the list, chooses from it, and tries the chosen ones, as many at a time as there are lanes.
async fn survive(which: &str, lanes: usize, choose: impl FnOnce(Vec<Case>) -> Vec<Case>) -> Result<()> {
    let began = Instant::now();
    let tools = Tools::from_environment()?;
    let mut lane = Lane::start(&tools).await?;
    let calls = record(&mut lane).await?;
    let cases = choose(all(&calls));
    let passed = Passed::load(&tools.checkout)?;
    let waiting: VecDeque<Case> =
        cases.iter().filter(|case| which != "all" || !passed.contains(&case.to_string())).cloned().collect();
    println!(
        "{} calls, {} cases ({which}), {} passed before; the list took {:.0} s",
        calls.len(),
        cases.len(),
        cases.len() - waiting.len(),
        began.elapsed().as_secs_f64()
    );
    let known = cases.len() - waiting.len();
    let work =
        Arc::new(Work { waiting: Mutex::new(waiting), passed: Mutex::new(passed), failed: Mutex::default() });
    let mut first = Some(lane);
    let lanes: Vec<_> =
        (0..lanes).map(|_| tokio::spawn(serve(tools.clone(), first.take(), Arc::clone(&work)))).collect();
    for lane in lanes {
        lane.await??;
    }
    let failed = work.failed.lock().unwrap();
    for failure in failed.iter() {
        println!("FAILED {failure}");
    }
    let (tried, all) = (cases.len(), calls.len() * Fault::ALL.len());
    println!(
        "{} calls x {} faults = {all} cases{}, {} passed{} ({:.0} s)",
        calls.len(),
        Fault::ALL.len(),
        if tried < all { format!(", {tried} of them tried") } else { String::new() },
        tried - failed.len(),
        if known > 0 { format!(", {known} of them before") } else { String::new() },
        began.elapsed().as_secs_f64()
    );
    anyhow::ensure!(failed.is_empty(), "{} cases failed", failed.len());
    Ok(())
}

/// Every scenario once, with nothing that goes wrong.
async fn record(lane: &mut Lane) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    let scenarios: Vec<Scenario> = lane.scenarios().collect();
    for scenario in scenarios {
        let (record, names) = run::run(lane, scenario, None).await?;
        calls.extend(calls_of(scenario, &record, &names)?);
    }
    Ok(calls)
}

/// One world, case after case; another one after a case that failed, which may have left anything.
async fn serve(tools: Tools, lane: Option<Lane>, work: Arc<Work>) -> Result<()> {
    let mut lane = match lane {
        Some(lane) => lane,
        None => Lane::start(&tools).await?,
    };
    loop {
        let Some(case) = work.waiting.lock().unwrap().pop_front() else { break };
        let began = Instant::now();
        let result = run::run(&mut lane, case.call.scenario, Some(&case)).await;
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(_) => {
                println!("{seconds:5.1} s  {case}");
                work.passed.lock().unwrap().add(case.to_string())?;
            }
            Err(error) => {
                println!("{seconds:5.1} s  FAILED {case}: {error:#}");
                work.failed.lock().unwrap().push(format!("{case}\n    {error:#}"));
                lane.world.local_aws.stop().await?;
                lane = Lane::start(&tools).await?;
            }
        }
    }
    lane.world.local_aws.stop().await
}
