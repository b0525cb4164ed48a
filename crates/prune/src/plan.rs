//! Decides what is deleted and how; sees only its arguments.
//!
//! Which runs go is decided in `replication::retention`; here, what that means for each thing that they left.

use crate::resource::{Kind, Owned, Resource};
use database::{Database, Refusal};
use lambda_support::CallFailed;
use replication::retention::{RunSeen, Verdict};
use replication::{RunId, tag};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What to do with one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a stopped database: only then can its protection be lifted.
    StartDatabase(Database),
    /// Lift the deletion protection of a database that is about to be deleted.
    UnprotectDatabase(Database),
    /// Delete a database, without a final snapshot.
    DeleteDatabase(Database),
    /// Delete a DB snapshot.
    DeleteSnapshot(String),
    /// Delete a copy's secret.
    DeleteSecret(String),
    /// Delete a log group of a copy's DB instance.
    DeleteLogGroup(String),
    /// Wait for a database that is not in a state to be deleted.
    WaitForDatabase(Database),
    /// Wait for a DB snapshot that is not in a state to be deleted.
    WaitForSnapshot(String),
    /// Wait until the rest of a copy is gone, before its secret goes.
    WaitWithSecret(String),
    /// Wait until a copy's DB instance is gone, which writes to it, before its log group goes.
    WaitWithLogGroup(String),
}

impl Action {
    /// The database that it is about.
    pub fn database(&self) -> Option<&Database> {
        match self {
            Self::StartDatabase(it)
            | Self::UnprotectDatabase(it)
            | Self::DeleteDatabase(it)
            | Self::WaitForDatabase(it) => Some(it),
            _ => None,
        }
    }

    /// Whether it deletes the resource.
    pub fn deletes(&self) -> bool {
        self.is_over_at_once() || matches!(self, Self::DeleteDatabase(_))
    }

    /// Whether it only waits for other things of its run to go.
    pub fn waits_for_others(&self) -> bool {
        matches!(self, Self::WaitWithSecret(_) | Self::WaitWithLogGroup(_))
    }

    /// Whether nothing is left to wait for once its call was taken. A database takes minutes to go.
    pub fn is_over_at_once(&self) -> bool {
        matches!(self, Self::DeleteSnapshot(_) | Self::DeleteSecret(_) | Self::DeleteLogGroup(_))
    }
}

/// The resource that goes, by the resource types of ARNs.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartDatabase(it)
            | Self::UnprotectDatabase(it)
            | Self::DeleteDatabase(it)
            | Self::WaitForDatabase(it) => write!(f, "db:{}", it.identifier()),
            Self::DeleteSnapshot(it) | Self::WaitForSnapshot(it) => write!(f, "snapshot:{it}"),
            Self::DeleteSecret(it) | Self::WaitWithSecret(it) => write!(f, "secret:{it}"),
            Self::DeleteLogGroup(it) | Self::WaitWithLogGroup(it) => write!(f, "log-group:{it}"),
        }
    }
}

/// What is seen of each run in the target account: good, once its DB instance was proven fit to go live.
pub fn seen_in_target(owned: &[Owned]) -> BTreeMap<RunId, RunSeen> {
    let is_database = |it: &Resource| matches!(it.kind, Kind::Database { .. });
    let mut runs = seen(owned, |it| is_database(it) && it.tags.contains_key(tag::PROVEN));
    for (run, it) in &mut runs {
        // Secrets and log groups are made for a DB instance that is there, and are deleted last.
        it.remains = owned.iter().filter(|it| it.run == *run).all(|it| outlives_database(&it.resource));
    }
    runs
}

/// Whether it is deleted after its run's snapshot and DB instance.
fn outlives_database(resource: &Resource) -> bool {
    matches!(resource.kind, Kind::Secret | Kind::LogGroup)
}

/// What is seen of each run in the source account: good, once a snapshot of it is available.
pub fn seen_in_source(owned: &[Owned]) -> BTreeMap<RunId, RunSeen> {
    seen(owned, |it| it.kind == Kind::Snapshot && it.status == "available")
}

fn seen(owned: &[Owned], good: impl Fn(&Resource) -> bool) -> BTreeMap<RunId, RunSeen> {
    let mut runs = BTreeMap::<RunId, RunSeen>::new();
    for Owned { run, resource } in owned {
        let it = runs.entry(run.clone()).or_default();
        it.good |= good(resource);
        it.keep |= resource.tags.contains_key(tag::KEEP);
        it.newest = it.newest.max(resource.created_at);
        it.last_live = it.last_live.max(resource.tags.get(tag::LAST_LIVE).and_then(|at| at.parse().ok()));
    }
    runs
}

