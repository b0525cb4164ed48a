//! What both steps ask of a copy; sees only its arguments.

use crate::Error;
use database::{Condition, DatabaseSeen};
use replication::{Run, tag};

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

/// Whether the copy was live before: applications may have changed its password since, and written into it.
pub(crate) fn was_live(seen: &DatabaseSeen) -> bool {
    seen.tags.contains_key(tag::LAST_LIVE)
}
