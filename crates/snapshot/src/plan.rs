//! Decides what a look at the source leads to; sees only its arguments.

use crate::{Error, Execution};
use database::{Condition, Database, DatabaseSeen, Refusal, SnapshotSeen, busy_or_failed};
use lambda_support::CallFailed;
use replication::{Run, RunId, SourceInput};
use step::{Deadline, Look, Waiting};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Create the snapshot, then look again.
    Create,
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// The run to resume, else the schedule's tick, else the execution itself.
pub fn run_of(input: &SourceInput, execution: &Execution) -> Result<RunId, Error> {
    let run = match (&input.run, &input.scheduled_time) {
        (Some(run), _) => run.clone(),
        (None, Some(tick)) => {
            let at = tick.parse().map_err(|_| Error::InvalidScheduledTime(tick.clone()))?;
            RunId::scheduled(at, &input.replication)
        }
        (None, None) => RunId::started(execution.started_at, &execution.arn),
    };
    if !run.has_begun(execution.started_at) {
        return Err(Error::RunOfTheFuture(run));
    }
    Ok(run)
}

/// Decides while the run has no snapshot.
pub fn plan_without_snapshot(
    source: &Database,
    seen: Option<&DatabaseSeen>,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Plan, Error> {
    let Some(seen) = seen else { return Err(Error::SourceNotFound(source.to_string())) };
    let status = seen.status.clone();
    match seen.condition() {
        Condition::Usable => Ok(Plan::Create),
        Condition::Hopeless => Err(Error::SourceNotAvailable { database: source.to_string(), status }),
        Condition::Serving | Condition::Waiting => {
            let reason = format!("{source} is {status}");
            Ok(Plan::Answer(waiting.wait(&status, None, deadline, reason)?))
        }
    }
}

/// Decides once the run's snapshot exists.
pub fn plan_with_snapshot(
    run: &Run,
    seen: &SnapshotSeen,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Plan, Error> {
    let (identifier, status) = (run.identifier(), seen.status.clone());
    if !run.made_or_is_making(&identifier, &seen.tags, seen.is_being_made()) {
        return Err(Error::SnapshotNotOurs(identifier));
    }
    let reason = format!("DB snapshot {identifier} is {status}");
    if seen.is_available() {
        return Ok(Plan::Answer(waiting.done(&status, reason)));
    }
    if seen.is_lost() {
        return Err(Error::SnapshotFailed { identifier, status });
    }
    Ok(Plan::Answer(waiting.wait(&status, seen.percent, deadline, reason)?))
}

/// What a refused CreateDBSnapshot leads to: another look, with its reason, or a failure.
pub fn after_refusal(run: &Run, source: &Database, failed: CallFailed) -> Result<String, Error> {
    match Refusal::of(&failed) {
        Refusal::AlreadyExists => Ok(format!("DB snapshot {} exists already", run.identifier())),
        Refusal::DatabaseNotFound => Err(Error::SourceNotFound(source.to_string())),
        Refusal::SnapshotQuota => Err(Error::SnapshotQuotaExceeded),
        _ => Ok(busy_or_failed(source, failed)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_support::Service;

    fn run() -> Run {
        Run::from_identifier("orders-20261120t160812z-3f9a").unwrap()
    }

    fn source() -> Database {
        Database::Instance("orders-prod".to_owned())
    }

    fn instance(status: &str) -> DatabaseSeen {
        DatabaseSeen { status: status.to_owned(), ..DatabaseSeen::named(source()) }
    }

    fn snapshot(status: &str) -> SnapshotSeen {
        let (status, tags) = (status.to_owned(), run().tags());
        SnapshotSeen { status, percent: Some(40), tags, ..SnapshotSeen::default() }
    }

    // R22: clusters are promised and fail at the first step.
    #[test]
    fn a_source_that_can_be_snapshotted_is_and_a_busy_one_is_waited_for() {
        let check = |instance: Option<&DatabaseSeen>, expected: &str| {
            let waiting = Waiting::default();
            let plan = plan_without_snapshot(&source(), instance, &waiting, Deadline::constant::<300>());
            let got = match plan {
                Ok(Plan::Create) => "create".to_owned(),
                Ok(Plan::Answer(look)) => format!("done={}", look.done),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{instance:?}");
        };
        check(Some(&instance("available")), "create");
        check(Some(&instance("storage-optimization")), "create");
        check(Some(&instance("backing-up")), "done=false");
        check(Some(&instance("modifying")), "done=false");
        check(Some(&instance("a-status-of-next-year")), "done=false");
        check(Some(&instance("stopped")), "Snapferry.SourceNotAvailable");
        check(Some(&instance("incompatible-network")), "Snapferry.SourceNotAvailable");
        check(None, "Snapferry.SourceNotFound");
    }

    // R2: a snapshot that is not ready crashes the machine.
    #[test]
    fn a_snapshot_is_waited_for_until_it_is_available_or_hopeless() {
        let check = |snapshot: &SnapshotSeen, expected: &str| {
            let got = match plan_with_snapshot(
                &run(),
                snapshot,
                &Waiting::default(),
                Deadline::constant::<300>(),
            ) {
                Ok(Plan::Create) => "create".to_owned(),
                Ok(Plan::Answer(look)) => format!("done={}", look.done),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{snapshot:?}");
        };
        check(&snapshot("creating"), "done=false");
        check(&snapshot("available"), "done=true");
        check(&snapshot("failed"), "Snapferry.SnapshotFailed");
        // Its tags may come later.
        check(&SnapshotSeen { tags: step::Tags::new(), ..snapshot("creating") }, "done=false");
        check(
            &SnapshotSeen { tags: step::Tags::new(), ..snapshot("available") },
            "Snapferry.SnapshotNotOurs",
        );
    }

    #[test]
    fn a_refused_snapshot_is_looked_at_again_or_fails_by_name() {
        let check = |code: &str, expected: &str| {
            let failed = CallFailed::new(Service::Rds, "CreateDBSnapshot", code, "", false);
            let got =
                after_refusal(&run(), &source(), failed).unwrap_or_else(|error| error.name().to_string());
            assert!(got.contains(expected), "{code}: {got}");
        };
        check("InvalidDBInstanceState", "became busy");
        check("DBSnapshotAlreadyExists", "exists already");
        check("DBInstanceNotFound", "Snapferry.SourceNotFound");
        check("SnapshotQuotaExceeded", "Snapferry.SnapshotQuotaExceeded");
        check("InvalidParameterValue", "Snapferry.RdsRefused");
    }

    // R4: no retry, no time-out, hopeless statuses wait for a year.
    #[test]
    fn waiting_ends_at_the_deadline_by_name() {
        let waiting = Waiting { seconds: 300, ..Waiting::default() };
        let error = plan_with_snapshot(&run(), &snapshot("creating"), &waiting, Deadline::constant::<300>())
            .unwrap_err();
        assert_eq!(error.name(), step::ErrorName::StageTimedOut);
    }
}