/// Snapshots in the source account that only cost storage and quota: a run's own snapshot, once its re-encrypted copy is
/// available and a newer run has got as far. Until then a resumed run begins with it.
pub fn redundant_snapshots(owned: &[Owned], current: Option<&RunId>) -> BTreeSet<String> {
    let available = |it: &&Owned| it.resource.kind == Kind::Snapshot && it.resource.status == "available";
    let is_copy = |it: &&Owned| it.resource.identifier.ends_with("-copy");
    let is_kept =
        |run: &RunId| owned.iter().any(|it| it.run == *run && it.resource.tags.contains_key(tag::KEEP));
    let copied: BTreeSet<&RunId> = owned.iter().filter(available).filter(is_copy).map(|it| &it.run).collect();
    owned
        .iter()
        .filter(|it| !is_copy(it) && copied.contains(&it.run) && copied.last() > Some(&&it.run))
        .filter(|it| current != Some(&it.run) && !is_kept(&it.run))
        .map(|it| it.resource.identifier.clone())
        .collect()
}

/// What to do with all resources of the runs that go, and with redundant snapshots: snapshots first, then databases, then
/// log groups and secrets. An interrupted deletion then leaves the database, whose tags say that it is to go, or the
/// secret or a log group, which tell by themselves that they are left over. A snapshot alone tells nothing: it may be all that a failed run has made so far, or
/// somebody kept it when they deleted the database.
pub fn plan(
    verdicts: &BTreeMap<RunId, Verdict>,
    owned: &[Owned],
    redundant: &BTreeSet<String>,
) -> Vec<Action> {
    let goes = |it: &&Owned| {
        verdicts.get(&it.run).is_some_and(|verdict| verdict.delete())
            || redundant.contains(&it.resource.identifier)
    };
    let others = || owned.iter().filter(|it| !outlives_database(&it.resource));
    let there: BTreeSet<&RunId> = others().map(|it| &it.run).collect();
    let alive: BTreeSet<&RunId> =
        others().filter(|it| it.resource.status != "deleting").map(|it| &it.run).collect();
    let mut going: Vec<&Owned> = owned.iter().filter(goes).collect();
    going.sort_by_key(|it| match it.resource.kind {
        Kind::Snapshot => 0,
        Kind::Database { .. } => 1,
        Kind::LogGroup => 2,
        Kind::Secret => 3,
    });
    let waits = |it: &Owned| match it.resource.kind {
        // A DB instance that is being deleted still writes its logs, and RDS would make the group again.
        Kind::LogGroup => there.contains(&it.run),
        _ => alive.contains(&it.run),
    };
    going.into_iter().filter_map(|it| action(&it.resource, waits(it))).collect()
}

fn action(resource: &Resource, waits: bool) -> Option<Action> {
    let identifier = resource.identifier.clone();
    let database = || Database::Instance(resource.identifier.clone());
    Some(match (&resource.kind, resource.status.as_str()) {
        // On its way: nothing is left to do.
        (_, "deleting") => return None,
        (Kind::Secret, _) if waits => Action::WaitWithSecret(identifier),
        (Kind::Secret, _) => Action::DeleteSecret(identifier),
        (Kind::LogGroup, _) if waits => Action::WaitWithLogGroup(identifier),
        (Kind::LogGroup, _) => Action::DeleteLogGroup(identifier),
        (Kind::Snapshot, "available" | "failed") => Action::DeleteSnapshot(identifier),
        (Kind::Snapshot, _) => Action::WaitForSnapshot(identifier),
        // RDS itself knows best in which status it deletes: a refusal is looked at again.
        (Kind::Database { protected: false, .. }, _) => Action::DeleteDatabase(database()),
        (Kind::Database { .. }, "stopped") => Action::StartDatabase(database()),
        (Kind::Database { .. }, "starting" | "stopping" | "creating" | "modifying") => {
            Action::WaitForDatabase(database())
        }
        (Kind::Database { .. }, _) => Action::UnprotectDatabase(database()),
    })
}

