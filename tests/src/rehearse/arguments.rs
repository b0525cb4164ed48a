//! The options, checked before anything is started.

use ::tests::Tools;
use anyhow::{Result, bail};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

/// Carries a database from a source account to a target account, and compares every table.
///
/// Two AWS accounts are played on this machine; the templates, state machines and Lambda functions in them are the real
/// ones, and so are the database and its rows. Nothing leaves this machine, and nothing stays on it.
#[derive(Debug, Parser)]
#[command(
    name = "scripts/rehearse",
    bin_name = "scripts/rehearse",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 when every run succeeded and every table was equal, 1 when not, 2 for a wrong option, 130 when ended by Ctrl-C."
)]
pub struct Arguments {
    /// What is carried over.
    #[command(flatten)]
    pub replications: Replications,
    /// What every rehearsal takes.
    #[command(flatten)]
    pub common: Common,
    /// Another rehearsal than that of the main job.
    #[command(subcommand)]
    pub other: Option<Other>,
}

/// Another rehearsal than that of the main job.
#[derive(Debug, Subcommand)]
pub enum Other {
    /// Writes through an application without a pause while a run cuts over, a rollback goes back and RDS fails the live
    /// copy over, and counts what is refused and lost.
    ///
    /// The application stands behind an HTTP API. It reaches the copies by lanes of a Network Load Balancer, then by lanes
    /// of RDS Proxies. Last comes the naive way: register the new address and deregister the old one at once, the secret
    /// afterwards.
    #[command(
        after_help = "Exit status: 0 when no acknowledged write was lost, every write was in the live copy within 60 s, and a cut-over or rollback refused at most one write a connection; 1 when not, 2 for a wrong option, 130 when ended by Ctrl-C."
    )]
    Reach(Common),
}

/// What is carried over.
#[derive(Debug, Args)]
pub struct Replications {
    /// How many runs, one after the other, with rows written in between; 1 to 20.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=20))]
    pub runs: u8,
    /// The engine of the source. MariaDB is the machine's own, or comes from Debian's packages.
    #[arg(long, default_value = "postgres", value_enum)]
    pub engine: Engine,
    /// Load this SQL dump (plain text, as pg_dump writes it) as the source, in place of the built-in shop.
    #[arg(long, value_name = "FILE")]
    pub sql: Option<PathBuf>,
}

/// What every rehearsal takes.
#[derive(Debug, Args)]
pub struct Common {
    /// How long a second of RDS lasts here, in seconds; 0 to 1.
    #[arg(long, default_value_t = 0.02, value_name = "SECONDS", value_parser = time_scale)]
    pub time_scale: f64,
    /// Afterwards keep everything running until Ctrl-C, and tell how to look around with psql and the AWS CLI.
    #[arg(long)]
    pub keep: bool,
    /// Write the report as JSON to this file; without a file to standard output, and all else to standard error.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STANDARD_OUTPUT)]
    pub json: Option<PathBuf>,
    /// The folder for everything that is made; removed at the end.
    #[arg(long, default_value = ".local", hide = true)]
    pub folder: PathBuf,
}

/// An engine that can be rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    Mariadb,
}

impl Engine {
    /// As RDS's API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }
}

/// `--json -`, and what `--json` alone means.
pub const STANDARD_OUTPUT: &str = "-";

fn time_scale(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|scale| (0.0..=1.0).contains(scale)).ok_or("it must be a number from 0 to 1")
}

impl Arguments {
    /// The options, or the exit status where there is nothing to do but to say why not, in one line.
    pub fn of_command_line() -> Result<Self, ExitCode> {
        Self::parse_all().map_err(|error| {
            if error.use_stderr() {
                let text = error.to_string();
                eprintln!("{} (--help tells the options)", text.lines().next().unwrap_or_default());
                return ExitCode::from(2);
            }
            let _ = error.print();
            ExitCode::SUCCESS
        })
    }

    fn parse_all() -> Result<Self, clap::Error> {
        let this = Self::try_parse()?;
        let Replications { engine, sql, .. } = &this.replications;
        if *engine == Engine::Mariadb && sql.is_some() {
            let message = "--sql takes a dump of PostgreSQL, so it cannot be used with --engine mariadb";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(this)
    }
}

impl Replications {
    /// Better now than after a minute of work.
    pub fn check(&self, tools: &Tools) -> Result<()> {
        if self.engine == Engine::Mariadb && tools.mariadb.is_none() {
            bail!(
                "this machine has no MariaDB, and apt-get does not bring it: install Debian's package \
                 mariadb-server-core, then run this again (.local/databases.log tells more)"
            );
        }
        let Some(file) = &self.sql else { return Ok(()) };
        let is_folder = File::open(file).and_then(|file| Ok(file.metadata()?.is_dir()));
        match is_folder {
            Ok(false) => crate::dump::check_kind(file),
            Ok(true) => bail!("cannot read the SQL file {}: it is a folder", file.display()),
            Err(error) => bail!("cannot read the SQL file {}: {}", file.display(), words(&error)),
        }
    }
}

impl Common {
    /// Better now than after a minute of work.
    pub fn check(&self) -> Result<()> {
        if let Some(file) = self.json.as_ref().filter(|file| file.as_os_str() != STANDARD_OUTPUT)
            && let Err(error) = File::options().create(true).append(true).open(file)
        {
            bail!("cannot write the report {}: {}", file.display(), words(&error));
        }
        Ok(())
    }
}

/// Without the number that Rust adds to what the system says.
fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}
