//! Decides what a look at the restored DB instance leads to; sees only its arguments.

use crate::Error;
use replication::{Copy, Look, Stage, Tags, made_here};

/// What was seen of the DB instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSeen {
    /// RDS's status.
    pub status: String,
    /// Whether RDS names its endpoint, which it does not do early.
    pub has_endpoint: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Start the restore, then look again.
    Restore,
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// `available` counts on two consecutive looks: a first automated backup often takes a restored instance from
/// `available` to `backing-up` and back.
pub fn plan(
    copy: &Copy,
    seen: Option<&InstanceSeen>,
    stage: &Stage,
    deadline_seconds: u64,
) -> Result<Plan, Error> {
    let identifier = copy.identifier();
    let Some(seen) = seen else { return Ok(Plan::Restore) };
    if made_here(&identifier, &seen.tags).as_ref() != Some(copy) {
        return Err(Error::DbInstanceNotOurs(identifier));
    }
    let status = seen.status.as_str();
    let reason = format!("DB instance {identifier} is {status}");
    match status {
        "available" if seen.has_endpoint && stage.saw("available") => {
            Ok(Plan::Answer(stage.done(status, reason)))
        }
        "available" => {
            let reason = format!("{reason}; looking once more");
            let seen_as = if seen.has_endpoint { "available" } else { "available without endpoint" };
            Ok(Plan::Answer(stage.wait(seen_as, None, deadline_seconds, reason)?))
        }
        // Source: RDS User Guide, "Viewing Amazon RDS DB instance status".
        "failed"
        | "restore-error"
        | "deleting"
        | "insufficient-capacity"
        | "inaccessible-encryption-credentials" => {
            Err(Error::RestoreFailed { identifier, status: status.to_owned() })
        }
        _ if status.starts_with("incompatible-") => {
            Err(Error::RestoreFailed { identifier, status: status.to_owned() })
        }
        _ => Ok(Plan::Answer(stage.wait(status, None, deadline_seconds, reason)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_counts_once_it_is_available_twice() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let seen =
            |status: &str| InstanceSeen { status: status.to_owned(), has_endpoint: true, tags: copy.tags() };
        let check = |seen: Option<InstanceSeen>, last: &str, expected: &str| {
            let stage = Stage { status: Some(last.to_owned()), ..Stage::default() };
            let got = match plan(&copy, seen.as_ref(), &stage, 100) {
                Ok(Plan::Restore) => "restore".to_owned(),
                Ok(Plan::Answer(look)) => {
                    format!("done={} {}", look.done, look.stage.status.unwrap_or_default())
                }
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{seen:?} after {last}");
        };
        check(None, "", "restore");
        check(Some(seen("creating")), "", "done=false creating");
        check(Some(seen("available")), "creating", "done=false available");
        check(Some(seen("backing-up")), "available", "done=false backing-up");
        check(Some(seen("available")), "backing-up", "done=false available");
        check(Some(seen("available")), "available", "done=true available");
        let early = InstanceSeen { has_endpoint: false, ..seen("available") };
        check(Some(early), "available", "done=false available without endpoint");
        check(Some(seen("incompatible-parameters")), "creating", "Snapferry.RestoreFailed");
        check(Some(seen("restore-error")), "creating", "Snapferry.RestoreFailed");
        check(
            Some(InstanceSeen { tags: Tags::new(), ..seen("available") }),
            "",
            "Snapferry.DbInstanceNotOurs",
        );
    }
}
