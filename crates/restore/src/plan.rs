//! Decides what a look at the restored DB instance leads to; sees only its arguments.

use crate::{Error, Request};
use database::{Changes, Condition, DatabaseSeen, Monitoring, PerformanceInsights, Refusal};
use lambda_support::CallFailed;
use replication::{DbInstanceSettings, Placement, Run, engine};
use step::{Bounded, Deadline, Look, Waiting};

/// The settings that RestoreDBInstanceFromDBSnapshot does not take: they are modified once the instance is available.
///
/// Source: RDS API, the members that CreateDBInstance has and RestoreDBInstanceFromDBSnapshot lacks; for SQL Server also
/// those of the storage.
pub fn later_settings(engine: &str, instance: &DbInstanceSettings, placement: &Placement) -> Changes {
    let interval = instance.monitoring_interval.map(Bounded::as_i32);
    // RDS takes a role only beside an interval that turns Enhanced Monitoring on.
    let role_arn = placement.monitoring_role_arn.clone().filter(|_| interval != Some(0));
    let storage = match engine::restores_without_storage_settings(engine) {
        true => storage_settings(instance),
        false => Changes::default(),
    };
    Changes {
        max_allocated_storage: instance.max_allocated_storage.map(Bounded::as_i32),
        preferred_maintenance_window: instance.preferred_maintenance_window.clone(),
        // The source's interval alone turns nothing on: its role exists only in the source account.
        monitoring: interval
            .filter(|interval| *interval == 0 || role_arn.is_some())
            .map(|interval| Monitoring { interval, role_arn }),
        performance_insights: instance.enable_performance_insights.map(|enabled| PerformanceInsights {
            enabled,
            retention_period: instance
                .performance_insights_retention_period
                .filter(|_| enabled)
                .map(Bounded::as_i32),
            kms_key_id: placement.performance_insights_kms_key_id.clone().filter(|_| enabled),
        }),
        ..storage
    }
}

/// The settings that a restore of this engine takes.
pub fn at_restore(engine: &str, instance: DbInstanceSettings) -> DbInstanceSettings {
    if !engine::restores_without_storage_settings(engine) {
        return instance;
    }
    let (iops, storage_throughput, allocated_storage) = (None, None, None);
    DbInstanceSettings { storage_type: None, iops, storage_throughput, allocated_storage, ..instance }
}

/// The settings of the storage.
fn storage_settings(instance: &DbInstanceSettings) -> Changes {
    Changes {
        storage_type: instance.storage_type.clone(),
        allocated_storage: instance.allocated_storage.map(Bounded::as_i32),
        iops: instance.iops.map(Bounded::as_i32),
        storage_throughput: instance.storage_throughput.map(Bounded::as_i32),
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
        ..missing_storage(wanted, &storage_settings(seen))
    }
}

