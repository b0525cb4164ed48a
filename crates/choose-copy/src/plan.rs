//! Decides which copy a rollback goes to and what it still needs; sees only its arguments.

use crate::Error;
use replication::{Copy, Deadline, InstanceStatus, InvalidIdentifier, Look, ReplicationName, Run, Stage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where a rollback goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum To {
    /// The newest copy that is older than the live one; the newest of all when no copy is live.
    Previous,
    /// The newest copy; it also ends the pinning.
    Latest,
    /// The copy of this run.
    Run(Run),
}

impl TryFrom<String> for To {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        match text.as_str() {
            "previous" => Ok(Self::Previous),
            "latest" => Ok(Self::Latest),
            _ => Run::try_from(text).map(Self::Run),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Previous => f.write_str("before the live one"),
            Self::Latest => f.write_str("at all"),
            Self::Run(run) => write!(f, "of run {run}"),
        }
    }
}

/// What becomes of the pin when the copy goes live; a field of `PromoteSecret`'s request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Pin {
    /// Later runs do not undo the rollback.
    Set,
    /// Later runs go live again.
    Release,
}

/// The pin that goes with a direction.
pub fn pin(to: &To) -> Pin {
    match to {
        To::Latest => Pin::Release,
        To::Previous | To::Run(_) => Pin::Set,
    }
}

/// The DB instances of a replication's proven copies, by run, each with RDS's status.
pub type Proven = BTreeMap<Run, String>;

/// The run to go to. A copy that no waiting makes usable is passed over, unless it is asked for by name.
pub fn choose(
    replication: &ReplicationName,
    to: &To,
    live: Option<&Run>,
    proven: &Proven,
) -> Result<Run, Error> {
    let mut usable = proven.iter().filter(|(_, status)| !is_hopeless(status)).map(|(run, _)| run);
    let chosen = match to {
        To::Run(run) => proven.contains_key(run).then_some(run),
        To::Latest => usable.clone().next_back(),
        To::Previous => usable.clone().rfind(|run| live.is_none_or(|live| *run < live)),
    };
    chosen.cloned().ok_or_else(|| Error::NoCopyToGoTo {
        replication: replication.to_string(),
        wanted: to.to_string(),
        usable: match usable.next() {
            None => "none".to_owned(),
            Some(first) => usable.fold(first.to_string(), |list, run| format!("{list}, {run}")),
        },
    })
}

/// A stopped DB instance can be started.
fn is_hopeless(status: &str) -> bool {
    !matches!(status, "stopped" | "stopping") && InstanceStatus::of(status) == InstanceStatus::Hopeless
}

/// What the chosen copy needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Start its DB instance, then look again.
    Start,
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// A stopped DB instance is started, one that is on its way is waited for.
pub fn plan(copy: &Copy, status: &str, stage: &Stage, deadline: Deadline) -> Result<Plan, Error> {
    let identifier = copy.identifier();
    let reason = format!("DB instance {identifier} is {status}");
    match status {
        "stopped" => Ok(Plan::Start),
        "stopping" => Ok(Plan::Answer(stage.wait(status, None, deadline, reason)?)),
        _ => match InstanceStatus::of(status) {
            InstanceStatus::Usable => Ok(Plan::Answer(stage.done(status, reason))),
            InstanceStatus::Waiting => Ok(Plan::Answer(stage.wait(status, None, deadline, reason)?)),
            InstanceStatus::Hopeless => Err(Error::RestoreFailed { identifier, status: status.to_owned() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(day: u32) -> Run {
        Run::try_from(format!("202611{day:02}t000000z-0000")).unwrap()
    }

    #[test]
    fn the_copy_is_the_one_before_the_live_one_or_the_newest_or_the_one_that_is_named() {
        let orders = ReplicationName::try_from("orders".to_owned()).unwrap();
        let check = |to: To, live: Option<u32>, proven: &[(u32, &str)], expected: Result<u32, &str>| {
            let proven = proven.iter().map(|(day, status)| (run(*day), (*status).to_owned())).collect();
            match (choose(&orders, &to, live.map(run).as_ref(), &proven), expected) {
                (Ok(got), Ok(day)) => assert_eq!(got, run(day), "{to:?} from {live:?}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, expected) => panic!("{to:?} from {live:?}: {got:?}, not {expected:?}"),
            }
        };
        let three = [(1, "stopped"), (2, "available"), (3, "available")];
        check(To::Previous, Some(3), &three, Ok(2));
        check(To::Previous, Some(2), &three, Ok(1));
        check(To::Previous, None, &three, Ok(3));
        check(To::Previous, Some(1), &three, Err("no copy before the live one"));
        check(To::Latest, Some(1), &three, Ok(3));
        check(To::Run(run(1)), Some(3), &three, Ok(1));
        check(To::Run(run(3)), Some(3), &three, Ok(3));
        let four = "20261101t000000z-0000, 20261102t000000z-0000, 20261103t000000z-0000";
        check(To::Run(run(4)), Some(3), &three, Err(four));
        check(To::Previous, Some(3), &[(1, "available"), (2, "failed"), (3, "available")], Ok(1));
        check(To::Latest, None, &[(1, "available"), (2, "deleting")], Ok(1));
        check(To::Latest, None, &[(1, "failed")], Err("are none"));
        // Named, it is chosen, and its status is told.
        check(To::Run(run(1)), None, &[(1, "failed")], Ok(1));
    }

    #[test]
    fn a_direction_is_a_word_or_a_run() {
        assert_eq!(To::try_from("previous".to_owned()), Ok(To::Previous));
        assert_eq!(To::try_from("latest".to_owned()), Ok(To::Latest));
        assert_eq!(To::try_from(run(1).to_string()), Ok(To::Run(run(1))));
        assert!(To::try_from("yesterday".to_owned()).is_err());
        assert_eq!(
            [pin(&To::Previous), pin(&To::Run(run(1))), pin(&To::Latest)],
            [Pin::Set, Pin::Set, Pin::Release]
        );
    }

    #[test]
    fn a_stopped_instance_is_started_and_a_hopeless_one_is_told() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let check = |status: &str, expected: &str| {
            let got = match plan(&copy, status, &Stage::default(), Deadline::constant::<300>()) {
                Ok(Plan::Answer(look)) => format!("done={}", look.done),
                Ok(plan) => format!("{plan:?}"),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{status}");
        };
        check("available", "done=true");
        check("stopped", "Start");
        check("stopping", "done=false");
        check("starting", "done=false");
        check("incompatible-network", "Snapferry.RestoreFailed");
    }
}
