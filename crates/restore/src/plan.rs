//! Decides what a look at the restored DB instance leads to; sees only its arguments.

use crate::Error;
use replication::{
    Bounded, Copy, DbInstanceSettings, Deadline, InstanceStatus, Look, Placement, Stage, Tags, made_here, tag,
};

/// How long the newest other copy of this replication took to restore, in seconds: RDS gives no percentage of a
/// restore, so this is the estimate that the waits follow. `seen` is every DB instance of the account, by identifier.
pub fn expected_seconds(copy: &Copy, seen: &[(String, Tags)]) -> Option<u64> {
    let of_replication = |(identifier, tags): &(String, Tags)| {
        let it = made_here(identifier, tags)
            .filter(|it| it.replication == copy.replication && it.run != copy.run)?;
        Some((it.run, tags.get(tag::RESTORE_SECONDS)?.parse().ok()?))
    };
    seen.iter().filter_map(of_replication).max().map(|(_, seconds)| seconds)
}

/// What was seen of the DB instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSeen {
    /// Its ARN.
    pub arn: String,
    /// RDS's status.
    pub status: String,
    /// Whether RDS names its endpoint, which it does not do early.
    pub has_endpoint: bool,
    /// Its tags.
    pub tags: Tags,
    /// What RDS takes only after a restore, as it is now.
    pub later: LaterSettings,
}

/// The settings that RestoreDBInstanceFromDBSnapshot does not take: they are modified once the instance is available.
///
/// Source: RDS API, the members that CreateDBInstance has and RestoreDBInstanceFromDBSnapshot lacks. `None` is "not
/// said" in what is wanted, and "not known" in what is seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaterSettings {
    /// The ceiling of storage autoscaling, in GiB.
    pub max_allocated_storage: Option<i32>,
    /// `ddd:hh24:mi-ddd:hh24:mi`, UTC.
    pub preferred_maintenance_window: Option<String>,
    /// Seconds between samples, with the role that takes them; the role is needed unless the seconds are 0.
    pub monitoring: Option<(i32, Option<String>)>,
    /// Performance Insights: whether, days kept, key.
    pub performance_insights: Option<PerformanceInsights>,
}

/// How Performance Insights is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PerformanceInsights {
    /// Whether it is on.
    pub enabled: bool,
    /// Days kept.
    pub retention_period: Option<i32>,
    /// Its key.
    pub kms_key_id: Option<String>,
}

impl LaterSettings {
    /// What the copy wants.
    pub fn wanted(instance: &DbInstanceSettings, placement: &Placement) -> Self {
        let role = placement.monitoring_role_arn.clone();
        let monitoring = instance.monitoring_interval.map(Bounded::as_i32);
        Self {
            max_allocated_storage: instance.max_allocated_storage.map(Bounded::as_i32),
            preferred_maintenance_window: instance.preferred_maintenance_window.clone(),
            // The source's interval alone turns nothing on: its role exists only in the source account.
            monitoring: monitoring
                .filter(|seconds| *seconds == 0 || role.is_some())
                .map(|seconds| (seconds, role)),
            performance_insights: instance.enable_performance_insights.map(|enabled| PerformanceInsights {
                enabled,
                retention_period: instance.performance_insights_retention_period.map(Bounded::as_i32),
                kms_key_id: placement.performance_insights_kms_key_id.clone(),
            }),
        }
    }

