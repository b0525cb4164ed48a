//! Decides which copies may be live; sees only its arguments.

use crate::resource::{Kind, Resource};
use replication::retention::Live;
use replication::{ReplicationName, Run, RunId};
use secret::SecretValue;
use step::InvalidIdentifier;

/// Where the application's secret leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer {
    /// Its `dbInstanceIdentifier`.
    pub db_instance_identifier: Option<String>,
    /// Its `host` and `port`.
    pub endpoint: Option<(String, Option<i64>)>,
}

impl Pointer {
    /// Reads it from the secret's value.
    pub fn of(value: &SecretValue) -> Self {
        Self {
            db_instance_identifier: value.db_instance_identifier().map(str::to_owned),
            endpoint: value.endpoint().map(|(host, port)| (host.to_owned(), port)),
        }
    }
}

/// What the application's secret says, in its value and its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationSecret {
    /// Where it leads; `None` when it has no value that can be understood.
    pub pointer: Option<Pointer>,
    /// The run that it is pinned to: an error when that is no run.
    pub pinned: Result<Option<RunId>, InvalidIdentifier>,
}

/// Which copies may be live: the copy that the secret names, even if its DB instance is gone, because its run can be
/// resumed from what is left; and the copy whose endpoint the secret gives, because applications use that. A name or an
/// endpoint that is not known here leaves all good copies in doubt, and so does a secret that says nothing.
pub fn live(secret: &ApplicationSecret, replication: &ReplicationName, resources: &[Resource]) -> Live {
    let nothing = Pointer::default();
    let pointer = secret.pointer.as_ref().unwrap_or(&nothing);
    let is_named = |it: &&Resource| pointer.db_instance_identifier.as_ref() == Some(&it.identifier);
    let is_reached = |it: &&Resource| match (&it.kind, &pointer.endpoint) {
        (Kind::Database { endpoint: Some(endpoint), .. }, Some((host, port))) => {
            endpoint.address.eq_ignore_ascii_case(host)
                && port.is_none_or(|port| port == i64::from(endpoint.port))
        }
        _ => false,
    };
    let databases = || resources.iter().filter(|it| matches!(it.kind, Kind::Database { .. }));
    let (named, reached) = (databases().find(is_named), databases().find(is_reached));
    let names = pointer.db_instance_identifier.iter().chain(reached.map(|it| &it.identifier));
    let runs = names.filter_map(|it| Run::from_identifier(it));
    Live {
        runs: runs.filter(|it| it.replication == *replication).map(|it| it.id).collect(),
        uncertain: secret.pointer.is_none()
            || secret.pinned.is_err()
            || (pointer.db_instance_identifier.is_some() && named.is_none())
            || (pointer.endpoint.is_some() && reached.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::Endpoint;

    #[test]
    fn the_live_copy_is_known_by_name_or_by_endpoint() {
        let run = Run::from_identifier("orders-20261101t000000z-0000").unwrap();
        let instance = |identifier: &str| Resource {
            identifier: identifier.to_owned(),
            kind: Kind::Database {
                protected: false,
                endpoint: Some(Endpoint { address: "db.example".to_owned(), port: 5432 }),
            },
            status: "available".to_owned(),
            created_at: None,
            tags: run.tags(),
        };
        let orders = run.replication.clone();
        let check = |identifier: Option<&str>,
                     host: Option<&str>,
                     resources: &[Resource],
                     runs: usize,
                     uncertain: bool| {
            let pointer = Pointer {
                db_instance_identifier: identifier.map(str::to_owned),
                endpoint: host.map(|host| (host.to_owned(), Some(5432))),
            };
            let secret = ApplicationSecret { pointer: Some(pointer), pinned: Ok(None) };
            let live = live(&secret, &orders, resources);
            assert_eq!((live.runs.len(), live.uncertain), (runs, uncertain), "{secret:?}");
        };
        let name = run.identifier();
        let ours = [instance(&name)];
        check(None, None, &ours, 0, false);
        check(Some(&name), Some("DB.example"), &ours, 1, false);
        check(Some(&name), None, &ours, 1, false);
        check(None, Some("db.example"), &ours, 1, false);
        // An alias, a name that is gone, and a name that the host contradicts.
        check(Some(&name), Some("alias.example"), &ours, 1, true);
        check(Some("orders-20261102t000000z-0000"), None, &ours, 1, true);
        check(Some("legacy"), Some("db.example"), &ours, 1, true);
        check(Some("legacy"), Some("db.example"), &[instance("legacy")], 0, false);
        let silent = ApplicationSecret { pointer: None, pinned: Ok(None) };
        assert!(live(&silent, &orders, &ours).uncertain);
        let pinned = RunId::try_from("no run".to_owned()).map(Some);
        assert!(
            live(&ApplicationSecret { pointer: Some(Pointer::default()), pinned }, &orders, &ours).uncertain
        );
    }
}
