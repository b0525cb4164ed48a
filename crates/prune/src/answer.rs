//! What a look answers; sees only its arguments.

use step::{Look, STAGE_DEADLINE, StageTimedOut, Waiting};

/// How long to wait until RDS can delete everything, in seconds: the next run prunes again, and a report should not wait
/// for it.
const PATIENCE_SECONDS: u64 = 3_600;

/// What a dry run answers.
pub(crate) fn dry(waiting: &Waiting, kept: usize) -> Look {
    waiting.done("dry run", format!("{} would be kept", counted(kept, "run")))
}

/// `1 run`, `2 runs`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What is answered when the application's secret says something else just before a database would be deleted.
pub(crate) fn live_copy_changed(waiting: &Waiting) -> Result<Look, StageTimedOut> {
    waiting.wait("moved", None, STAGE_DEADLINE, "another copy went live meanwhile: looking again")
}

/// What is answered after everything that could be deleted was. `unsure`: the application's secret does not tell which
/// copy is live.
pub(crate) fn pruned(
    waiting: &Waiting,
    done: bool,
    kept: usize,
    deleted: usize,
    unsure: bool,
) -> Result<Look, StageTimedOut> {
    let unsure = if unsure {
        "; the application's secret does not tell the live copy, so every copy that may be live stays"
    } else {
        ""
    };
    let reason = format!("{} kept, {} deleted{unsure}", counted(kept, "run"), counted(deleted, "thing"));
    if done {
        return Ok(waiting.done("pruned", reason));
    }
    if waiting.seconds >= PATIENCE_SECONDS {
        let left = "what RDS does not delete yet is left to the next run";
        return Ok(waiting.done("pruned in part", format!("{reason}; {left}")));
    }
    waiting.wait("pruning", None, STAGE_DEADLINE, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rds_does_not_delete_is_left_to_the_next_run_after_an_hour() {
        let check = |seconds: u64, done: bool, expected: &str, is_done: bool| {
            let waiting = Waiting { seconds, looks: 9, ..Waiting::default() };
            let look = pruned(&waiting, done, 2, 1, false).unwrap();
            assert_eq!((look.waiting.status.as_deref(), look.done), (Some(expected), is_done), "{seconds}");
            assert!(look.reason.starts_with("2 runs kept, 1 thing deleted"), "{}", look.reason);
        };
        check(0, true, "pruned", true);
        check(3_599, false, "pruning", false);
        check(3_600, false, "pruned in part", true);
        check(3_600, true, "pruned", true);
    }
}
