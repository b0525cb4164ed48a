//! What `Prune` decides, for any account that it may look at: forged and inherited tags, secrets that say anything, and
//! any clock and retention.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use database::Endpoint;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use prune::live::{ApplicationSecret, Pointer, live};
use prune::plan::{Action, plan, redundant_snapshots, seen_in_source, seen_in_target};
use prune::resource::{Kind, Owned, Resource, owned};
use replication::retention::{TargetFacts, of_source, of_target};
use replication::{ReplicationName, Run, RunId, SourceRetention, TargetRetention, tag};
use std::collections::BTreeSet;
use step::Tags;

const NOW: &str = "2026-11-20T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn orders() -> ReplicationName {
    ReplicationName::try_from("orders".to_owned()).unwrap()
}

/// A run that began so many hours before now.
fn run(hours: i64) -> RunId {
    let at = now().checked_sub(SignedDuration::from_hours(hours)).unwrap();
    RunId::try_from(format!("{}-0000", at.strftime("%Y%m%dt%H%M%Sz"))).unwrap()
}

fn run_of(hours: i64) -> Run {
    Run::new(&orders(), &run(hours))
}

/// How a resource in an account may look, made by Snapferry or by somebody else.
#[derive(Debug, Clone)]
struct Sketch {
    hours: i64,
    kind: usize,
    name: usize,
    tags: usize,
    status: usize,
    proven: bool,
    keep: bool,
    protected: bool,
    last_live_hours: Option<i64>,
    made_hours: Option<i64>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let what = (0..200i64, 0..5usize, 0..8usize, 0..8usize, 0..6usize);
    let more = (any::<bool>(), prop::bool::weighted(0.1), any::<bool>());
    let times = (prop::option::weighted(0.3, 0..200i64), prop::option::weighted(0.5, 0..200i64));
    (what, more, times).prop_map(
        |((hours, kind, name, tags, status), (proven, keep, protected), (last_live_hours, made_hours))| {
            Sketch { hours, kind, name, tags, status, proven, keep, protected, last_live_hours, made_hours }
        },
    )
}

fn hours_ago(hours: i64) -> Timestamp {
    now().checked_sub(SignedDuration::from_hours(hours)).unwrap()
}

fn host(identifier: &str) -> String {
    format!("{identifier}.example")
}

impl Sketch {
    fn resource(&self) -> Resource {
        let run = run_of(self.hours);
        let status = ["available", "stopped", "creating", "failed", "deleting", "modifying"][self.status];
        // Most are as Snapferry names them; the others are a user's own, with or without the tags.
        let identifier = match (self.name, self.kind) {
            (5, 4) => format!("/aws/rds/instance/{}/postgresql/mine", run.identifier()),
            (6, 4) => "/aws/rds/instance/orders-rescue/postgresql".to_owned(),
            (7, 4) => format!("/aws/rds/instance/payroll-{}/postgresql", run.id),
            (_, 4) => format!("/aws/rds/instance/{}/postgresql", run.identifier()),
            (6, _) => "orders-rescue".to_owned(),
            (7, _) => format!("payroll-{}", run.id),
            (_, 0) => run.secret_name(),
            (_, 1) => run.reencrypted_identifier(),
            _ => run.identifier(),
        };
        let kind = match self.kind {
            0 => Kind::Secret,
            1 | 2 => Kind::Snapshot,
            4 => Kind::LogGroup,
            _ => {
                let endpoint = Some(Endpoint { address: host(&identifier), port: 5432 });
                Kind::Database { protected: self.protected, endpoint }
            }
        };
        let mut tags = match self.tags {
            5 => Tags::new(),
            6 => Run::new(&ReplicationName::try_from("payroll".to_owned()).unwrap(), &run.id).tags(),
            7 => Tags::from([(tag::REPLICATION.to_owned(), "orders".to_owned())]),
            _ => run.tags(),
        };
        let mut add = |key: &str, value: String| tags.insert(key.to_owned(), value);
        if self.proven {
            add(tag::PROVEN, hours_ago(self.hours).to_string());
        }
        if self.keep {
            add(tag::KEEP, String::new());
        }
        if let Some(hours) = self.last_live_hours {
            add(tag::LAST_LIVE, hours_ago(hours).to_string());
        }
        if kind == Kind::LogGroup {
            tags = Tags::new();
        }
        let has_status = !matches!(kind, Kind::Secret | Kind::LogGroup);
        let status = if has_status { status.to_owned() } else { String::new() };
        Resource { identifier, kind, status, created_at: self.made_hours.map(hours_ago), tags }
    }
}

