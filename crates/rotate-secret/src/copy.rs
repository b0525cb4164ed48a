//! The check that both steps begin with; sees only its arguments.

use crate::Error;
use database::{Condition, DatabaseSeen};
use replication::Run;

/// The run's DB instance, if the run made it and it may still come good.
pub(crate) fn of_run<'a>(run: &Run, seen: Option<&'a DatabaseSeen>) -> Result<&'a DatabaseSeen, Error> {
    let identifier = run.identifier();
    let Some(seen) = seen else { return Err(Error::DbInstanceNotFound(identifier)) };
    if !run.made(&identifier, &seen.tags) {
        return Err(Error::DbInstanceNotOurs(identifier));
    }
    match seen.condition() {
        Condition::Hopeless => Err(Error::RestoreFailed { identifier, status: seen.status.clone() }),
        _ => Ok(seen),
    }
}
