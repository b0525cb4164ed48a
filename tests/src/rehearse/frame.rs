//! What every rehearsal has around it: a screen, a world that ends in order however it ends, and a report.

use crate::arguments::{Common, STANDARD_OUTPUT};
use ::tests::World;
use anyhow::{Context, Result};
use executions::Screen;
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// What `--json` writes, and how it ended.
pub trait Report: Serialize {
    /// Says how it ended.
    fn conclude(&mut self, result: Result<()>);

    /// Whether something is wrong.
    fn has_failed(&self) -> bool;

    /// One line: passed or failed, and why.
    fn verdict(&self) -> String;
}

/// Plays a rehearsal to its end. `play` puts the world outside, where it outlives `play` however that ends; with `--keep`,
/// `look_around` then says how to look at it. Fails only before anything was started; afterwards the report says what
/// happened.
pub async fn rehearse<R: Report>(
    common: &Common,
    mut report: R,
    play: impl AsyncFnOnce(&Screen, &mut Option<World>, &mut R) -> Result<()>,
    look_around: impl AsyncFnOnce(&Screen, &World),
) -> Result<ExitCode> {
    let mut end = pin!(told_to_end()?);
    let prints_report = common.json.as_ref().is_some_and(|it| it.as_os_str() == STANDARD_OUTPUT);
    let screen = if prints_report { Screen::of_standard_error() } else { Screen::of_standard_output() };
    let mut world = None;

    let ended = tokio::select! {
        result = play(&screen, &mut world, &mut report) => {
            report.conclude(result);
            false
        }
        () = async { end.as_mut().await; screen.say("Ending …") } => {
            report.conclude(Err(anyhow::anyhow!("it was ended before it was done")));
            true
        }
    };
    if let Some(file) = &common.json {
        write(&report, file)?;
    }
    if let Some(world) = world.as_ref().filter(|_| common.keep && !ended) {
        say_verdict(&screen, &report);
        look_around(&screen, world).await;
        end.await;
        screen.say("Ending …");
    }
    if let Some(world) = &mut world {
        world.local_aws.stop().await?;
    }
    // With it goes its folder.
    drop(world);
    say_verdict(&screen, &report);
    Ok(match (report.has_failed(), ended) {
        (false, _) => ExitCode::SUCCESS,
        (true, false) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(130),
    })
}

/// Writes the report to where `--json` says.
fn write(report: &impl Report, file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(report)? + "\n";
    if file.as_os_str() == STANDARD_OUTPUT {
        return std::io::stdout().write_all(text.as_bytes()).context("cannot write the report");
    }
    std::fs::write(file, text).with_context(|| format!("cannot write the report {}", file.display()))
}

/// Says what the times below are.
pub fn say_scale(screen: &Screen, scale: f64) {
    screen.say(&format!("A second of RDS lasts {scale} s here; all times below are this machine's."));
}

fn say_verdict(screen: &Screen, report: &impl Report) {
    screen.say("");
    match report.has_failed() {
        false => screen.say(&report.verdict()),
        true => eprintln!("{}", report.verdict()),
    }
}

/// Completes when the person, or the program that started us, wants an end. Asked for again, it changes nothing: the end is
/// under way.
fn told_to_end() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
