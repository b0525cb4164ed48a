//! `scripts/rehearse`: the main job, end to end, on this machine.

use anyhow::{Result, ensure};
use clap::Parser;
use serde::Serialize;
use std::path::PathBuf;
use tests::{Execution, Fingerprint, Orders, REPLICATION, SecretSays, Step, Table, Tools, World};

/// Carries a database from a source account to a target account, twice, and compares every table.
#[derive(Debug, Parser)]
#[command(name = "scripts/rehearse")]
struct Arguments {
    /// Write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long an RDS second lasts here, in seconds.
    #[arg(long, default_value_t = 0.02, value_name = "SECONDS")]
    time_scale: f64,
    /// The folder for everything that is made; removed at the end.
    #[arg(long, default_value = ".local", hide = true)]
    folder: PathBuf,
}

/// The report of a rehearsal.
#[derive(Debug, Default, Serialize)]
struct Report {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    runs: Vec<RunReport>,
}

#[derive(Debug, Serialize)]
struct RunReport {
    run: String,
    source: ExecutionReport,
    target: ExecutionReport,
    tables: Vec<TableReport>,
    secret: SecretSays,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionReport {
    execution_arn: String,
    status: String,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct TableReport {
    #[serde(flatten)]
    table: Table,
    matches: bool,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    match rehearse(&arguments, &mut report).await {
        Ok(()) => report.ok = true,
        Err(error) => report.error = Some(format!("{error:#}")),
    }
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        if let Err(error) = std::fs::write(file, text + "\n") {
            eprintln!("cannot write {}: {error}", file.display());
            return std::process::ExitCode::FAILURE;
        }
    }
    match &report.error {
        None => {
            println!(
                "The copy of the last run is live, and every table equals the source as of its snapshot."
            );
            std::process::ExitCode::SUCCESS
        }
        Some(error) => {
            eprintln!("The rehearsal failed: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn rehearse(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let tools = Tools::from_environment()?;
    println!("Starting two accounts on this machine and deploying both stacks …");
    let mut world = World::start(&tools, &arguments.folder, arguments.time_scale, &[]).await?;
    let result = replicate(&world, report).await;
    world.local_aws.stop().await?;
    result
}

async fn replicate(world: &World, report: &mut Report) -> Result<()> {
    let mut orders = world.create_source().await?;
    let mut snapshots = Vec::new();
    for pass in 1..=2_i64 {
        println!("Run {pass}:");
        let expected = orders.fingerprint().await?;
        let source_arn = world.start_run(&world.input()).await?;
        snapshots.push(world.snapshot_available(&snapshots).await?);
        // These must be absent from the copy.
        orders.add(1 + pass * 1000, 100).await?;
        let (run, source, target) = world.finish_run(&source_arn).await?;
        let secret = world.application_secret().await?;
        ensure!(
            secret.db_instance_identifier == format!("{REPLICATION}-{run}"),
            "the application's secret names {}",
            secret.db_instance_identifier
        );
        let tables = compare(&expected, &secret.connect().await?.fingerprint().await?);
        let run = RunReport { run, source: (&source).into(), target: (&target).into(), tables, secret };
        print(&run);
        report.runs.push(run);
        ensure!(report.runs.iter().flat_map(|run| &run.tables).all(|table| table.matches), "a table differs");
    }
    for run in &report.runs {
        let own = world.secret(&format!("snapferry/{REPLICATION}/{}", run.run)).await?;
        let _: Orders = own.connect().await?;
        println!("{} accepts its own password.", own.db_instance_identifier);
    }
    Ok(())
}

/// Every table of either side, by name; one that only the copy has does not match.
fn compare(expected: &Fingerprint, found: &Fingerprint) -> Vec<TableReport> {
    let extra = found.iter().filter(|table| !expected.iter().any(|it| it.name == table.name));
    let known =
        expected.iter().map(|table| TableReport { table: table.clone(), matches: found.contains(table) });
    known.chain(extra.map(|table| TableReport { table: table.clone(), matches: false })).collect()
}

impl From<&Execution> for ExecutionReport {
    fn from(it: &Execution) -> Self {
        Self { execution_arn: it.arn.clone(), status: it.status.to_string(), steps: it.steps.clone() }
    }
}

fn print(run: &RunReport) {
    for (account, execution) in [("source", &run.source), ("target", &run.target)] {
        for Step { step, seconds, looks } in &execution.steps {
            println!("  {account}  {step:<18} {seconds:>6.1} s  {looks:>3} looks");
        }
    }
    for TableReport { table, matches } in &run.tables {
        println!(
            "  {:<12} {:>6} rows  {}",
            table.name,
            table.rows,
            if *matches { "equal" } else { "DIFFERENT" }
        );
    }
    println!("  live: {} at {}:{}", run.secret.db_instance_identifier, run.secret.host, run.secret.port);
}
