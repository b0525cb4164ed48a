//! Many replications at once, while calls fail, messages come twice, people interfere, and processes are killed: the
//! same must hold as with every single fault.
//!
//! The seed decides the whole plan, which is printed first. It does not decide how this machine's processes share its
//! time: the same seed makes the same trouble, not the same run. MiniStack keeps its state in memory, so killing it
//! would be losing AWS; everything else of the local AWS is killed.
//!
//! `CHAOS_SEED` repeats a plan, `CHAOS_SECONDS` makes the trouble longer, `CHAOS_REPLICATIONS` makes it wider.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod act;
mod fleet;
mod plan;
mod recovery;

use anyhow::{Context, Result, ensure};
use fleet::Fleet;
use plan::Planned;
use std::str::FromStr;
use std::time::Instant;
use tests::promises::Watch;
use tests::{Tools, deployed_steps};

#[tokio::test(flavor = "multi_thread")]
async fn replications_survive_chaos() -> Result<()> {
    let seed = given("CHAOS_SEED")?.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    let seconds = given("CHAOS_SECONDS")?.unwrap_or(30);
    let replications = given("CHAOS_REPLICATIONS")?.unwrap_or(4);
    ensure!(replications > 0, "CHAOS_REPLICATIONS must be at least 1");
    let again = format!(
        "CHAOS_SEED={seed} CHAOS_SECONDS={seconds} CHAOS_REPLICATIONS={replications} scripts/test --no-capture -E \
         'test(replications_survive_chaos)'"
    );
    println!("{again}");
    let plan = plan::plan(seed, seconds, replications, &deployed_steps()?);
    for planned in &plan {
        println!("{planned}");
    }
    let result = survive(&plan, seconds, replications).await;
    result.with_context(|| format!("repeat the plan, though not the timing, with\n    {again}"))
}

fn given<T: FromStr>(variable: &str) -> Result<Option<T>> {
    let Ok(text) = std::env::var(variable) else { return Ok(None) };
    let value = text.parse().ok().with_context(|| format!("{variable} must be a number, not {text:?}"))?;
    Ok(Some(value))
}

async fn survive(plan: &[Planned], seconds: u64, replications: usize) -> Result<()> {
    let began = Instant::now();
    let mut fleet = Fleet::start(&Tools::from_environment()?, replications).await?;
    let watches =
        fleet.members.iter().map(|it| Watch::begin(&fleet.world.target, &it.secret, &fleet.crashes));
    let watches: Vec<Watch> = watches.collect();
    let set_up = began.elapsed().as_secs();

    let counts = act::act_out(&mut fleet, plan, seconds).await?;
    let pending = fleet.world.local_aws.pending_faults().await?;
    fleet.world.local_aws.forget_faults().await?;
    let missed: u64 = pending.iter().filter_map(|it| it["times"].as_u64()).sum();
    let armed: u32 = plan.iter().map(Planned::faulty_calls).sum();

    println!("The trouble is over ({:.0} s)", began.elapsed().as_secs_f64());
    let outcomes = recovery::rest(&fleet).await?;
    for (outcome, count) in &outcomes {
        println!("{count:5} {outcome}");
    }
    let sent_back = recovery::send_dead_letters_back(&fleet).await?;
    let resumed = recovery::resume_all(&mut fleet).await?;
    recovery::go_on(&mut fleet).await?;
    recovery::rest(&fleet).await?;
    let mut looks = 0;
    for (watch, member) in watches.into_iter().zip(&fleet.members) {
        let watched = watch.end().await?;
        let (problems, name) = (&watched.problems, &member.replication);
        ensure!(problems.is_empty(), "{name}'s application's secret:\n{}", problems.join("\n"));
        looks += watched.looks;
    }
    recovery::nobody_is_harmed(&fleet).await?;

    for (kind, (done, nothing)) in counts {
        println!("{done:5} {kind}, and {nothing} that found nothing");
    }
    println!("{:5} calls went wrong of {armed} planned", u64::from(armed).saturating_sub(missed));
    println!("{sent_back:5} dead letters sent back, {resumed} runs resumed at the end");
    println!("{looks:5} looks at application's secrets that led to a copy, none of them in vain");
    println!(
        "{:.0} s, of which {set_up} s of setting up and {seconds} s of trouble",
        began.elapsed().as_secs_f64()
    );
    fleet.world.local_aws.stop().await
}
