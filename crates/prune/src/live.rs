//! Decides which copies may be live; sees only its arguments.

use crate::lanes::Lanes;
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
///
/// By a load balancer, the port may be that of a lane, and the host the one for all copies: that one tells no copy from
/// another. The host may also be a proxy, which leads to its target.
pub fn live(
    secret: &ApplicationSecret,
    replication: &ReplicationName,
    resources: &[Resource],
    lanes: &Lanes<'_>,
) -> Live {
    let nothing = Pointer::default();
    let pointer = secret.pointer.as_ref().unwrap_or(&nothing);
    let is_named = |it: &&Resource| pointer.db_instance_identifier.as_ref() == Some(&it.identifier);
    let (balancer, proxies) = match lanes {
        Lanes::Nothing => (None, &[][..]),
        Lanes::LoadBalancer(it, _) => (Some(*it), &[][..]),
        Lanes::DbProxies(proxies) => (None, proxies.as_slice()),
    };
    let is_of_lane =
        |port: i64| balancer.is_some_and(|it| it.lanes.iter().any(|lane| i64::from(lane.port()) == port));
    let is_fixed = |(host, port): &(String, Option<i64>)| {
        let fixed = balancer.and_then(|it| it.host.fixed());
        fixed.is_some_and(|it| it.eq_ignore_ascii_case(host)) && port.is_some_and(is_of_lane)
    };
    let named_by_host = pointer.endpoint.as_ref().map(|(host, _)| host.as_str());
    let proxy =
        proxies.iter().find(|it| named_by_host.is_some_and(|host| it.endpoint.eq_ignore_ascii_case(host)));
    let is_reached = |it: &&Resource| match (&it.kind, &pointer.endpoint) {
        (Kind::Database { endpoint: Some(endpoint), .. }, Some((host, port))) => {
            endpoint.address.eq_ignore_ascii_case(host)
                && port.is_none_or(|port| port == i64::from(endpoint.port) || is_of_lane(port))
        }
        _ => false,
    };
    let databases = || resources.iter().filter(|it| matches!(it.kind, Kind::Database { .. }));
    let (named, reached) = (databases().find(is_named), databases().find(is_reached));
    let names = pointer.db_instance_identifier.iter().chain(reached.map(|it| &it.identifier));
    let names = names.chain(proxy.into_iter().flat_map(|it| &it.identifiers));
    let runs = names.filter_map(|it| Run::from_identifier(it));
    Live {
        runs: runs.filter(|it| it.replication == *replication).map(|it| it.id).collect(),
        uncertain: secret.pointer.is_none()
            || secret.pinned.is_err()
            || (pointer.db_instance_identifier.is_some() && named.is_none())
            || pointer
                .endpoint
                .as_ref()
                .is_some_and(|it| reached.is_none() && proxy.is_none() && !is_fixed(it)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::DbProxyLane;
    use database::Endpoint;
    use replication::NetworkLoadBalancer;

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
            let live = live(&secret, &orders, resources, &Lanes::Nothing);
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
        assert!(live(&silent, &orders, &ours, &Lanes::Nothing).uncertain);
        let pinned = RunId::try_from("no run".to_owned()).map(Some);
        let unsure = ApplicationSecret { pointer: Some(Pointer::default()), pinned };
        assert!(live(&unsure, &orders, &ours, &Lanes::Nothing).uncertain);
    }

    #[test]
    fn a_lane_leads_to_the_copy_that_the_secret_names() {
        let run = Run::from_identifier("orders-20261101t000000z-0000").unwrap();
        let ours = [Resource {
            identifier: run.identifier(),
            kind: Kind::Database {
                protected: false,
                endpoint: Some(Endpoint { address: "db.example".to_owned(), port: 5432 }),
            },
            status: "available".to_owned(),
            created_at: None,
            tags: run.tags(),
        }];
        let lane = |name: &str, port: u16| {
            let arn = format!("arn:aws:elasticloadbalancing:x:222222222222:targetgroup/{name}/1");
            serde_json::json!({"targetGroupArn": arn, "port": port})
        };
        let reach = |host: &str| -> NetworkLoadBalancer {
            let lanes = [lane("a", 6001), lane("b", 6002)];
            serde_json::from_value(serde_json::json!({"lanes": lanes, "host": host, "tls": "verifyCa"}))
                .unwrap()
        };
        let check = |host: &str, port: i64, reach: Option<&NetworkLoadBalancer>, uncertain: bool| {
            let pointer = Pointer {
                db_instance_identifier: Some(run.identifier()),
                endpoint: Some((host.to_owned(), Some(port))),
            };
            let secret = ApplicationSecret { pointer: Some(pointer), pinned: Ok(None) };
            let lanes = reach.map_or(Lanes::Nothing, |it| Lanes::LoadBalancer(it, Vec::new()));
            let live = live(&secret, &run.replication, &ours, &lanes);
            assert_eq!((live.runs.len(), live.uncertain), (1, uncertain), "{host}:{port} {reach:?}");
        };
        check("db.example", 6002, Some(&reach("endpoint")), false);
        check("db.example", 6003, Some(&reach("endpoint")), true);
        check("db.example", 6002, None, true);
        check("DB.shop.example", 6001, Some(&reach("db.shop.example")), false);
        check("db.shop.example", 6003, Some(&reach("db.shop.example")), true);
        check("other.example", 6001, Some(&reach("db.shop.example")), true);
    }
    #[test]
    fn a_proxy_leads_to_its_target() {
        let orders = ReplicationName::try_from("orders".to_owned()).unwrap();
        let [first, second] = ["orders-20261101t000000z-0000", "orders-20261102t000000z-0000"];
        let check = |identifier: Option<&str>, host: &str, behind: &[&str], runs: usize, uncertain: bool| {
            let pointer = Pointer {
                db_instance_identifier: identifier.map(str::to_owned),
                endpoint: Some((host.to_owned(), Some(5432))),
            };
            let secret = ApplicationSecret { pointer: Some(pointer), pinned: Ok(None) };
            let identifiers = behind.iter().map(|it| (*it).to_owned()).collect();
            let lane = DbProxyLane { endpoint: "a.proxy-1.example".to_owned(), identifiers };
            let ours = [Resource {
                identifier: first.to_owned(),
                kind: Kind::Database { protected: false, endpoint: None },
                status: "available".to_owned(),
                created_at: None,
                tags: Default::default(),
            }];
            let live = live(&secret, &orders, &ours, &Lanes::DbProxies(vec![lane]));
            assert_eq!(
                (live.runs.len(), live.uncertain),
                (runs, uncertain),
                "{identifier:?} {host} {behind:?}"
            );
        };
        check(Some(first), "A.proxy-1.example", &[first], 1, false);
        // Somebody wrote the identifier of another copy: both may be live.
        check(Some(first), "a.proxy-1.example", &[second], 2, false);
        check(None, "a.proxy-1.example", &[second], 1, false);
        check(Some(first), "a.proxy-1.example", &[], 1, false);
        check(Some(first), "b.proxy-1.example", &[first], 1, true);
    }
}
