//! `scripts/rehearse`: the main job, end to end, on this machine, for people.

mod arguments;
mod dump;
mod look_around;
mod report;
mod run;
mod source;

use crate::arguments::{Arguments, STANDARD_OUTPUT};
use crate::report::Report;
use crate::run::{replicate, there_and_back};
use ::tests::{REPLICATION, SOURCE_INSTANCE, Tools, World};
use anyhow::Result;
use executions::Screen;
use std::pin::pin;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::of_command_line() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match rehearse(&arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Fails only before anything was started; afterwards the report says what happened.
async fn rehearse(arguments: &Arguments) -> Result<ExitCode> {
    let tools = Tools::from_environment()?;
    arguments.check(&tools)?;
    let mut end = pin!(told_to_end()?);
    let prints_report = arguments.json.as_ref().is_some_and(|it| it.as_os_str() == STANDARD_OUTPUT);
    let screen = if prints_report { Screen::of_standard_error() } else { Screen::of_standard_output() };
    let mut report = Report::default();
    let mut world = None;

    let ended = tokio::select! {
        result = run_all(arguments, &tools, &screen, &mut world, &mut report) => {
            report.conclude(result);
            false
        }
        () = async { end.as_mut().await; screen.say("Ending …") } => {
            report.conclude(Err(anyhow::anyhow!("it was ended before it was done")));
            true
        }
    };
    if let Some(file) = &arguments.json {
        report.write(file)?;
    }
    if let Some(world) = world.as_ref().filter(|_| arguments.keep && !ended) {
        say_verdict(&screen, &report);
        look_around::print(&screen, &tools, world).await;
        end.await;
        screen.say("Ending …");
    }
    if let Some(world) = &mut world {
        world.local_aws.stop().await?;
    }
    // With it goes its folder.
    drop(world);
    say_verdict(&screen, &report);
    Ok(match (&report.error, ended) {
        (None, _) => ExitCode::SUCCESS,
        (Some(_), false) => ExitCode::FAILURE,
        (Some(_), true) => ExitCode::from(130),
    })
}

/// Puts the world outside, where it outlives this function however it ends.
async fn run_all(
    arguments: &Arguments,
    tools: &Tools,
    screen: &Screen,
    world: &mut Option<World>,
    report: &mut Report,
) -> Result<()> {
    let start = World::start(tools, &arguments.folder, arguments.time_scale, &[]);
    let start = screen.during("Starting two AWS accounts on this machine and deploying both stacks", start);
    let world = &*world.insert(start.await?);
    let source = source::create(tools, world, arguments);
    let what = match &arguments.sql {
        None => format!("Creating {SOURCE_INSTANCE} in the source account and filling it"),
        Some(file) => {
            format!("Creating {SOURCE_INSTANCE} in the source account and loading {}", file.display())
        }
    };
    let mut source = screen.during(&what, source).await?;
    world.put_settings(&source.settings(world)).await?;
    let scale = arguments.time_scale;
    screen.say(&format!("A second of RDS lasts {scale} s here; all times below are this machine's."));
    replicate(world, &mut source, arguments.runs, screen, report).await?;
    there_and_back(world, screen, report).await?;
    for run in &report.runs {
        let own = world.secret(&format!("snapferry/{REPLICATION}/{}", run.run)).await?;
        own.connect().await?;
    }
    screen.say("");
    screen.say("Every copy was opened with a password of its own.");
    Ok(())
}

fn say_verdict(screen: &Screen, report: &Report) {
    screen.say("");
    match &report.error {
        None => screen.say(&report.verdict()),
        Some(_) => eprintln!("{}", report.verdict()),
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
