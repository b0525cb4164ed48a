//! Steps as lines and as a table.

use crate::follow::{FollowedStep, Step};
use crate::text::{Left, Right, seconds, spinner, table};
use console::style;
use std::time::{Duration, SystemTime};

const BAR_WIDTH: usize = 10;

/// A step on one line while it runs: a sign, how long it takes, how often it looked, how far it is, and why it waits.
///
/// `place` says whose execution it is. `turned` is how long the sign has been turning. A reason that holds `name` says
/// `…` in its place: everything that a run makes has the same long name.
pub fn live_line(
    place: &str,
    step: &FollowedStep,
    now: SystemTime,
    turned: Duration,
    name: Option<&str>,
) -> String {
    let sign = if step.is_done() { style("✓").green().to_string() } else { spinner(turned) };
    let bar = step.percent.map(bar).unwrap_or_default();
    let reason = name.map_or(step.reason.clone(), |name| step.reason.replace(name, "…"));
    format!("  {sign} {}{bar}{}", columns(place, step, now), style(reason).dim())
}

/// A step that ended, on one line that stays.
pub fn ended_line(place: &str, step: &FollowedStep, now: SystemTime) -> String {
    format!("  {}{}", columns(place, step, now), step.reason).trim_end().to_owned()
}

fn columns(place: &str, step: &FollowedStep, now: SystemTime) -> String {
    let (elapsed, looks) = (seconds(step.elapsed(now)), looks(step.looks));
    format!("{place}  {:<16}  {elapsed:>8}  {looks:>8}  ", step.name)
}

/// How far RDS says it is.
fn bar(percent: u8) -> String {
    let full = (usize::from(percent) * BAR_WIDTH / 100).min(BAR_WIDTH);
    let (full, rest) = ("━".repeat(full), "╌".repeat(BAR_WIDTH - full));
    format!("{}{} {percent:>2} %  ", style(full).cyan(), style(rest).dim())
}

/// `1 look`, `2 looks`.
pub fn looks(number: u32) -> String {
    match number {
        1 => "1 look".to_owned(),
        _ => format!("{number} looks"),
    }
}

/// Every step with its account, its seconds and its looks.
pub fn steps_table<'a>(steps: impl IntoIterator<Item = (&'a str, &'a Step)>) -> Vec<String> {
    let row = |(account, it): (&str, &Step)| {
        let name = if it.done { it.step.clone() } else { format!("{} (not done)", it.step) };
        [account.to_owned(), name, format!("{:.1}", it.seconds), it.looks.to_string()]
    };
    let rows: Vec<_> = steps.into_iter().map(row).collect();
    table([("ACCOUNT", Left), ("STEP", Left), ("SECONDS", Right), ("LOOKS", Right)], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_which_step_is_not_done() {
        let steps = [("Snapshot", true), ("Share", false)].map(|(name, done)| Step {
            step: name.to_owned(),
            seconds: 1.25,
            looks: 2,
            done,
        });
        let lines = steps_table(steps.iter().map(|step| ("source", step)));
        assert_eq!(
            lines[1..],
            ["  source   Snapshot              1.2      2", "  source   Share (not done)      1.2      2"]
        );
    }
}