#[derive(Debug, Clone)]
struct Account {
    resources: Vec<Resource>,
    application: ApplicationSecret,
    current: Option<RunId>,
    retention: TargetRetention,
}

fn account() -> impl Strategy<Value = Account> {
    let retention = (0..4i64, 0..100i64, 1..100i64).prop_map(|(copies, grace, failed)| {
        let text =
            format!(r#"{{"copies": {copies}, "cutoverGraceHours": {grace}, "failedCopyHours": {failed}}}"#);
        serde_json::from_str(&text).unwrap()
    });
    let resources = prop::collection::vec(sketch(), 0..40).prop_map(|list| {
        let mut seen = BTreeSet::new();
        let resources = list.iter().map(Sketch::resource);
        let is_new = |it: &Resource| seen.insert(told(it));
        resources.filter(is_new).collect::<Vec<_>>()
    });
    (resources, 0..5usize, any::<prop::sample::Index>(), 0..4usize, any::<prop::sample::Index>(), retention)
        .prop_map(|(resources, pointer, live, pinned, other, retention)| {
            let pick = |index: &prop::sample::Index| {
                (!resources.is_empty()).then(|| resources[index.index(resources.len())].identifier.clone())
            };
            let (live, other) = (pick(&live), pick(&other));
            let by_name = |it: Option<String>| Pointer { db_instance_identifier: it, endpoint: None };
            let by_host = |it: Option<String>| Pointer {
                db_instance_identifier: None,
                endpoint: it.map(|it| (host(&it).to_uppercase(), Some(5432))),
            };
            let pointer = match pointer {
                0 => Some(by_name(live)),
                1 => Some(by_host(live)),
                2 => Some(Pointer { db_instance_identifier: live, ..by_host(other.clone()) }),
                3 => Some(by_name(Some("legacy".to_owned()))),
                _ => None,
            };
            let other = other.as_deref().and_then(Run::from_identifier).map(|it| it.id);
            let pinned = match pinned {
                0 => Ok(other.clone()),
                1 => RunId::try_from("no run".to_owned()).map(Some),
                _ => Ok(None),
            };
            Account {
                resources,
                application: ApplicationSecret { pointer, pinned },
                current: other,
                retention,
            }
        })
}

/// What the step would do, and what is its own.
fn decide(account: &Account) -> (Vec<Action>, Vec<Owned>) {
    let live = live(&account.application, &orders(), &account.resources, &prune::lanes::Lanes::Nothing);
    let owned = owned(account.resources.clone(), &orders());
    let pinned = account.application.pinned.as_ref().ok().and_then(Option::as_ref);
    let facts = TargetFacts { now: now(), current: account.current.as_ref(), live: &live, pinned };
    let verdicts = of_target(&facts, &account.retention, &seen_in_target(&owned));
    (plan(&verdicts, &owned, &BTreeSet::new()), owned)
}

fn told(resource: &Resource) -> String {
    match resource.kind {
        Kind::Database { .. } => format!("db:{}", resource.identifier),
        Kind::Snapshot => format!("snapshot:{}", resource.identifier),
        Kind::Secret => format!("secret:{}", resource.identifier),
        Kind::LogGroup => format!("log-group:{}", resource.identifier),
    }
}

fn within(at: Timestamp, hours: impl Into<i64>) -> bool {
    now().duration_since(at) < SignedDuration::from_hours(hours.into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_may_be_live_kept_pinned_lately_live_or_at_work_is_touched(account in account()) {
        let (actions, owned) = decide(&account);
        let gone: BTreeSet<String> = actions.iter().map(Action::to_string).collect();
        let pointer = account.application.pointer.clone().unwrap_or_default();
        let run_has = |run: &RunId, is: &dyn Fn(&Resource) -> bool| owned.iter().any(|it| it.run == *run && is(&it.resource));
        for Owned { run, resource } in &owned {
            let is_live = run_has(run, &|it| match &it.kind {
                Kind::Database { endpoint, .. } => {
                    pointer.db_instance_identifier.as_ref() == Some(&it.identifier)
                        || pointer.endpoint.as_ref().zip(endpoint.as_ref()).is_some_and(|(a, b)| a.0.eq_ignore_ascii_case(&b.address))
                }
                _ => false,
            });
            let is_kept = run_has(run, &|it| it.tags.contains_key(tag::KEEP));
            let was_live = run_has(run, &|it| {
                let at = it.tags.get(tag::LAST_LIVE).and_then(|at| at.parse().ok());
                at.is_some_and(|at| within(at, account.retention.cutover_grace_hours))
            });
            let is_proven = run_has(run, &|it| {
                matches!(it.kind, Kind::Database { .. }) && it.tags.contains_key(tag::PROVEN)
            });
            let in_doubt = is_proven && (account.application.pointer.is_none() || account.application.pinned.is_err());
            let is_pinned = account.application.pinned == Ok(Some(run.clone()));
            let at_work = account.current.as_ref() == Some(run);
            if is_live || is_kept || was_live || is_pinned || at_work || in_doubt {
                prop_assert!(!gone.contains(&told(resource)), "{resource:?} goes: {account:?}");
            }
        }
    }

    #[test]
    fn nothing_that_snapferry_did_not_make_is_touched(account in account()) {
        let (actions, _) = decide(&account);
        let ours: BTreeSet<String> = account.resources.iter().filter(|it| {
            if it.kind == Kind::LogGroup {
                return it.identifier.starts_with("/aws/rds/instance/orders-20") && it.identifier.ends_with("-0000/postgresql");
            }
            let run = it.tags.get(tag::RUN).and_then(|run| RunId::try_from(run.clone()).ok());
            let (Some(run), Some(made_by)) = (run, it.tags.get(tag::MADE_BY)) else { return false };
            let run = Run::new(&orders(), &run);
            let name = match it.kind {
                Kind::Secret => it.identifier == run.secret_name(),
                _ => it.identifier == run.identifier() || it.identifier == run.reencrypted_identifier(),
            };
            name && made_by == "snapferry" && it.tags.get(tag::REPLICATION).is_some_and(|it| it == "orders")
        }).map(told).collect();
        for action in &actions {
            prop_assert!(ours.contains(&action.to_string()), "{action}: {account:?}");
            if let Action::DeleteLogGroup(name) = action {
                let things = account.resources.iter().filter(|it| !matches!(it.kind, Kind::Secret | Kind::LogGroup));
                let is_of = |it: &Resource| *name == format!("/aws/rds/instance/{}/postgresql", it.identifier.trim_end_matches("-copy"));
                prop_assert!(!things.into_iter().any(is_of), "{action} while it is in use: {account:?}");
            }
        }
    }

    #[test]
    fn as_many_proven_copies_as_asked_for_stay_beside_the_live_one(account in account()) {
        let (actions, owned) = decide(&account);
        let gone: BTreeSet<String> = actions.iter().map(Action::to_string).collect();
        let proven = |it: &&Owned| matches!(it.resource.kind, Kind::Database { .. }) && it.resource.tags.contains_key(tag::PROVEN);
        let pointer = account.application.pointer.clone().unwrap_or_default();
        let is_live = |it: &&Owned| pointer.db_instance_identifier.as_ref() == Some(&it.resource.identifier)
            || pointer.endpoint.as_ref().is_some_and(|(it_host, _)| it_host.eq_ignore_ascii_case(&host(&it.resource.identifier)));
        let others: Vec<&Owned> = owned.iter().filter(proven).filter(|it| !is_live(it)).collect();
        let left = others.iter().filter(|it| !gone.contains(&told(&it.resource))).count();
        prop_assert!(left as u64 >= account.retention.copies.as_u64().min(others.len() as u64), "{account:?}");
    }

    #[test]
    fn the_remains_of_failed_runs_always_go_once_they_are_old_enough(account in account()) {
        let (actions, owned) = decide(&account);
        let gone: BTreeSet<String> = actions.iter().map(Action::to_string).collect();
        let all = |run: &RunId| owned.iter().filter(|it| it.run == *run).map(|it| &it.resource).collect::<Vec<_>>();
        let pointer = account.application.pointer.clone().unwrap_or_default();
        for Owned { run, resource } in &owned {
            let resources = all(run);
            let hours = account.retention.failed_copy_hours;
            let grace = account.retention.cutover_grace_hours;
            let is_old = !within(run.began_at(), hours) && resources.iter().all(|it| it.created_at.is_none_or(|at| !within(at, hours)));
            let is_failed = resources.iter().all(|it| !matches!(it.kind, Kind::Database { .. }) || !it.tags.contains_key(tag::PROVEN));
            // By its name alone: an instance of that name that lost its tags may be live all the same.
            let is_live = pointer.db_instance_identifier == Some(Run::new(&orders(), run).identifier())
                || pointer.endpoint.as_ref().is_some_and(|(it, _)| it.eq_ignore_ascii_case(&host(&Run::new(&orders(), run).identifier())));
            let is_guarded = is_live || account.current.as_ref() == Some(run)
                || account.application.pinned == Ok(Some(run.clone()))
                || resources.iter().any(|it| {
                    let last_live = it.tags.get(tag::LAST_LIVE).and_then(|at| at.parse().ok());
                    it.tags.contains_key(tag::KEEP) || last_live.is_some_and(|at| within(at, grace))
                });
            let waits = resource.status == "deleting"
                || resource.kind == Kind::LogGroup && resources.iter().any(|it| !matches!(it.kind, Kind::Secret | Kind::LogGroup))
                || resource.kind == Kind::Secret && resources.iter().any(|it| matches!(it.kind, Kind::Database { .. }) && it.status != "deleting");
            if is_old && is_failed && !is_guarded && !waits {
                prop_assert!(gone.contains(&told(resource)), "{resource:?} stays: {account:?}");
            }
        }
    }

    #[test]
    fn the_source_keeps_its_newest_good_snapshots_whatever_else_goes(
        list in prop::collection::vec(sketch(), 0..40), runs in 1..4i64, hours in 1..100i64, current in prop::option::of(0..200i64),
    ) {
        let text = format!(r#"{{"runs": {runs}, "minAgeHours": {hours}}}"#);
        let retention: SourceRetention = serde_json::from_str(&text).unwrap();
        let resources = list.iter().map(Sketch::resource).filter(|it| it.kind == Kind::Snapshot).collect();
        let owned = owned(resources, &orders());
        let current = current.map(run);
        let verdicts = of_source(now(), current.as_ref(), &retention, &seen_in_source(&owned));
        let redundant = redundant_snapshots(&owned, current.as_ref());
        let gone: BTreeSet<String> = plan(&verdicts, &owned, &redundant).iter().map(Action::to_string).collect();
        let available = |it: &&Owned| it.resource.status == "available";
        let good: BTreeSet<&RunId> = owned.iter().filter(available).map(|it| &it.run).collect();
        for run in good.iter().rev().take(usize::try_from(runs).unwrap()) {
            let left = owned.iter().filter(available).filter(|it| it.run == **run && !gone.contains(&told(&it.resource)));
            prop_assert!(left.count() > 0, "nothing is left of {run}: {owned:?}");
        }
        for it in owned.iter().filter(|it| within(it.run.began_at(), hours)) {
            prop_assert!(redundant.contains(&it.resource.identifier) || !gone.contains(&told(&it.resource)), "{it:?} is young");
        }
    }
}

#[test]
fn a_hundred_failed_runs_in_a_row_leave_room_for_the_next() {
    let retention = TargetRetention::default();
    let application = ApplicationSecret {
        pointer: Some(Pointer { db_instance_identifier: Some(run_of(2_500).identifier()), endpoint: None }),
        pinned: Ok(None),
    };
    let resource = |hours: i64, kind: Kind, proven: bool| {
        let mut tags = run_of(hours).tags();
        if proven {
            tags.insert(tag::PROVEN.to_owned(), hours_ago(hours).to_string());
        }
        let status = "available".to_owned();
        Resource {
            identifier: run_of(hours).identifier(),
            kind,
            status,
            created_at: Some(hours_ago(hours)),
            tags,
        }
    };
    let instance = || Kind::Database { protected: false, endpoint: None };
    // The live copy is a hundred days old; every night since then a run failed after its restore.
    let mut resources = vec![resource(2_500, instance(), true), resource(2_500, Kind::Snapshot, false)];
    for night in 0..100 {
        resources
            .extend([resource(24 * night, instance(), false), resource(24 * night, Kind::Snapshot, false)]);
    }
    let account = Account { resources, application, current: None, retention };
    let (actions, _) = decide(&account);
    let left = account.resources.len() - actions.len();
    assert_eq!(left, 2 + 2 * 3, "the live copy, and three nights of failures");
}
