//! Decides what is deleted and how; sees only its arguments.
//!
//! Which runs go is decided in `replication::retention`; here, what that means for each thing that they left.

use jiff::Timestamp;
use replication::retention::{Live, Seen, Verdict};
use replication::{Copy, InvalidIdentifier, ReplicationName, Run, Tags, made_here, tag};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What kind of thing was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A DB instance.
    Instance {
        /// Whether its deletion is refused.
        deletion_protection: bool,
        /// Address and port, once RDS names them.
        endpoint: Option<(String, i64)>,
    },
    /// A manual DB snapshot.
    Snapshot,
    /// A copy's secret.
    Secret,
}

/// A thing in the account, before it is known whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Its identifier or name.
    pub identifier: String,
    /// What it is.
    pub kind: Kind,
    /// RDS's status; empty for a secret.
    pub status: String,
    /// When it was made, where that is known.
    pub made_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

/// A thing that this replication made, and the run that did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The run.
    pub run: Run,
    /// The thing.
    pub thing: Thing,
}

/// What to do with one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a stopped DB instance: only then can its protection be lifted.
    StartInstance(String),
    /// Lift the deletion protection of a DB instance that is about to be deleted.
    UnprotectInstance(String),
    /// Delete a DB instance, without a final snapshot.
    DeleteInstance(String),
    /// Delete a DB snapshot.
    DeleteSnapshot(String),
    /// Delete a copy's secret.
    DeleteSecret(String),
    /// Wait for a DB instance that is not in a state to be deleted.
    WaitForInstance(String),
    /// Wait for a DB snapshot that is not in a state to be deleted.
    WaitForSnapshot(String),
}

/// The thing that goes, by the resource types of ARNs.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartInstance(it)
            | Self::UnprotectInstance(it)
            | Self::DeleteInstance(it)
            | Self::WaitForInstance(it) => write!(f, "db:{it}"),
            Self::DeleteSnapshot(it) | Self::WaitForSnapshot(it) => write!(f, "snapshot:{it}"),
            Self::DeleteSecret(it) => write!(f, "secret:{it}"),
        }
    }
}

/// Keeps what this replication made; everything else is invisible from here on.
pub fn owned(things: Vec<Thing>, replication: &ReplicationName) -> Vec<Owned> {
    let maker = |thing: &Thing| match thing.kind {
        Kind::Secret => secret_maker(&thing.identifier, &thing.tags),
        _ => made_here(&thing.identifier, &thing.tags),
    };
    let ours = things.into_iter().filter_map(|thing| Some((maker(&thing)?, thing)));
    ours.filter(|(copy, _)| copy.replication == *replication)
        .map(|(copy, thing)| Owned { run: copy.run, thing })
        .collect()
}

/// A secret's name is not an RDS identifier, but follows from the same tags.
fn secret_maker(name: &str, tags: &Tags) -> Option<Copy> {
    let copy = Copy::new(
        &tags.get(tag::REPLICATION)?.clone().try_into().ok()?,
        &tags.get(tag::RUN)?.clone().try_into().ok()?,
    );
    let copy = made_here(&copy.identifier(), tags)?;
    (name == copy.secret_name()).then_some(copy)
}

/// What is seen of each run in the target account: good, once its DB instance was proven fit to go live.
pub fn seen_in_target(owned: &[Owned]) -> BTreeMap<Run, Seen> {
    seen(owned, |thing| matches!(thing.kind, Kind::Instance { .. }) && thing.tags.contains_key(tag::PROVEN))
}

/// What is seen of each run in the source account: good, once a snapshot of it is available.
pub fn seen_in_source(owned: &[Owned]) -> BTreeMap<Run, Seen> {
    seen(owned, |thing| thing.kind == Kind::Snapshot && thing.status == "available")
}

fn seen(owned: &[Owned], good: impl Fn(&Thing) -> bool) -> BTreeMap<Run, Seen> {
    let mut runs = BTreeMap::<Run, Seen>::new();
    for Owned { run, thing } in owned {
        let it = runs.entry(run.clone()).or_default();
        it.good |= good(thing);
        it.keep |= thing.tags.contains_key(tag::KEEP);
        it.newest = it.newest.max(thing.made_at);
        it.last_live = it.last_live.max(thing.tags.get(tag::LAST_LIVE).and_then(|at| at.parse().ok()));
    }
    runs
}

