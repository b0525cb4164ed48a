//! `scripts/rehearse reach`: what cut-overs, rollbacks and failovers mean for an application that comes by lanes.

mod naive;
mod report;
mod stage;

use crate::arguments::Common;
use crate::{frame, look_around};
use ::tests::{Consumer, Example, Lanes, SOURCE_INSTANCE, Tools, World, eventually};
use anyhow::{Result, ensure};
use executions::Screen;
use report::{By, Kind, Report};
use serde_json::{Value, json};
use stage::Stage;
use std::process::ExitCode;

/// Plays it.
pub async fn rehearse(common: &Common, tools: &Tools) -> Result<ExitCode> {
    ensure!(
        tools.nss_wrapper.is_some(),
        "this machine has no libnss-wrapper, and apt-get does not bring it, so no name can lead to a load balancer: \
         install Debian's package libnss-wrapper, then run this again (.local/names.log tells more)"
    );
    let play = async |screen: &Screen, world: &mut Option<World>, report: &mut Report| {
        let start = Lanes::start_world(tools, &common.folder, common.time_scale);
        let what = "Starting two AWS accounts on this machine and deploying their stacks and a load balancer";
        let (started, lanes) = screen.during(what, start).await?;
        let world = &*world.insert(started);
        frame::say_scale(screen, common.time_scale);
        play(world, &lanes, screen, report).await
    };
    let look_around = async |screen: &Screen, world: &World| look_around::print(screen, tools, world).await;
    frame::rehearse(common, Report::default(), play, look_around).await
}

async fn play(world: &World, lanes: &Lanes, screen: &Screen, report: &mut Report) -> Result<()> {
    put_settings(world, lanes.settings(world)?).await?;
    let what = format!("Creating {SOURCE_INSTANCE} in the source account and filling it");
    drop(screen.during(&what, world.create_source()).await?);
    let first_run = screen.during("A first run: its copy goes live by a lane", run(world)).await?;
    let example =
        screen.during("Deploying the example application into a VPC of its own", deploy(world, lanes));
    let example = example.await?;
    screen.during("Deploying what follows failovers", lanes.follow_failovers(world)).await?;

    screen.say("");
    screen.say("It writes through the HTTP API without a pause.");
    events(world, By::NetworkLoadBalancer, &example, screen, report).await?;

    screen.say("");
    let before_proxies = screen.during("Moving over to lanes of RDS Proxies", move_to_proxies(world, lanes));
    events(world, By::DbProxy, &before_proxies.await?, screen, report).await?;

    screen.say("");
    let back = move_back(world, lanes, &first_run);
    screen.during("Moving back to the load balancer", back).await?;
    let (played, written) = naive::play(world, lanes, &example, screen).await?;
    report.played_naively(&played, &written);
    report.say(screen);
    report.judge()
}

/// Everything that happens to the live copy, while callers write.
async fn events(
    world: &World,
    by: By,
    example: &Example,
    screen: &Screen,
    report: &mut Report,
) -> Result<()> {
    let mut stage = Stage::open(world, by, example).await?;
    let run = async { run(world).await.map(drop) };
    stage.play(Kind::CutOver, screen, "A run cuts over to a new copy", run).await?;
    let roll_back = async { world.roll_back("previous").await.map(drop) };
    stage.play(Kind::Rollback, screen, "A rollback goes back to the copy before", roll_back).await?;
    stage.play(Kind::Failover, screen, "RDS fails the live copy over", fail_over(world)).await?;
    let (played, written) = stage.close().await?;
    report.played(&played, &written);
    Ok(())
}

/// Changes the settings, moves on to the latest copy, and deploys an application beside the copies.
async fn move_to_proxies(world: &World, lanes: &Lanes) -> Result<Example> {
    put_settings(world, lanes.settings_by_proxies(world)?).await?;
    world.roll_back("latest").await?;
    let example = Example::deploy_before_proxies(world).await?;
    write_first(&example, "first-by-proxy").await?;
    Ok(example)
}

/// Goes back to the copy of this run, whose lane of the load balancer still stands.
async fn move_back(world: &World, lanes: &Lanes, run: &str) -> Result<()> {
    put_settings(world, lanes.settings(world)?).await?;
    world.roll_back(run).await.map(drop)
}

/// Copies have a standby.
async fn put_settings(world: &World, mut settings: Value) -> Result<()> {
    settings["dbInstance"] = json!({"multiAz": true});
    world.put_settings(&settings).await
}

/// A run from its start to its copy; answers its name.
async fn run(world: &World) -> Result<String> {
    let execution = world.start_run(&world.input()).await?;
    Ok(world.finish_run(&execution).await?.0)
}

/// Deploys the application where the lanes are the only way, and lets it write once.
async fn deploy(world: &World, lanes: &Lanes) -> Result<Example> {
    let live = world.application_secret().await?;
    let consumer = Consumer::deploy(&world.target, lanes, &live.host).await?;
    let example = Example::deploy_in_vpc_of(world, &consumer).await?;
    write_first(&example, "first").await?;
    Ok(example)
}

async fn write_first(example: &Example, id: &str) -> Result<()> {
    let write = example.write(id).await?;
    ensure!(write.is_acknowledged(), "the application does not reach the live copy: {}", write.said);
    Ok(())
}

/// Forces a failover of the live copy, and waits until its name leads to the standby.
async fn fail_over(world: &World) -> Result<()> {
    let copy = world.application_secret().await?.db_instance_identifier;
    // Its own secret has its own name, and not that of a proxy.
    let login = world.secret_of(&copy).await?;
    let before = login.address().await?;
    let reboot = world.target.rds.reboot_db_instance().db_instance_identifier(&copy);
    reboot.force_failover(true).send().await?;
    eventually("the name of the live copy to lead to its standby", || async {
        Ok(login.address().await.ok().filter(|it| *it != before))
    })
    .await?;
    world.target.instance_in(&copy, "available").await.map(drop)
}
