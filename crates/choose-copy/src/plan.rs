//! Decides which copy a rollback goes to and what it still needs; sees only its arguments.

use crate::Error;
use database::{Condition, Database, DatabaseSeen};
use replication::{BackupRetentionPeriod, Pin, ReplicationName, Run, RunId, tag};
use secret::SecretValue;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use step::{Bounded, Deadline, InvalidIdentifier, Look, Waiting};

/// Where a rollback goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum To {
    /// The newest copy that is older than the live one; the newest of all when no copy is live.
    Previous,
    /// The newest copy; it also ends the pinning.
    Latest,
    /// The copy of this run.
    Run(RunId),
}

impl TryFrom<String> for To {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        match text.as_str() {
            "previous" => Ok(Self::Previous),
            "latest" => Ok(Self::Latest),
            _ => RunId::try_from(text).map(Self::Run),
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

/// The pin that goes with a direction.
pub fn pin(to: &To) -> Pin {
    match to {
        To::Latest => Pin::Release,
        To::Previous | To::Run(_) => Pin::Set,
    }
}

/// What a direction means for later runs.
pub fn advice(to: &To) -> &'static str {
    match to {
        To::Latest => "the replication is not pinned: the next run goes live",
        To::Previous | To::Run(_) => {
            "the replication is pinned: later runs do not go live until it is rolled back to `latest`"
        }
    }
}

/// The DB instances of a replication's proven copies, by run, each with RDS's status.
pub type Proven = BTreeMap<RunId, String>;

/// The proven copies of a replication among all databases of the account.
pub fn proven(replication: &ReplicationName, databases: &[DatabaseSeen]) -> Proven {
    let run_of = |it: &DatabaseSeen| {
        let run = Run::that_made(it.database.identifier(), &it.tags)?;
        let is_way_back = run.replication == *replication && it.tags.contains_key(tag::PROVEN);
        is_way_back.then(|| (run.id, it.status.clone()))
    };
    databases.iter().filter_map(run_of).collect()
}

/// The days that the copy's automated backups are kept, as its restore said: in a run, the source fills in what the
/// settings leave open.
pub fn backup_retention_period(run: &Run, databases: &[DatabaseSeen]) -> Option<BackupRetentionPeriod> {
    let copy = databases.iter().find(|it| run.made(it.database.identifier(), &it.tags))?;
    Bounded::new(copy.tags.get(tag::BACKUP_RETENTION_PERIOD)?.parse::<i64>().ok()?)
}

/// The run of this replication whose copy the application's secret names; `None` when it names none.
pub fn live_run(replication: &ReplicationName, application_secret: Option<&SecretValue>) -> Option<RunId> {
    let live = Run::from_identifier(application_secret?.db_instance_identifier()?)?;
    (live.replication == *replication).then_some(live.id)
}

/// The run to go to. A copy that no waiting makes usable is passed over, unless it is asked for by name.
pub fn choose(
    replication: &ReplicationName,
    to: &To,
    live: Option<&RunId>,
    proven: &Proven,
) -> Result<RunId, Error> {
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
    !matches!(status, "stopped" | "stopping") && Condition::of(status) == Condition::Hopeless
}

/// What the chosen copy needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Start this DB instance, then look again.
    Start(Database),
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// A stopped DB instance is started, one that is on its way is waited for.
pub fn plan(run: &Run, proven: &Proven, waiting: &Waiting, deadline: Deadline) -> Result<Plan, Error> {
    let (identifier, status) = (run.identifier(), proven.get(&run.id).map_or("", String::as_str));
    let reason = format!("DB instance {identifier} is {status}");
    match (status, Condition::of(status)) {
        ("stopped", _) => Ok(Plan::Start(Database::Instance(identifier))),
        ("stopping", _) | (_, Condition::Waiting) => {
            Ok(Plan::Answer(waiting.wait(status, None, deadline, reason)?))
        }
        (_, Condition::Usable | Condition::Serving) => Ok(Plan::Answer(waiting.done(status, reason))),
        (_, Condition::Hopeless) => Err(Error::RestoreFailed { identifier, status: status.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(day: u32) -> RunId {
        RunId::try_from(format!("202611{day:02}t000000z-0000")).unwrap()
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
    fn the_advice_says_whether_the_next_run_goes_live() {
        assert!(advice(&To::Latest).contains("the next run goes live"));
        for to in [To::Previous, To::Run(run(1))] {
            assert!(advice(&to).contains("rolled back to `latest`"), "{to:?}");
        }
    }

    #[test]
    fn only_proven_copies_of_the_replication_are_known_and_one_of_them_may_be_live() {
        let orders = ReplicationName::try_from("orders".to_owned()).unwrap();
        let seen = |identifier: &str, is_proven: bool| {
            let mut tags = Run::from_identifier(identifier).unwrap().tags();
            tags.extend(is_proven.then(|| (tag::PROVEN.to_owned(), String::new())));
            DatabaseSeen { tags, ..DatabaseSeen::named(Database::Instance(identifier.to_owned())) }
        };
        let all = [
            seen("orders-20261101t000000z-0000", true),
            seen("orders-20261102t000000z-0000", false),
            seen("payroll-20261103t000000z-0000", true),
        ];
        assert_eq!(proven(&orders, &all).into_keys().collect::<Vec<_>>(), [run(1)]);

        let live = |identifier: &str| {
            let text = format!(r#"{{"dbInstanceIdentifier": "{identifier}"}}"#);
            live_run(&orders, SecretValue::parse(&text).as_ref())
        };
        assert_eq!(live("orders-20261101t000000z-0000"), Some(run(1)));
        assert_eq!(live("payroll-20261101t000000z-0000"), None);
        assert_eq!(live("orders-legacy"), None);
        assert_eq!(live_run(&orders, None), None);
    }

    // A6: a copy that was never live has no automated backups yet, and gets those of its run.
    #[test]
    fn the_copy_itself_says_how_long_its_backups_are_kept() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let copy = |days: Option<&str>| {
            let mut tags = run.tags();
            tags.extend(days.map(|it| (tag::BACKUP_RETENTION_PERIOD.to_owned(), it.to_owned())));
            [DatabaseSeen { tags, ..DatabaseSeen::named(Database::Instance(run.identifier())) }]
        };
        assert_eq!(backup_retention_period(&run, &copy(Some("7"))), Bounded::new(7));
        for other in [copy(None), copy(Some("many")), copy(Some("36"))] {
            assert_eq!(backup_retention_period(&run, &other), None);
        }
    }

    #[test]
    fn a_stopped_instance_is_started_and_a_hopeless_one_is_told() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let check = |status: &str, expected: &str| {
            let proven = Proven::from([(run.id.clone(), status.to_owned())]);
            let got = match plan(&run, &proven, &Waiting::default(), Deadline::constant::<300>()) {
                Ok(Plan::Answer(look)) => format!("done={}", look.done),
                Ok(Plan::Start(database)) => format!("start {database}"),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{status}");
        };
        check("available", "done=true");
        // A rollback does not wait for a backup, which takes hours on large storage.
        check("backing-up", "done=true");
        check("stopped", "start DB instance orders-20261120t160812z-3f9a");
        check("stopping", "done=false");
        check("starting", "done=false");
        check("incompatible-network", "Snapferry.RestoreFailed");
    }
}
