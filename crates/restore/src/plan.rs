//! Decides what a look at the restored DB instance leads to; sees only its arguments.

use crate::{Error, Request};
use database::{Changes, Condition, Database, DatabaseSeen, Monitoring, PerformanceInsights, Refusal};
use lambda_support::CallFailed;
use replication::{DbInstanceSettings, Placement, Run};
use step::{Bounded, Deadline, Look, Waiting};

/// The settings that RestoreDBInstanceFromDBSnapshot does not take: they are modified once the instance is available.
///
/// Source: RDS API, the members that CreateDBInstance has and RestoreDBInstanceFromDBSnapshot lacks.
pub fn later_settings(instance: &DbInstanceSettings, placement: &Placement) -> Changes {
    let role_arn = placement.monitoring_role_arn.clone();
    let interval = instance.monitoring_interval.map(Bounded::as_i32);
    Changes {
        max_allocated_storage: instance.max_allocated_storage.map(Bounded::as_i32),
        preferred_maintenance_window: instance.preferred_maintenance_window.clone(),
        // The source's interval alone turns nothing on: its role exists only in the source account.
        monitoring: interval
            .filter(|interval| *interval == 0 || role_arn.is_some())
            .map(|interval| Monitoring { interval, role_arn }),
        performance_insights: instance.enable_performance_insights.map(|enabled| PerformanceInsights {
            enabled,
            retention_period: instance.performance_insights_retention_period.map(Bounded::as_i32),
            kms_key_id: placement.performance_insights_kms_key_id.clone(),
        }),
        ..Changes::default()
    }
}

/// The wanted settings that the instance does not have yet.
fn missing(wanted: &Changes, seen: &DbInstanceSettings) -> Changes {
    let window = |it: &Option<String>| it.as_deref().map(str::to_ascii_lowercase);
    let ceiling = seen.max_allocated_storage.map(Bounded::as_i32);
    let interval = seen.monitoring_interval.map_or(0, Bounded::as_i32);
    let insights = seen.enable_performance_insights.unwrap_or_default();
    let wanted_window = &wanted.preferred_maintenance_window;
    Changes {
        max_allocated_storage: wanted.max_allocated_storage.filter(|it| ceiling != Some(*it)),
        preferred_maintenance_window: wanted_window
            .clone()
            .filter(|_| window(wanted_window) != window(&seen.preferred_maintenance_window)),
        monitoring: wanted.monitoring.clone().filter(|it| it.interval != interval),
        performance_insights: wanted.performance_insights.clone().filter(|it| it.enabled != insights),
        ..Changes::default()
    }
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Start the restore, then look again.
    Restore,
    /// Modify these settings, then look again.
    Modify(Changes),
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// An instance that works once is enough: StageSecret, which comes next, waits for a backup that begins now.
pub fn plan(
    run: &Run,
    seen: Option<&DatabaseSeen>,
    wanted: &Changes,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Plan, Error> {
    let identifier = run.identifier();
    let Some(seen) = seen else { return Ok(Plan::Restore) };
    let being_made = seen.condition() == Condition::Waiting;
    if !run.made_or_is_making(&identifier, &seen.tags, being_made) {
        return Err(Error::DbInstanceNotOurs(identifier));
    }
    let status = seen.status.as_str();
    let reason = format!("DB instance {identifier} is {status}");
    let wait = |seen_as: &str, reason| Ok(Plan::Answer(waiting.wait(seen_as, None, deadline, reason)?));
    match seen.condition() {
        Condition::Hopeless => Err(Error::RestoreFailed { identifier, status: status.to_owned() }),
        Condition::Waiting => wait(status, reason),
        Condition::Usable => {
            let missing = missing(wanted, &seen.settings);
            if !missing.is_empty() {
                return Ok(Plan::Modify(missing));
            }
            if seen.endpoint.is_none() {
                return wait("available without endpoint", reason);
            }
            Ok(Plan::Answer(waiting.done(status, reason)))
        }
    }
}

/// What a refused restore leads to, unless it is a failure.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// The next look sees more; the reason says why.
    LookAgain(String),
    /// A key and permissions may still come through: ask again after this pause.
    AskAgain(Look),
}

/// Reads a refused restore.
pub fn after_refusal(run: &Run, request: &Request, failed: CallFailed) -> Result<AfterRefusal, Error> {
    let (identifier, placement) = (run.identifier(), &request.placement);
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);
    let look_again = |reason: String| Ok(AfterRefusal::LookAgain(reason));
    let ask_again = |error: Error| {
        let look = waiting.refused(deadline, error.to_string())?;
        look.map(AfterRefusal::AskAgain).ok_or(error)
    };
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    match Refusal::of(&failed) {
        Refusal::AlreadyExists => look_again(format!("DB instance {identifier} exists already")),
        Refusal::WrongState => look_again(format!("DB snapshot {identifier} is not ready yet")),
        Refusal::NoCapacity => {
            look_again("RDS has no capacity for the DB instance class at the moment".to_owned())
        }
        Refusal::Denied => ask_again(failed.into()),
        Refusal::KeyNotAccessible => ask_again(Error::KeyNotUsable { identifier, message: failed.message }),
        Refusal::SnapshotNotFound => Err(Error::SnapshotNotFound(identifier)),
        Refusal::SubnetGroupNotFound => {
            Err(Error::SubnetGroupNotFound(name(&placement.db_subnet_group_name)))
        }
        Refusal::ParameterGroupNotFound => {
            Err(Error::ParameterGroupNotFound(name(&placement.db_parameter_group_name)))
        }
        Refusal::OptionGroupNotFound => Err(Error::OptionGroupNotFound(name(&placement.option_group_name))),
        Refusal::DatabaseQuota => Err(Error::InstanceQuotaExceeded),
        Refusal::ClassNotOrderable => {
            let class = name(&request.db_instance.db_instance_class);
            Err(Error::ClassNotOrderable { class, message: failed.message })
        }
        _ => Err(failed.into()),
    }
}