    /// What is wanted and not so yet.
    fn missing(&self, seen: &Self) -> Self {
        let window = |it: &Option<String>| it.as_deref().map(str::to_ascii_lowercase);
        let seconds = |it: &Option<(i32, Option<String>)>| it.as_ref().map_or(0, |it| it.0);
        let on = |it: &Option<PerformanceInsights>| it.as_ref().is_some_and(|it| it.enabled);
        Self {
            max_allocated_storage: self
                .max_allocated_storage
                .filter(|wanted| seen.max_allocated_storage != Some(*wanted)),
            preferred_maintenance_window: self.preferred_maintenance_window.clone().filter(|_| {
                window(&self.preferred_maintenance_window) != window(&seen.preferred_maintenance_window)
            }),
            monitoring: self
                .monitoring
                .clone()
                .filter(|_| seconds(&self.monitoring) != seconds(&seen.monitoring)),
            performance_insights: self
                .performance_insights
                .clone()
                .filter(|_| on(&self.performance_insights) != on(&seen.performance_insights)),
        }
    }
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Start the restore, then look again.
    Restore,
    /// Modify what is missing, then look again.
    Modify(LaterSettings),
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// What a look remembers of an instance that works.
const USABLE: &str = "available";

/// `available` counts on two consecutive looks: a first automated backup often takes a restored instance from
/// `available` to `backing-up` and back.
pub fn plan(
    copy: &Copy,
    seen: Option<&InstanceSeen>,
    wanted: &LaterSettings,
    stage: &Stage,
    deadline: Deadline,
) -> Result<Plan, Error> {
    let identifier = copy.identifier();
    let Some(seen) = seen else { return Ok(Plan::Restore) };
    if made_here(&identifier, &seen.tags).as_ref() != Some(copy) {
        return Err(Error::DbInstanceNotOurs(identifier));
    }
    let status = seen.status.as_str();
    let reason = format!("DB instance {identifier} is {status}");
    let wait = |seen_as: &str, reason| Ok(Plan::Answer(stage.wait(seen_as, None, deadline, reason)?));
    match InstanceStatus::of(status) {
        InstanceStatus::Hopeless => Err(Error::RestoreFailed { identifier, status: status.to_owned() }),
        InstanceStatus::Waiting => wait(status, reason),
        InstanceStatus::Usable if wanted.missing(&seen.later) != LaterSettings::default() => {
            Ok(Plan::Modify(wanted.missing(&seen.later)))
        }
        InstanceStatus::Usable if !seen.has_endpoint => wait("available without endpoint", reason),
        InstanceStatus::Usable if stage.saw(USABLE) => Ok(Plan::Answer(stage.done(USABLE, reason))),
        InstanceStatus::Usable => wait(USABLE, format!("{reason}; looking once more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_counts_once_it_is_available_twice() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let seen = |status: &str| InstanceSeen {
            arn: String::new(),
            status: status.to_owned(),
            has_endpoint: true,
            tags: copy.tags(),
            later: LaterSettings::default(),
        };
        let check = |seen: Option<InstanceSeen>, last: &str, expected: &str| {
            let stage = Stage { status: Some(last.to_owned()), ..Stage::default() };
            let got = match plan(
                &copy,
                seen.as_ref(),
                &LaterSettings::default(),
                &stage,
                Deadline::constant::<300>(),
            ) {
                Ok(Plan::Restore) => "restore".to_owned(),
                Ok(Plan::Modify(_)) => "modify".to_owned(),
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

    #[test]
    fn what_a_restore_does_not_take_is_modified_once_and_only_where_it_differs() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let instance: DbInstanceSettings = serde_json::from_str(
            r#"{"maxAllocatedStorage": 200, "preferredMaintenanceWindow": "Sun:05:00-Sun:06:00", "monitoringInterval": 60,
                "enablePerformanceInsights": true, "performanceInsightsRetentionPeriod": 7}"#,
        )
        .unwrap();
        let mut wanted = LaterSettings::wanted(&instance, &Placement::default());
        assert_eq!(wanted.monitoring, None, "the source's role is not the target's");
        let role = Placement { monitoring_role_arn: Some("role".to_owned()), ..Placement::default() };
        wanted.monitoring = LaterSettings::wanted(&instance, &role).monitoring;

        let mut later = LaterSettings { max_allocated_storage: Some(200), ..LaterSettings::default() };
        let plan_for = |later: &LaterSettings| {
            let seen = InstanceSeen {
                arn: String::new(),
                status: "available".to_owned(),
                has_endpoint: true,
                tags: copy.tags(),
                later: later.clone(),
            };
            plan(&copy, Some(&seen), &wanted, &Stage::default(), Deadline::constant::<300>()).unwrap()
        };
        let Plan::Modify(missing) = plan_for(&later) else { panic!("nothing to modify") };
        assert_eq!(missing, LaterSettings { max_allocated_storage: None, ..wanted.clone() });

        later = LaterSettings {
            preferred_maintenance_window: Some("sun:05:00-sun:06:00".to_owned()),
            ..wanted.clone()
        };
        assert!(matches!(plan_for(&later), Plan::Answer(_)));
    }

    #[test]
    fn the_newest_other_copy_says_how_long_a_restore_takes() {
        let seen = |identifier: &str, seconds: Option<&str>| {
            let mut tags = Copy::from_identifier(identifier).unwrap().tags();
            tags.extend(seconds.map(|it| (tag::RESTORE_SECONDS.to_owned(), it.to_owned())));
            (identifier.to_owned(), tags)
        };
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let all = [
            seen("orders-20261118t160812z-0000", Some("100")),
            seen("orders-20261119t160812z-0000", Some("200")),
            seen("orders-20261119t170812z-0000", None),
            seen("orders-20261120t160812z-3f9a", Some("300")),
            seen("users-20261120t150812z-0000", Some("400")),
        ];
        assert_eq!(expected_seconds(&copy, &all), Some(200));
        assert_eq!(expected_seconds(&copy, &all[2..]), None);
    }
}
