//! The runs: each is started, followed in both accounts, and compared.

use crate::Report;
use crate::report::{RunReport, TableReport, compare};
use crate::source::Source;
use ::tests::{Fingerprint, REPLICATION, SOURCE_INSTANCE, SecretSays, World, fingerprint_of_server};
use anyhow::{Result, bail, ensure};
use console::style;
use executions::{
    Ended, Followed, FollowedStep, Left, REDRAW, Right, Screen, Step, ended_line, execution_arn, live_line,
    seconds, steps_table, table,
};
use std::time::{Duration, Instant, SystemTime};

/// How long a hand-off may be under way before the target account starts its execution.
const HANDOFF_PATIENCE: Duration = Duration::from_secs(120);
/// Histories are read at every third drawing.
const DRAWINGS_A_LOOK: u32 = 3;

/// Carries the source over, as often as wanted, and compares every table of each copy.
pub async fn replicate(
    world: &World,
    source: &mut Source,
    runs: u8,
    screen: &Screen,
    report: &mut Report,
) -> Result<()> {
    let mut snapshots = Vec::new();
    for number in 1..=runs {
        screen.say("");
        screen.say(&style(format!("Run {number} of {runs}")).bold().to_string());
        let began = Instant::now();
        let expected = rows_of(world, &world.login(SOURCE_INSTANCE).await?).await?;
        let mut run = Run::start(world).await?;
        let followed = run.follow(world, source, i64::from(number), &mut snapshots, screen).await;
        if let Err(error) = followed {
            let [source, target] = [run.source.summary(), run.target.summary()];
            say_steps(screen, &source, &target);
            bail!("run {number}: {error:#}");
        }
        let (name, from, to) = world.finish_run(&run.source_arn).await?;
        let secret = world.application_secret().await?;
        let live = &secret.db_instance_identifier;
        ensure!(
            *live == format!("{REPLICATION}-{name}"),
            "run {number}: the application's secret names {live}"
        );
        secret.connect().await?;
        let tables = compare(&expected, &rows_of(world, &secret).await?);
        let it = RunReport { run: name, source: (&from).into(), target: (&to).into(), tables, secret };
        let proof = run.target.step("Verify").map(|step| step.reason.as_str()).unwrap_or_default();
        say_run(screen, &it, source, proof, began.elapsed());
        let different: Vec<_> =
            it.tables.iter().filter(|it| !it.matches).map(|it| it.table.name.clone()).collect();
        report.runs.push(it);
        ensure!(
            different.is_empty(),
            "run {number}: {} of the copy differs from the source",
            different.join(", ")
        );
    }
    Ok(())
}

/// Rolls back to the copy before the last one, and forward again. Each copy still holds the rows of its run.
pub async fn there_and_back(world: &World, screen: &Screen, report: &Report) -> Result<()> {
    let [.., previous, last] = &report.runs[..] else { return Ok(()) };
    screen.say("");
    for (to, run) in [("previous", previous), ("latest", last)] {
        let copy = &run.secret.db_instance_identifier;
        screen.during(&format!("Rolling back to {copy}"), world.roll_back(to)).await?;
        let secret = world.application_secret().await?;
        let live = &secret.db_instance_identifier;
        ensure!(live == copy, "after the rollback to {copy} the application's secret names {live}");
        let expected: Fingerprint = run.tables.iter().map(|it| it.table.clone()).collect();
        let tables = compare(&expected, &rows_of(world, &secret).await?);
        ensure!(tables.iter().all(|it| it.matches), "after the rollback {copy} differs from its source");
    }
    screen.say(
        "A rollback led to the copy before, and another one back. Each still holds the rows of its run.",
    );
    Ok(())
}

/// Every row of every database of a server, whatever its policies hide from the master user.
async fn rows_of(world: &World, login: &SecretSays) -> Result<Fingerprint> {
    let administrator = world.local_aws.administrator().await?;
    fingerprint_of_server(login, &administrator).await
}

/// A run under way.
#[derive(Debug)]
struct Run {
    began: Instant,
    source_arn: String,
    source: Followed,
    target: Followed,
    handed_off: Option<Instant>,
}

impl Run {
    async fn start(world: &World) -> Result<Self> {
        let source_arn = world.start_run(&world.input()).await?;
        let (source, target) = Default::default();
        Ok(Self { began: Instant::now(), source_arn, source, target, handed_off: None })
    }