/// A refused modification is repeated when the instance was only busy.
pub fn busy_or_failed(database: &Database, failed: CallFailed) -> Result<String, CallFailed> {
    match Refusal::of(&failed) {
        Refusal::WrongState => Ok(format!("{database} became busy")),
        _ => Err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::Endpoint;
    use lambda_support::Service;
    use serde_json::json;
    use step::Tags;

    fn run() -> Run {
        Run::from_identifier("orders-20261120t160812z-3f9a").unwrap()
    }

    fn seen(status: &str) -> DatabaseSeen {
        let endpoint = Endpoint { address: "db.example".to_owned(), port: 5432 };
        DatabaseSeen {
            status: status.to_owned(),
            endpoint: Some(endpoint),
            tags: run().tags(),
            ..DatabaseSeen::named(Database::Instance(run().identifier()))
        }
    }

    #[test]
    fn a_refused_restore_is_looked_at_again_or_fails_by_name() {
        let request: Request = serde_json::from_value(json!({
            "replication": "orders", "run": "20261120t160812z-3f9a", "dbInstance": {}, "placement": {},
            "stageDeadlineSeconds": 3600, "stage": {},
        }))
        .unwrap();
        let check = |code: &str, message: &str, expected: &str| {
            let failed =
                CallFailed::new(Service::Rds, "RestoreDBInstanceFromDBSnapshot", code, message, false);
            let got = match after_refusal(&run(), &request, failed) {
                Ok(AfterRefusal::AskAgain(look)) => format!("in {} s", look.wait_seconds),
                Ok(AfterRefusal::LookAgain(_)) => "look again".to_owned(),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{code} {message}");
        };
        check("DBInstanceAlreadyExists", "", "look again");
        check("InvalidDBSnapshotState", "", "look again");
        check("InsufficientDBInstanceCapacity", "", "look again");
        check("KMSKeyNotAccessibleFault", "", "in 150 s");
        check("AccessDenied", "", "in 150 s");
        check("DBSnapshotNotFound", "", "Snapferry.SnapshotNotFound");
        check("DBSubnetGroupNotFoundFault", "", "Snapferry.SubnetGroupNotFound");
        check("DBParameterGroupNotFound", "", "Snapferry.ParameterGroupNotFound");
        check("OptionGroupNotFoundFault", "", "Snapferry.OptionGroupNotFound");
        check("InstanceQuotaExceeded", "", "Snapferry.InstanceQuotaExceeded");
        check("InvalidParameterCombination", "DBInstanceClass=db.x", "Snapferry.ClassNotOrderable");
        check("InvalidParameterCombination", "MaxAllocatedStorage", "Snapferry.RdsRefused");
    }

    #[test]
    fn an_instance_counts_once_it_is_available() {
        let check = |seen: Option<DatabaseSeen>, last: &str, expected: &str| {
            let waiting = Waiting { status: Some(last.to_owned()), ..Waiting::default() };
            let deadline = Deadline::constant::<300>();
            let got = match plan(&run(), seen.as_ref(), &Changes::default(), &waiting, deadline) {
                Ok(Plan::Restore) => "restore".to_owned(),
                Ok(Plan::Modify(_)) => "modify".to_owned(),
                Ok(Plan::Answer(look)) => {
                    format!("done={} {}", look.done, look.waiting.status.unwrap_or_default())
                }
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{seen:?} after {last}");
        };
        check(None, "", "restore");
        check(Some(seen("creating")), "", "done=false creating");
        check(Some(seen("available")), "creating", "done=true available");
        check(Some(seen("backing-up")), "available", "done=false backing-up");
        let early = DatabaseSeen { endpoint: None, ..seen("available") };
        check(Some(early), "available", "done=false available without endpoint");
        check(Some(seen("incompatible-parameters")), "creating", "Snapferry.RestoreFailed");
        check(Some(seen("restore-error")), "creating", "Snapferry.RestoreFailed");
        // Its tags may come later.
        check(Some(DatabaseSeen { tags: Tags::new(), ..seen("creating") }), "", "done=false creating");
        check(
            Some(DatabaseSeen { tags: Tags::new(), ..seen("available") }),
            "",
            "Snapferry.DbInstanceNotOurs",
        );
    }

    // R13: the copy loses the source's settings.
    #[test]
    fn what_a_restore_does_not_take_is_modified_once_and_only_where_it_differs() {
        let instance: DbInstanceSettings = serde_json::from_str(
            r#"{"maxAllocatedStorage": 200, "preferredMaintenanceWindow": "Sun:05:00-Sun:06:00", "monitoringInterval": 60,
                "enablePerformanceInsights": true, "performanceInsightsRetentionPeriod": 7}"#,
        )
        .unwrap();
        let mut wanted = later_settings(&instance, &Placement::default());
        assert_eq!(wanted.monitoring, None, "the source's role is not the target's");
        let role = Placement { monitoring_role_arn: Some("role".to_owned()), ..Placement::default() };
        wanted.monitoring = later_settings(&instance, &role).monitoring;

        let plan_for = |settings: DbInstanceSettings| {
            let seen = DatabaseSeen { settings, ..seen("available") };
            plan(&run(), Some(&seen), &wanted, &Waiting::default(), Deadline::constant::<300>()).unwrap()
        };
        let ceiling = DbInstanceSettings { max_allocated_storage: Bounded::new(200), ..Default::default() };
        let Plan::Modify(missing) = plan_for(ceiling) else { panic!("nothing to modify") };
        assert_eq!(missing, Changes { max_allocated_storage: None, ..wanted.clone() });

        let window = Some("sun:05:00-sun:06:00".to_owned());
        let all = DbInstanceSettings { preferred_maintenance_window: window, ..instance };
        assert!(matches!(plan_for(all), Plan::Answer(_)));
    }
}