/// Whether a call was taken; false when only the state forbids it, or when the resource is gone already.
pub fn taken(answer: Result<(), CallFailed>) -> Result<bool, CallFailed> {
    let Err(failed) = answer else { return Ok(true) };
    match Refusal::of(&failed) {
        Refusal::WrongState | Refusal::DatabaseNotFound | Refusal::SnapshotNotFound => Ok(false),
        _ => Err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::owned;
    use database::Endpoint;
    use replication::Run;
    use step::Tags;

    const RUN: &str = "20261101t000000z-0000";

    fn run() -> Run {
        Run::from_identifier(&format!("orders-{RUN}")).unwrap()
    }

    fn resource(identifier: &str, kind: Kind, status: &str) -> Resource {
        Resource {
            identifier: identifier.to_owned(),
            kind,
            status: status.to_owned(),
            created_at: None,
            tags: run().tags(),
        }
    }

    fn instance(status: &str, protected: bool) -> Resource {
        let endpoint = Some(Endpoint { address: "db.example".to_owned(), port: 5432 });
        resource(&run().identifier(), Kind::Database { protected, endpoint }, status)
    }

    fn instance_of_run() -> Database {
        Database::Instance(run().identifier())
    }

    // R10: everything with one tag is deleted, the live database too.
    // P0-3: users' own snapshots and restores inherit the tags.
    // Invariant: nothing is deleted whose identifier is not exactly the one rebuilt from its own tags.
    #[test]
    fn what_others_made_is_invisible() {
        let ours = [
            instance("available", false),
            resource(&run().identifier(), Kind::Snapshot, "available"),
            resource(&run().reencrypted_identifier(), Kind::Snapshot, "available"),
            resource(&run().secret_name(), Kind::Secret, ""),
        ];
        let untagged = Resource { tags: Tags::new(), ..instance("available", false) };
        let foreign = [
            resource("orders-rescue", Kind::Database { protected: false, endpoint: None }, "available"),
            resource("orders-before-migration", Kind::Snapshot, "available"),
            resource("snapferry/orders/other", Kind::Secret, ""),
            resource(&run().identifier(), Kind::Secret, ""),
            untagged,
        ];
        let orders = run().replication;
        let all = ours.iter().chain(&foreign).cloned().collect();
        let seen: Vec<_> = owned(all, &orders).into_iter().map(|it| it.resource).collect();
        assert_eq!(seen, ours);
        assert!(owned(ours.to_vec(), &"users".to_owned().try_into().unwrap()).is_empty());
    }

    // P1-16: deletion protection makes failures undeletable.
    #[test]
    fn a_protected_or_stopped_instance_goes_across_looks() {
        let verdicts = BTreeMap::from([(run().id, Verdict::DeleteSuperseded)]);
        let actions =
            |resource: Resource| plan(&verdicts, &[Owned { run: run().id, resource }], &BTreeSet::new());
        let check = |resource: Resource, expected: fn(Database) -> Action| {
            assert_eq!(actions(resource), [expected(instance_of_run())]);
        };
        check(instance("stopped", true), Action::StartDatabase);
        check(instance("starting", true), Action::WaitForDatabase);
        check(instance("available", true), Action::UnprotectDatabase);
        check(instance("modifying", true), Action::WaitForDatabase);
        check(instance("incompatible-parameters", true), Action::UnprotectDatabase);
        check(instance("insufficient-capacity", false), Action::DeleteDatabase);
        check(instance("available", false), Action::DeleteDatabase);
        check(instance("stopped", false), Action::DeleteDatabase);
        check(instance("incompatible-restore", false), Action::DeleteDatabase);
        let snapshot = |status: &str| actions(resource("s", Kind::Snapshot, status));
        assert_eq!(snapshot("copying"), [Action::WaitForSnapshot("s".to_owned())]);
        assert_eq!(snapshot("failed"), [Action::DeleteSnapshot("s".to_owned())]);
        assert_eq!(actions(resource("s", Kind::Secret, "")), [Action::DeleteSecret("s".to_owned())]);
        assert_eq!(actions(instance("deleting", false)), []);
    }

    #[test]
    fn a_snapshot_is_redundant_once_its_copy_and_a_newer_one_are_there() {
        let seen = |days: &[(u32, &str)]| {
            let of_day = |(day, suffix): &(u32, &str)| {
                let run = Run::from_identifier(&format!("orders-202611{day:02}t000000z-0000")).unwrap();
                let status = if suffix.ends_with('!') { "creating" } else { "available" };
                let identifier = format!("{}{}", run.identifier(), suffix.trim_end_matches('!'));
                Resource { tags: run.tags(), ..resource(&identifier, Kind::Snapshot, status) }
            };
            owned(days.iter().map(of_day).collect(), &run().replication)
        };
        let check = |days: &[(u32, &str)], current: Option<u32>, expected: &[u32]| {
            let run = |day: u32| RunId::try_from(format!("202611{day:02}t000000z-0000")).unwrap();
            let expected = expected.iter().map(|day| format!("orders-{}", run(*day))).collect();
            assert_eq!(redundant_snapshots(&seen(days), current.map(run).as_ref()), expected, "{days:?}");
        };
        check(&[(1, ""), (1, "-copy"), (2, ""), (2, "-copy")], None, &[1]);
        check(&[(1, ""), (1, "-copy"), (2, ""), (2, "-copy")], Some(1), &[]);
        check(&[(1, ""), (1, "-copy"), (2, ""), (2, "-copy!")], None, &[]);
        check(&[(1, ""), (1, "-copy!"), (2, ""), (2, "-copy")], None, &[]);
        // Under a shareable key there is no second one: the target copies the snapshot itself.
        check(&[(1, ""), (2, "")], None, &[]);
        let mut kept = seen(&[(1, ""), (1, "-copy"), (2, "-copy")]);
        kept[1].resource.tags.insert(tag::KEEP.to_owned(), String::new());
        assert_eq!(redundant_snapshots(&kept, None), BTreeSet::new());
    }

    #[test]
    fn a_secret_goes_last_and_a_kept_run_keeps_all() {
        let both = [
            Owned { run: run().id, resource: instance("available", false) },
            Owned { run: run().id, resource: resource(&run().secret_name(), Kind::Secret, "") },
        ];
        let verdict = |verdict| BTreeMap::from([(run().id, verdict)]);
        assert_eq!(
            plan(&verdict(Verdict::DeleteFailed), &both, &BTreeSet::new()),
            [Action::DeleteDatabase(instance_of_run()), Action::WaitWithSecret(run().secret_name())]
        );
        let snapshot =
            Owned { run: run().id, resource: resource(&run().identifier(), Kind::Snapshot, "available") };
        let all = [both[1].clone(), both[0].clone(), snapshot];
        assert_eq!(
            plan(&verdict(Verdict::DeleteSuperseded), &all, &BTreeSet::new()),
            [
                Action::DeleteSnapshot(run().identifier()),
                Action::DeleteDatabase(instance_of_run()),
                Action::WaitWithSecret(run().secret_name()),
            ]
        );
        assert_eq!(
            plan(&verdict(Verdict::DeleteRemains), &both[1..], &BTreeSet::new()),
            [Action::DeleteSecret(run().secret_name())]
        );
        assert_eq!(plan(&verdict(Verdict::KeepLive), &both, &BTreeSet::new()), []);
        assert_eq!(plan(&BTreeMap::new(), &both, &BTreeSet::new()), []);
    }

    #[test]
    fn a_log_group_goes_once_nothing_else_of_its_run_is_there() {
        let name = format!("/aws/rds/instance/{}/postgresql", run().identifier());
        let group = Resource { tags: Tags::new(), ..resource(&name, Kind::LogGroup, "") };
        let copy_of_source = resource(&run().reencrypted_identifier(), Kind::Snapshot, "available");
        let actions = |verdict: Verdict, beside: &[Resource]| {
            let all = [beside, std::slice::from_ref(&group)].concat();
            plan(&[(run().id, verdict)].into(), &owned(all, &run().replication), &BTreeSet::new())
        };
        let check = |beside: &[Resource], expected: &[Action]| {
            assert_eq!(actions(Verdict::DeleteSuperseded, beside), expected, "{beside:?}");
        };
        let wait = || Action::WaitWithLogGroup(name.clone());
        check(&[], &[Action::DeleteLogGroup(name.clone())]);
        check(&[instance("deleting", false)], &[wait()]);
        check(&[instance("available", false)], &[Action::DeleteDatabase(instance_of_run()), wait()]);
        check(
            std::slice::from_ref(&copy_of_source),
            &[Action::DeleteSnapshot(run().reencrypted_identifier()), wait()],
        );
        let secret = resource(&run().secret_name(), Kind::Secret, "");
        let both = [Action::DeleteLogGroup(name.clone()), Action::DeleteSecret(run().secret_name())];
        check(&[secret], &both);
        // What lost its tags, or never had them, is still there.
        check(&[Resource { tags: Tags::new(), ..instance("available", false) }], &[]);
        check(&[Resource { tags: Tags::new(), ..copy_of_source }], &[]);
        for verdict in [Verdict::KeepLive, Verdict::KeepTagged, Verdict::KeepPinned, Verdict::KeepCurrent] {
            assert_eq!(actions(verdict, &[]), [], "{verdict:?}");
        }
        assert!(owned(vec![group.clone()], &"users".to_owned().try_into().unwrap()).is_empty());
        let seen = seen_in_target(&owned(vec![group.clone()], &run().replication));
        assert!(seen[&run().id].remains, "a log group alone is left over");
    }

    #[test]
    fn only_deletions_are_told_as_deleted_and_only_a_database_takes_its_time() {
        let database = instance_of_run;
        let name = || "orders".to_owned();
        for (action, deletes, at_once) in [
            (Action::StartDatabase(database()), false, false),
            (Action::UnprotectDatabase(database()), false, false),
            (Action::DeleteDatabase(database()), true, false),
            (Action::DeleteSnapshot(name()), true, true),
            (Action::DeleteSecret(name()), true, true),
            (Action::DeleteLogGroup(name()), true, true),
            (Action::WaitForDatabase(database()), false, false),
            (Action::WaitForSnapshot(name()), false, false),
            (Action::WaitWithSecret(name()), false, false),
            (Action::WaitWithLogGroup(name()), false, false),
        ] {
            assert_eq!((action.deletes(), action.is_over_at_once()), (deletes, at_once), "{action:?}");
        }
    }
}