/// Snapshots in the source account that only cost storage and quota: a run's own one, once its re-encrypted copy is
/// available and a newer run has got as far. Until then it is what a resumed run begins with.
pub fn spare(owned: &[Owned], current: Option<&Run>) -> BTreeSet<String> {
    let available = |it: &&Owned| it.thing.kind == Kind::Snapshot && it.thing.status == "available";
    let is_copy = |it: &&Owned| it.thing.identifier.ends_with("-copy");
    let kept = |run: &Run| owned.iter().any(|it| it.run == *run && it.thing.tags.contains_key(tag::KEEP));
    let copied: BTreeSet<&Run> = owned.iter().filter(available).filter(is_copy).map(|it| &it.run).collect();
    owned
        .iter()
        .filter(|it| !is_copy(it) && copied.contains(&it.run) && copied.last() > Some(&&it.run))
        .filter(|it| current != Some(&it.run) && !kept(&it.run))
        .map(|it| it.thing.identifier.clone())
        .collect()
}

/// What to do with all things of the runs that go, and with what is spare. A secret outlives its DB instance, never the
/// other way round.
pub fn plan(verdicts: &BTreeMap<Run, Verdict>, owned: &[Owned], spare: &BTreeSet<String>) -> Vec<Action> {
    let goes = |it: &&Owned| {
        verdicts.get(&it.run).is_some_and(|verdict| verdict.delete()) || spare.contains(&it.thing.identifier)
    };
    let alive: BTreeSet<&Run> = owned
        .iter()
        .filter(|it| matches!(it.thing.kind, Kind::Instance { .. }) && it.thing.status != "deleting")
        .map(|it| &it.run)
        .collect();
    owned.iter().filter(goes).filter_map(|it| action(&it.thing, alive.contains(&it.run))).collect()
}

fn action(thing: &Thing, instance_alive: bool) -> Option<Action> {
    let identifier = thing.identifier.clone();
    Some(match (&thing.kind, thing.status.as_str()) {
        // On its way: nothing is left to do.
        (_, "deleting") => return None,
        (Kind::Secret, _) if instance_alive => return None,
        (Kind::Secret, _) => Action::DeleteSecret(identifier),
        (Kind::Snapshot, "available" | "failed") => Action::DeleteSnapshot(identifier),
        (Kind::Snapshot, _) => Action::WaitForSnapshot(identifier),
        // RDS itself knows best in which status it deletes: what it refuses is looked at again.
        (Kind::Instance { deletion_protection: false, .. }, _) => Action::DeleteInstance(identifier),
        (Kind::Instance { .. }, "stopped") => Action::StartInstance(identifier),
        (Kind::Instance { .. }, "starting" | "stopping" | "creating" | "modifying") => {
            Action::WaitForInstance(identifier)
        }
        (Kind::Instance { .. }, _) => Action::UnprotectInstance(identifier),
    })
}

/// What the application's secret says of the live copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Says {
    /// Its `dbInstanceIdentifier`.
    pub db_instance_identifier: Option<String>,
    /// Its `host` and `port`.
    pub endpoint: Option<(String, Option<i64>)>,
}

/// What the application's secret says, in its value and its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// What its value says; `None` when there is none, or none that can be understood.
    pub says: Option<Says>,
    /// The run that it is pinned to: an error when that is no run.
    pub pinned: Result<Option<Run>, InvalidIdentifier>,
}