/// RDS judges type, IOPS and throughput together, so they are asked for together.
fn missing_storage(wanted: &Changes, seen: &Changes) -> Changes {
    // RDS shows no IOPS where there are none.
    let differs =
        |wanted: Option<i32>, seen: Option<i32>| wanted.is_some_and(|it| it != seen.unwrap_or_default());
    let volume = wanted.storage_type.is_some() && wanted.storage_type != seen.storage_type
        || differs(wanted.iops, seen.iops)
        || differs(wanted.storage_throughput, seen.storage_throughput);
    let larger = differs(wanted.allocated_storage, seen.allocated_storage);
    Changes {
        storage_type: wanted.storage_type.clone().filter(|_| volume),
        iops: wanted.iops.filter(|_| volume),
        storage_throughput: wanted.storage_throughput.filter(|_| volume),
        allocated_storage: wanted.allocated_storage.filter(|_| larger),
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

/// What every look remembers, before the status, once RDS has taken the settings that a restore does not take.
pub const MODIFIED: &str = "modified";
/// What a look remembers when RDS has taken a setting and does not show it.
const NOT_SHOWN: &str = "but not shown";
/// RDS may take as long before it shows that it modifies.
const UNTIL_SHOWN_SECONDS: u64 = 60;

/// An instance that works once is enough: StageSecret, which comes next, waits for a backup that begins now.
///
/// The settings are modified once. A setting that RDS has taken and does not show is told, and fails nothing.
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
    let modified = waiting.status.as_deref().is_some_and(|it| it.starts_with(MODIFIED));
    let remember = |status: &str| match modified {
        true => format!("{MODIFIED}, {status}"),
        false => status.to_owned(),
    };
    let wait = |least_seconds, status: &str, reason| {
        let look = waiting.wait_at_least(least_seconds, &remember(status), None, deadline, reason)?;
        Ok(Plan::Answer(look))
    };
    match seen.condition() {
        Condition::Hopeless => Err(Error::RestoreFailed { identifier, status: status.to_owned() }),
        Condition::Serving | Condition::Waiting => wait(0, status, reason),
        Condition::Usable => {
            let missing = missing(wanted, &seen.settings);
            if !missing.is_empty() && !modified {
                return Ok(Plan::Modify(missing));
            }
            if seen.endpoint.is_none() {
                return wait(0, "available without endpoint", reason);
            }
            if missing.is_empty() {
                return Ok(Plan::Answer(waiting.done(status, reason)));
            }
            let reason = format!("{reason}. RDS took {}, but does not show it", missing.names().join(", "));
            if !waiting.saw(&remember(NOT_SHOWN)) {
                return wait(UNTIL_SHOWN_SECONDS, NOT_SHOWN, reason);
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
            let (setting, name) = placement.restore_db_parameter_group_name();
            Err(Error::ParameterGroupNotFound { name: name.unwrap_or_default().to_owned(), setting })
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

#[cfg(test)]
mod tests {
    use super::*;
    use database::{Database, Endpoint};
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
            "replication": "orders", "run": "20261120t160812z-3f9a", "engine": "postgres", "dbInstance": {},
            "placement": {},
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
        let mut wanted = later_settings("postgres", &instance, &Placement::default());
        assert_eq!(wanted.monitoring, None, "the source's role is not the target's");
        let role = Placement { monitoring_role_arn: Some("role".to_owned()), ..Placement::default() };
        wanted.monitoring = later_settings("postgres", &instance, &role).monitoring;

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

    // A2: a setting that RDS takes and does not show is modified at every look, until the deadline.
    #[test]
    fn a_setting_is_modified_once_and_told_if_it_is_not_shown() {
        let wanted = Changes { max_allocated_storage: Some(200), ..Changes::default() };
        let check = |status: &str, last: &str, expected: &str| {
            let waiting = Waiting { status: Some(last.to_owned()), ..Waiting::default() };
            let deadline = Deadline::constant::<300>();
            let got = match plan(&run(), Some(&seen(status)), &wanted, &waiting, deadline).unwrap() {
                Plan::Restore => "restore".to_owned(),
                Plan::Modify(changes) => changes.names().join(", "),
                Plan::Answer(look) if look.done => look.reason,
                Plan::Answer(look) => look.waiting.status.unwrap_or_default(),
            };
            assert!(got.ends_with(expected), "{status} after {last}: {got} is not {expected}");
        };
        check("available", "creating", "MaxAllocatedStorage");
        check("available", "busy", "MaxAllocatedStorage");
        check("modifying", "modified", "modified, modifying");
        check("available", "modified", "modified, but not shown");
        check("available", "modified, modifying", "modified, but not shown");
        check("modifying", "modified, but not shown", "modified, modifying");
        check("available", "modified, but not shown", "RDS took MaxAllocatedStorage, but does not show it");
    }

    #[test]
    fn the_storage_of_sql_server_is_modified_after_the_restore() {
        let instance: DbInstanceSettings = serde_json::from_str(
            r#"{"storageType": "gp3", "iops": 3000, "storageThroughput": 500, "allocatedStorage": 200}"#,
        )
        .unwrap();
        let later = |engine| later_settings(engine, &instance, &Placement::default());
        assert_eq!(later("postgres"), Changes::default());
        assert_eq!(at_restore("postgres", instance.clone()), instance);
        assert_eq!(at_restore("sqlserver-se", instance.clone()), DbInstanceSettings::default());
        let check = |seen: &str, expected: &[&str]| {
            let missing = missing(&later("sqlserver-se"), &serde_json::from_str(seen).unwrap());
            assert_eq!(missing.names(), expected, "{seen}");
        };
        let (all, volume) = (
            ["StorageType", "AllocatedStorage", "Iops", "StorageThroughput"],
            ["StorageType", "Iops", "StorageThroughput"],
        );
        check(r#"{"storageType": "gp2", "allocatedStorage": 100}"#, &all);
        check(
            r#"{"storageType": "gp3", "iops": 3000, "storageThroughput": 125, "allocatedStorage": 200}"#,
            &volume,
        );
        check(
            r#"{"storageType": "gp3", "iops": 3000, "storageThroughput": 500, "allocatedStorage": 100}"#,
            &["AllocatedStorage"],
        );
        check(
            r#"{"storageType": "gp3", "iops": 3000, "storageThroughput": 500, "allocatedStorage": 200}"#,
            &[],
        );
    }

    #[test]
    fn a_role_and_a_retention_are_sent_only_beside_what_they_belong_to() {
        let placement = Placement { monitoring_role_arn: Some("role".to_owned()), ..Placement::default() };
        let instance: DbInstanceSettings = serde_json::from_str(
            r#"{"monitoringInterval": 0, "enablePerformanceInsights": false, "performanceInsightsRetentionPeriod": 7}"#,
        )
        .unwrap();
        let later = later_settings("postgres", &instance, &placement);
        assert_eq!(later.monitoring, Some(Monitoring { interval: 0, role_arn: None }));
        let off = PerformanceInsights { enabled: false, retention_period: None, kms_key_id: None };
        assert_eq!(later.performance_insights, Some(off));
    }
}