    /// Looks until both executions have succeeded. Rows are written to the source as soon as its snapshot is taken.
    async fn follow(
        &mut self,
        world: &World,
        source: &mut Source,
        number: i64,
        snapshots: &mut Vec<String>,
        screen: &Screen,
    ) -> Result<()> {
        let picture = screen.picture();
        let known = snapshots.len();
        let mut said = 0;
        for drawing in 0_u32.. {
            if drawing.is_multiple_of(DRAWINGS_A_LOOK) {
                self.look(world).await?;
                if !screen.draws() {
                    said = self.say_new(screen, said);
                }
                if snapshots.len() == known && self.source.step("Snapshot").is_some_and(FollowedStep::is_done)
                {
                    snapshots.push(world.snapshot_available(snapshots).await?);
                    source.write(number).await?;
                }
                if self.is_over()? {
                    break;
                }
            }
            picture.draw(&self.drawing());
            tokio::time::sleep(REDRAW).await;
        }
        Ok(())
    }

    async fn look(&mut self, world: &World) -> Result<()> {
        self.source.look(&world.source.states, &self.source_arn).await?;
        if let Some(run) = &self.source.run {
            let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
            let arn = execution_arn(machine, &format!("{REPLICATION}-{run}"));
            self.target.look(&world.target.states, &arn).await?;
        }
        Ok(())
    }

    /// Whether both executions have succeeded.
    fn is_over(&mut self) -> Result<bool> {
        for (account, followed) in [("source", &self.source), ("target", &self.target)] {
            if let Some(Ended::Failed(how)) = &followed.ended {
                bail!("the {account} account's execution failed: {how}");
            }
        }
        if self.source.ended.is_some() {
            let waited = self.handed_off.get_or_insert_with(Instant::now).elapsed();
            let started = self.target.last_event > 0;
            ensure!(started || waited < HANDOFF_PATIENCE, "the target account has not taken the hand-off");
        }
        Ok(self.source.ended.is_some() && self.target.ended.is_some())
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, &FollowedStep)> {
        let source = self.source.steps.iter().map(|step| ("source", step));
        source.chain(self.target.steps.iter().map(|step| ("target", step)))
    }

    /// A line for each step that ended and was not said yet.
    fn say_new(&self, screen: &Screen, said: usize) -> usize {
        let now = SystemTime::now();
        let mut done: Vec<_> = self.all().filter(|(_, step)| step.is_done()).collect();
        done.sort_by_key(|(_, step)| step.ended_at());
        for (account, step) in &done[said.min(done.len())..] {
            screen.say(&ended_line(account, step, now));
        }
        done.len()
    }

    /// Each step on a line: a sign, how far it is, how long it takes, how often it looked, and why it waits.
    fn drawing(&self) -> Vec<String> {
        let now = SystemTime::now();
        let (turned, name) = (self.began.elapsed(), self.name());
        // The name is long and always the same: the drawing tells it once, below.
        let line = |(account, step)| live_line(account, step, now, turned, name.as_deref());
        let mut lines: Vec<_> = self.all().map(line).collect();
        if self.target.steps.is_empty() {
            lines.push(style("  · target  waiting for the hand-off").dim().to_string());
        }
        lines.push(String::new());
        let name = name.map(|name| format!("{name}, ")).unwrap_or_default();
        lines.push(style(format!("  {name}{} so far", seconds(self.began.elapsed()))).dim().to_string());
        lines
    }

    /// What everything that the run makes is called, once it is known.
    fn name(&self) -> Option<String> {
        self.source.run.as_ref().map(|run| format!("{REPLICATION}-{run}"))
    }
}

fn say_steps(screen: &Screen, source: &[Step], target: &[Step]) {
    let source = source.iter().map(|step| ("source", step));
    let target = target.iter().map(|step| ("target", step));
    say_table(screen, &steps_table(source.chain(target)));
}

fn say_run(screen: &Screen, run: &RunReport, source: &Source, proof: &str, took: Duration) {
    say_steps(screen, &run.source.steps, &run.target.steps);

    let row = |TableReport { table, matches }: &TableReport| {
        let word = match (matches, table.unlogged) {
            (true, false) => style("equal").green(),
            (true, true) => style("empty, as UNLOGGED").yellow(),
            (false, _) => style("DIFFERENT").red().bold(),
        };
        [table.name.clone(), table.rows.to_string(), word.to_string()]
    };
    let rows: Vec<_> = run.tables.iter().map(row).collect();
    say_table(screen, &table([("TABLE", Left), ("ROWS", Right), ("COPY", Left)], &rows));

    screen.say("");
    if run.tables.iter().all(|it| it.matches) {
        let late = source.late_rows();
        screen.say(&format!("  {late} were written after the snapshot: the copy rightly lacks them."));
    }
    screen.say(&format!("  Before it went live: {proof}."));
    let secret = &run.secret;
    let live = &secret.db_instance_identifier;
    screen.say(&format!("  The application's secret leads to {live} at {}:{}.", secret.host, secret.port));
    screen.say(&format!("  It took {}.", seconds(took)));
}

fn say_table(screen: &Screen, lines: &[String]) {
    screen.say("");
    lines.iter().for_each(|line| screen.say(line));
}