/// Which copies may be live: the one that the secret names, and the one whose endpoint it gives, which is what
/// applications use. What is named but not known here leaves all good copies in doubt, and so does a secret that says
/// nothing.
pub fn live(application: &Application, replication: &ReplicationName, things: &[Thing]) -> Live {
    let nothing = Says::default();
    let says = application.says.as_ref().unwrap_or(&nothing);
    let is_named = |thing: &&Thing| says.db_instance_identifier.as_ref() == Some(&thing.identifier);
    let is_endpoint = |thing: &&Thing| match (&thing.kind, &says.endpoint) {
        (Kind::Instance { endpoint: Some((address, number)), .. }, Some((host, port))) => {
            address.eq_ignore_ascii_case(host) && port.is_none_or(|port| port == *number)
        }
        _ => false,
    };
    let instances = || things.iter().filter(|thing| matches!(thing.kind, Kind::Instance { .. }));
    let (named, reached) = (instances().find(is_named), instances().find(is_endpoint));
    let copies = named.iter().chain(&reached).filter_map(|thing| Copy::from_identifier(&thing.identifier));
    Live {
        runs: copies.filter(|it| it.replication == *replication).map(|it| it.run).collect(),
        uncertain: application.says.is_none()
            || application.pinned.is_err()
            || (says.db_instance_identifier.is_some() && named.is_none())
            || (says.endpoint.is_some() && reached.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "20261101t000000z-0000";

    fn copy() -> Copy {
        Copy::from_identifier(&format!("orders-{RUN}")).unwrap()
    }

    fn thing(identifier: &str, kind: Kind, status: &str) -> Thing {
        Thing {
            identifier: identifier.to_owned(),
            kind,
            status: status.to_owned(),
            made_at: None,
            tags: copy().tags(),
        }
    }

    fn instance(status: &str, deletion_protection: bool) -> Thing {
        thing(
            &copy().identifier(),
            Kind::Instance { deletion_protection, endpoint: Some(("db.example".to_owned(), 5432)) },
            status,
        )
    }

    #[test]
    fn what_others_made_is_invisible() {
        let ours = [
            instance("available", false),
            thing(&copy().identifier(), Kind::Snapshot, "available"),
            thing(&copy().reencrypted_identifier(), Kind::Snapshot, "available"),
            thing(&copy().secret_name(), Kind::Secret, ""),
        ];
        let untagged = Thing { tags: Tags::new(), ..instance("available", false) };
        let foreign = [
            thing(
                "orders-rescue",
                Kind::Instance { deletion_protection: false, endpoint: None },
                "available",
            ),
            thing("orders-before-migration", Kind::Snapshot, "available"),
            thing("snapferry/orders/other", Kind::Secret, ""),
            thing(&copy().identifier(), Kind::Secret, ""),
            untagged,
        ];
        let orders = copy().replication;
        let all = ours.iter().chain(&foreign).cloned().collect();
        let seen: Vec<_> = owned(all, &orders).into_iter().map(|it| it.thing).collect();
        assert_eq!(seen, ours);
        assert!(owned(ours.to_vec(), &"users".to_owned().try_into().unwrap()).is_empty());
    }

    #[test]
    fn a_protected_or_stopped_instance_goes_across_looks() {
        let verdicts = BTreeMap::from([(copy().run, Verdict::DeleteSuperseded)]);
        let check = |thing: Thing, expected: fn(String) -> Action| {
            let identifier = thing.identifier.clone();
            let actions = plan(&verdicts, &[Owned { run: copy().run, thing }], &BTreeSet::new());
            assert_eq!(actions, [expected(identifier)]);
        };
        check(instance("stopped", true), Action::StartInstance);
        check(instance("starting", true), Action::WaitForInstance);
        check(instance("available", true), Action::UnprotectInstance);
        check(instance("modifying", true), Action::WaitForInstance);
        check(instance("incompatible-parameters", true), Action::UnprotectInstance);
        check(instance("insufficient-capacity", false), Action::DeleteInstance);
        check(instance("available", false), Action::DeleteInstance);
        check(instance("stopped", false), Action::DeleteInstance);
        check(instance("incompatible-restore", false), Action::DeleteInstance);
        check(thing("s", Kind::Snapshot, "copying"), Action::WaitForSnapshot);
        check(thing("s", Kind::Snapshot, "failed"), Action::DeleteSnapshot);
        check(thing("s", Kind::Secret, ""), Action::DeleteSecret);
        let deleting = Owned { run: copy().run, thing: instance("deleting", false) };
        assert_eq!(plan(&verdicts, &[deleting], &BTreeSet::new()), []);
    }

    #[test]
    fn a_snapshot_is_spare_once_its_copy_and_a_newer_one_are_there() {
        let things = |days: &[(u32, &str)]| {
            let thing = |(day, suffix): &(u32, &str)| {
                let copy = Copy::from_identifier(&format!("orders-202611{day:02}t000000z-0000")).unwrap();
                let status = if suffix.ends_with('!') { "creating" } else { "available" };
                let identifier = format!("{}{}", copy.identifier(), suffix.trim_end_matches('!'));
                Thing { tags: copy.tags(), ..thing(&identifier, Kind::Snapshot, status) }
            };
            owned(days.iter().map(thing).collect(), &copy().replication)
        };
        let check = |days: &[(u32, &str)], current: Option<u32>, expected: &[u32]| {
            let run = |day: u32| Run::try_from(format!("202611{day:02}t000000z-0000")).unwrap();
            let expected = expected.iter().map(|day| format!("orders-{}", run(*day))).collect();
            assert_eq!(spare(&things(days), current.map(run).as_ref()), expected, "{days:?}");
        };
        check(&[(1, ""), (1, "-copy"), (2, ""), (2, "-copy")], None, &[1]);
        check(&[(1, ""), (1, "-copy"), (2, ""), (2, "-copy")], Some(1), &[]);
        check(&[(1, ""), (1, "-copy"), (2, ""), (2, "-copy!")], None, &[]);
        check(&[(1, ""), (1, "-copy!"), (2, ""), (2, "-copy")], None, &[]);
        // Under a shareable key there is no second one: the snapshot itself is what the target copies.
        check(&[(1, ""), (2, "")], None, &[]);
        let mut kept = things(&[(1, ""), (1, "-copy"), (2, "-copy")]);
        kept[1].thing.tags.insert(tag::KEEP.to_owned(), String::new());
        assert_eq!(spare(&kept, None), BTreeSet::new());
    }

    #[test]
    fn a_secret_outlives_its_instance_and_a_kept_run_keeps_all() {
        let both = [
            Owned { run: copy().run, thing: instance("available", false) },
            Owned { run: copy().run, thing: thing(&copy().secret_name(), Kind::Secret, "") },
        ];
        let verdict = |verdict| BTreeMap::from([(copy().run, verdict)]);
        assert_eq!(
            plan(&verdict(Verdict::DeleteFailed), &both, &BTreeSet::new()),
            [Action::DeleteInstance(copy().identifier())]
        );
        assert_eq!(plan(&verdict(Verdict::KeepLive), &both, &BTreeSet::new()), []);
        assert_eq!(plan(&BTreeMap::new(), &both, &BTreeSet::new()), []);
    }

    #[test]
    fn the_live_copy_is_known_by_name_or_by_endpoint() {
        let orders = copy().replication;
        let foreign = Thing { identifier: "legacy".to_owned(), ..instance("available", false) };
        let check =
            |identifier: Option<&str>, host: Option<&str>, things: &[Thing], runs: usize, uncertain: bool| {
                let says = Says {
                    db_instance_identifier: identifier.map(str::to_owned),
                    endpoint: host.map(|host| (host.to_owned(), Some(5432))),
                };
                let application = Application { says: Some(says), pinned: Ok(None) };
                let live = live(&application, &orders, things);
                assert_eq!((live.runs.len(), live.uncertain), (runs, uncertain), "{application:?}");
            };
        let (ours, name) = ([instance("available", false)], copy().identifier());
        check(None, None, &ours, 0, false);
        check(Some(&name), Some("DB.example"), &ours, 1, false);
        check(Some(&name), None, &ours, 1, false);
        check(None, Some("db.example"), &ours, 1, false);
        // An alias, a name that is gone, and a name that the host contradicts.
        check(Some(&name), Some("alias.example"), &ours, 1, true);
        check(Some("orders-20261102t000000z-0000"), None, &ours, 0, true);
        check(Some("legacy"), Some("db.example"), &ours, 1, true);
        check(Some("legacy"), Some("db.example"), &[foreign], 0, false);
        let silent = Application { says: None, pinned: Ok(None) };
        assert!(live(&silent, &orders, &ours).uncertain);
        let pinned = Run::try_from("no run".to_owned()).map(Some);
        assert!(live(&Application { says: Some(Says::default()), pinned }, &orders, &ours).uncertain);
    }
}
