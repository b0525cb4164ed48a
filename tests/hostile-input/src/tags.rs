//! Tags of things that anybody made.

use prune::plan::{plan, redundant_snapshots};
use prune::resource::{Kind, Resource, owned};
use replication::retention::Verdict;
use replication::{ReplicationName, RunId, tag};
use std::collections::{BTreeMap, BTreeSet};
use step::Tags;

/// Nothing is Snapferry's but what has exactly the name that follows from its tags, and only that is deleted.
///
/// A line for each thing: its kind, its name and its tags, parted by tabs. Answers whether any is Snapferry's.
pub fn tags(text: &str) -> bool {
    let replication: ReplicationName = "orders".to_owned().try_into().unwrap();
    let ours = owned(text.lines().filter_map(resource).collect(), &replication);
    let mut names = BTreeSet::new();
    for it in &ours {
        let (name, run) = (&it.resource.identifier, &it.run);
        let expected = match it.resource.kind {
            Kind::Secret => vec![format!("snapferry/orders/{run}")],
            _ => vec![format!("orders-{run}"), format!("orders-{run}-copy")],
        };
        assert!(expected.contains(name), "{name:?} is not one of {expected:?}");
        assert_eq!(it.resource.tags.get(tag::RUN).map(String::as_str), Some(run.as_str()));
        assert_eq!(it.resource.tags.get(tag::MADE_BY).map(String::as_str), Some("snapferry"));
        names.insert(name.as_str());
    }
    let runs: BTreeSet<RunId> = ours.iter().map(|it| it.run.clone()).collect();
    let verdicts: BTreeMap<RunId, Verdict> =
        runs.into_iter().map(|run| (run, Verdict::DeleteSuperseded)).collect();
    for action in plan(&verdicts, &ours, &redundant_snapshots(&ours, None)) {
        let action = action.to_string();
        let (_, name) = action.split_once(':').unwrap();
        assert!(names.contains(name), "{name:?} is not ours");
    }
    !ours.is_empty()
}

fn resource(line: &str) -> Option<Resource> {
    let mut words = line.split('\t');
    let kind = match words.next()? {
        "instance" => Kind::Database { protected: false, endpoint: None },
        "snapshot" => Kind::Snapshot,
        _ => Kind::Secret,
    };
    let identifier = words.next()?.to_owned();
    let pair = |it: &str| it.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let tags: Tags = words.filter_map(pair).collect();
    Some(Resource { identifier, kind, status: "available".to_owned(), created_at: None, tags })
}
