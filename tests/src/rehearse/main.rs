//! `scripts/rehearse`: the main job, end to end, on this machine, for people; and `scripts/rehearse reach`, what it means
//! for an application.

mod arguments;
mod dump;
mod frame;
mod look_around;
mod reach;
mod report;
mod run;
mod source;

use crate::arguments::{Arguments, Other, Replications};
use crate::report::Report;
use crate::run::{replicate, there_and_back};
use ::tests::{REPLICATION, SOURCE_INSTANCE, Tools, World};
use anyhow::Result;
use executions::Screen;
use std::process::ExitCode;

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

async fn rehearse(arguments: &Arguments) -> Result<ExitCode> {
    let tools = Tools::from_environment()?;
    let Arguments { replications, common, other } = arguments;
    if let Some(Other::Reach(common)) = other {
        common.check()?;
        return reach::rehearse(common, &tools).await;
    }
    replications.check(&tools)?;
    common.check()?;
    let play = async |screen: &Screen, world: &mut Option<World>, report: &mut Report| {
        let start = World::start(&tools, &common.folder, common.time_scale, &[]);
        let start =
            screen.during("Starting two AWS accounts on this machine and deploying both stacks", start);
        let world = &*world.insert(start.await?);
        run_all(replications, common.time_scale, &tools, screen, world, report).await
    };
    let look_around = async |screen: &Screen, world: &World| look_around::print(screen, &tools, world).await;
    frame::rehearse(common, Report::default(), play, look_around).await
}

async fn run_all(
    replications: &Replications,
    time_scale: f64,
    tools: &Tools,
    screen: &Screen,
    world: &World,
    report: &mut Report,
) -> Result<()> {
    let source = source::create(tools, world, replications);
    let what = match &replications.sql {
        None => format!("Creating {SOURCE_INSTANCE} in the source account and filling it"),
        Some(file) => {
            format!("Creating {SOURCE_INSTANCE} in the source account and loading {}", file.display())
        }
    };
    let mut source = screen.during(&what, source).await?;
    world.put_settings(&source.settings(world)).await?;
    frame::say_scale(screen, time_scale);
    replicate(world, &mut source, replications.runs, screen, report).await?;
    there_and_back(world, screen, report).await?;
    for run in &report.runs {
        let own = world.secret(&format!("snapferry/{REPLICATION}/{}", run.run)).await?;
        own.connect().await?;
    }
    screen.say("");
    screen.say("Every copy was opened with a password of its own.");
    Ok(())
}
