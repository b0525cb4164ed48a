//! How long the last run waited for the same thing: kept as a tag on what it made.

use crate::rds::add_tag;
use crate::{Database, snapshot};
use aws_sdk_rds::Client;
use lambda_support::CallFailed;
use replication::{Run, tag};
use step::{Tags, Waiting};

/// How long the newest other run of the replication waited for the thing that `name` names, in seconds. `seen` are
/// identifiers and tags of any things.
fn newest_seconds<'a>(
    run: &Run,
    name: impl Fn(&Run) -> String,
    seen: impl IntoIterator<Item = (&'a str, &'a Tags)>,
) -> Option<u64> {
    let seconds = |(identifier, tags): (&str, &Tags)| {
        let other = Run::that_made(identifier, tags)?;
        let counts = other.replication == run.replication && other.id != run.id && name(&other) == identifier;
        Some((other.id, tags.get(tag::SECONDS).filter(|_| counts)?.parse().ok()?))
    };
    seen.into_iter().filter_map(seconds).max().map(|(_, seconds)| seconds)
}

impl Database {
    /// How long the last run waited for its database, in seconds.
    pub async fn last_seconds(rds: &Client, run: &Run) -> Result<Option<u64>, CallFailed> {
        let seen = Self::list(rds).await?;
        let named = seen.iter().map(|it| (it.database.identifier(), &it.tags));
        Ok(newest_seconds(run, Run::identifier, named))
    }
}

/// How long the last run waited for the snapshot that `name` names, in seconds. All are of this DB instance.
pub async fn last_snapshot_seconds(
    rds: &Client,
    run: &Run,
    name: impl Fn(&Run) -> String,
    db_instance_identifier: &str,
) -> Result<Option<u64>, CallFailed> {
    let seen = snapshot::list_manual_of(rds, db_instance_identifier).await?;
    Ok(newest_seconds(run, name, seen.iter().map(|it| (it.identifier.as_str(), &it.tags))))
}

/// A stage that has just set RDS to work, with what it expects of it.
pub async fn started(
    waiting: Waiting,
    ask: impl AsyncFnOnce() -> Result<Option<u64>, CallFailed>,
) -> Waiting {
    expecting(waiting.started(), ask).await
}

/// A stage that found RDS at work, with what it expects of it: only the first look of an execution asks, the others
/// remember.
pub async fn at_work(
    waiting: Waiting,
    ask: impl AsyncFnOnce() -> Result<Option<u64>, CallFailed>,
) -> Waiting {
    if waiting.looks > 0 { waiting } else { expecting(waiting, ask).await }
}

/// Without an answer a stage waits without an estimate.
async fn expecting(waiting: Waiting, ask: impl AsyncFnOnce() -> Result<Option<u64>, CallFailed>) -> Waiting {
    let expected_seconds = ask().await.unwrap_or_else(|failed| {
        tracing::warn!(%failed, "the time that the last run took is not known");
        None
    });
    Waiting { expected_seconds, ..waiting }
}

/// Keeps how long RDS worked on the thing of this ARN, unless it is kept already. Only the execution that set RDS to work
/// knows that: one that was resumed knows the rest of the time alone, and keeps nothing.
///
/// An estimate for the next run is not worth failing this one.
pub async fn keep_seconds(rds: &Client, arn: &str, tags: &Tags, waiting: &Waiting) {
    let Some(seconds) = waiting.worked_seconds().filter(|_| !tags.contains_key(tag::SECONDS)) else { return };
    if let Err(failed) = add_tag(rds, arn, tag::SECONDS, &seconds.to_string()).await {
        tracing::warn!(arn, %failed, "the time that this took is not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_other_run_says_how_long_the_same_thing_takes() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let seen = |identifier: &str, seconds: Option<&str>| {
            let mut tags = Run::from_identifier(identifier.trim_end_matches("-copy")).unwrap().tags();
            tags.extend(seconds.map(|it| (tag::SECONDS.to_owned(), it.to_owned())));
            (identifier.to_owned(), tags)
        };
        let all = [
            seen("orders-20261118t160812z-0000", Some("100")),
            seen("orders-20261119t160812z-0000", Some("200")),
            seen("orders-20261119t160812z-0000-copy", Some("500")),
            seen("orders-20261119t170812z-0000", None),
            seen("orders-20261120t160812z-3f9a", Some("300")),
            seen("users-20261120t150812z-0000", Some("400")),
        ];
        let last = |name: fn(&Run) -> String, from: usize| {
            newest_seconds(&run, name, all[from..].iter().map(|(it, tags)| (it.as_str(), tags)))
        };
        assert_eq!(last(Run::identifier, 0), Some(200));
        assert_eq!(last(Run::reencrypted_identifier, 0), Some(500));
        assert_eq!(last(Run::identifier, 3), None);
    }
}
