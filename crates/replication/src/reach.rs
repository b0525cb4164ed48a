//! The way by which applications of other networks reach the live copy.

mod db_proxy;

pub use db_proxy::{DbProxy, DbProxyLane};

use crate::names;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use step::{Bounded, InvalidRequest};

/// The path that leads to the live copy and follows each cut-over and rollback: exactly one of these.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// A Network Load Balancer.
    NetworkLoadBalancer(NetworkLoadBalancer),
    /// RDS Proxies.
    DbProxy(DbProxy),
}

/// Two or three listeners of Network Load Balancers. A new copy takes one that the live copy does not use.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkLoadBalancer {
    /// The lanes, two or three. With three, the way back stands while the next run prepares.
    pub lanes: Vec<Lane>,
    /// What `host` says in the application's secret: `endpoint`, which is the copy's own RDS name, or a DNS name.
    #[serde(default)]
    pub host: Host,
    /// How far the certificate is checked through the path.
    #[serde(default)]
    pub tls: PathTls,
    /// The security group of the load balancer, which errors name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_security_group_id: Option<String>,
}

/// A lane: a port of a load balancer, and the target group that its listener forwards to.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lane {
    /// The target group.
    pub target_group_arn: String,
    /// The listener's port.
    pub port: Bounded<1, 65_535>,
}

impl Lane {
    /// The listener's port.
    pub fn port(&self) -> u16 {
        u16::try_from(self.port.as_u64()).unwrap_or(u16::MAX)
    }
}

/// What applications find as `host`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Host(String);

const ENDPOINT: &str = "endpoint";

impl Default for Host {
    fn default() -> Self {
        Self(ENDPOINT.to_owned())
    }
}

impl Host {
    /// The one name for all copies; `None` when each copy has its own.
    pub fn fixed(&self) -> Option<&str> {
        (self.0 != ENDPOINT).then_some(self.0.as_str())
    }

    /// The name for the copy whose endpoint has this address.
    pub fn of_copy<'a>(&'a self, endpoint: &'a str) -> &'a str {
        self.fixed().unwrap_or(endpoint)
    }
}

/// How far the certificate is checked through a path.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathTls {
    /// Its authority and its name.
    #[default]
    VerifyFull,
    /// Its authority alone.
    VerifyCa,
}

/// The lane that a copy holds: `RegisterTargets` answers it, and `PromoteSecret` writes it into the application's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldLane {
    /// The own name of the load balancer or proxy.
    pub address: String,
    /// What applications find as `host`.
    pub host: String,
    /// What applications find as `port`.
    pub port: u16,
    /// What leads to the copy alone.
    pub held_in: HeldIn,
}

/// What leads to a copy alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum HeldIn {
    /// A target group of a load balancer.
    TargetGroup {
        /// The target group.
        target_group_arn: String,
        /// The addresses of the copy, which are the only targets.
        target_ids: BTreeSet<String>,
    },
    /// A proxy.
    DbProxy {
        /// The proxy, whose only target is the copy.
        db_proxy_name: String,
    },
}

/// A way to a database: where to connect, whom the certificate must name, and who logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReachPath {
    /// The DNS name or address that is connected to.
    pub address: String,
    /// The port.
    pub port: u16,
    /// The name that the certificate must hold; the host of the database's secret when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_name: Option<String>,
    /// How far to check the certificate.
    #[serde(default)]
    pub tls: PathTls,
    /// The login that this way is for, below `logins` in the database's secret; the master user when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}

/// A place that somebody logged in through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProvenPath {
    /// Where the login connected to.
    pub address: String,
    /// The port.
    pub port: u16,
}

impl HeldLane {
    /// Whether somebody logged in through it.
    pub fn is_proven(&self, proven: &[ProvenPath]) -> bool {
        proven.iter().any(|it| it.address == self.address && it.port == self.port)
    }
}

impl Reach {
    /// What cannot work whatever the account: the path, and what is wrong there.
    pub(crate) fn check(&self) -> Result<(), InvalidRequest> {
        match self {
            Self::NetworkLoadBalancer(it) => it.check(),
            Self::DbProxy(it) => it.check(),
        }
    }

    /// Refuses lanes that the stack may not use: those whose target group or lane secret it does not list.
    pub fn within(
        &self,
        target_group_arns: &[String],
        lane_secret_arns: &[String],
    ) -> Result<(), InvalidRequest> {
        match self {
            Self::NetworkLoadBalancer(it) => it.within(target_group_arns),
            Self::DbProxy(it) => it.within(lane_secret_arns),
        }
    }
}

impl NetworkLoadBalancer {
    fn check(&self) -> Result<(), InvalidRequest> {
        let Self { lanes, host, tls, load_balancer_security_group_id } = self;
        if !(2..=3).contains(&lanes.len()) {
            return refuse("lanes", format!("has {} lanes: name two or three", lanes.len()));
        }
        let (mut groups, mut ports) = (BTreeSet::new(), BTreeSet::new());
        for (index, lane) in lanes.iter().enumerate() {
            let arn = &lane.target_group_arn;
            if !names::is_target_group(arn) {
                let problem = format!("{arn:?} is not right: name the ARN of a target group");
                return refuse(&format!("lanes[{index}].targetGroupArn"), problem);
            }
            if !groups.insert(arn) {
                return refuse(
                    &format!("lanes[{index}].targetGroupArn"),
                    "is the target group of another lane: give each lane its own",
                );
            }
            if !ports.insert(lane.port) {
                return refuse(
                    &format!("lanes[{index}].port"),
                    "is the port of another lane: give each lane its own",
                );
            }
        }
        if let Some(host) = host.fixed() {
            if !names::is_dns_name(host) {
                return refuse("host", format!("{host:?} is not right: write endpoint, or a DNS name"));
            }
            if *tls == PathTls::VerifyFull {
                let problem = "must be verifyCa while host is a name of your own: no certificate of RDS bears that name";
                return refuse("tls", problem);
            }
        }
        match load_balancer_security_group_id {
            Some(id) if !names::is_security_group(id) => refuse(
                "loadBalancerSecurityGroupId",
                format!("{id:?} is not right: name an id such as sg-0123456789abcdef0"),
            ),
            _ => Ok(()),
        }
    }

    fn within(&self, target_group_arns: &[String]) -> Result<(), InvalidRequest> {
        let strange = self.lanes.iter().position(|it| !target_group_arns.contains(&it.target_group_arn));
        match strange {
            None => Ok(()),
            Some(index) => refuse(
                &format!("lanes[{index}].targetGroupArn"),
                "is not among the stack's ReachTargetGroupArns: correct it, or add it to that parameter",
            ),
        }
    }
}

fn refuse(field: &str, message: impl Into<String>) -> Result<(), InvalidRequest> {
    Err(InvalidRequest { path: format!("reach.networkLoadBalancer.{field}"), message: message.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn group(name: &str) -> String {
        format!("arn:aws:elasticloadbalancing:eu-central-1:222222222222:targetgroup/{name}/0123456789abcdef")
    }

    fn lane(name: &str, port: u16) -> Value {
        json!({"targetGroupArn": group(name), "port": port})
    }

    fn reach(lanes: Value) -> Value {
        json!({"networkLoadBalancer": { "lanes": lanes }})
    }

    /// The field that is refused.
    fn refused(settings: Value) -> String {
        match step::parse::<Reach>(settings).and_then(|it| it.check()) {
            Ok(()) => String::new(),
            Err(refused) => refused.path.trim_start_matches("reach.networkLoadBalancer.").to_owned(),
        }
    }

    #[test]
    fn lanes_that_cannot_work_are_refused_with_their_path() {
        let check = |lanes: Value, field: &str| assert_eq!(refused(reach(lanes.clone())), field, "{lanes}");
        check(json!([lane("a", 5432), lane("b", 5433)]), "");
        check(json!([lane("a", 1), lane("b", 65_535), lane("c", 3)]), "");
        check(json!([lane("a", 5432)]), "lanes");
        check(json!([lane("a", 1), lane("b", 2), lane("c", 3), lane("d", 4)]), "lanes");
        check(json!([lane("a", 5432), lane("a", 5433)]), "lanes[1].targetGroupArn");
        check(json!([lane("a", 5432), lane("b", 5432)]), "lanes[1].port");
        let wrong = json!({"targetGroupArn": "orders-a", "port": 5432});
        check(json!([wrong, lane("b", 5433)]), "lanes[0].targetGroupArn");
        check(json!([lane("a", 0), lane("b", 5433)]), "networkLoadBalancer.lanes[0].port");
    }

    #[test]
    fn a_host_of_ones_own_gives_up_the_name_in_the_certificate_and_says_so() {
        let check = |key: &str, value: Value, tls: Option<&str>, field: &str| {
            let mut settings = reach(json!([lane("a", 5432), lane("b", 5433)]));
            settings["networkLoadBalancer"][key] = value.clone();
            if let Some(tls) = tls {
                settings["networkLoadBalancer"]["tls"] = json!(tls);
            }
            assert_eq!(refused(settings), field, "{key} {value} {tls:?}");
        };
        check("host", json!("endpoint"), None, "");
        check("host", json!("endpoint"), Some("verifyCa"), "");
        check("host", json!("db.shop.example"), Some("verifyCa"), "");
        check("host", json!("db.shop.example"), None, "tls");
        check("host", json!("db.shop.example"), Some("verifyFull"), "tls");
        for host in ["db shop", "10.0.0.1", "db_shop.example", "", "shop..example", "-db.example"] {
            check("host", json!(host), Some("verifyCa"), "host");
        }
        check("loadBalancerSecurityGroupId", json!("sg-1"), None, "");
        check("loadBalancerSecurityGroupId", json!("default"), None, "loadBalancerSecurityGroupId");
        check("dbProxy", json!({}), None, "networkLoadBalancer.dbProxy");
    }

    #[test]
    fn exactly_one_kind_of_path_is_named() {
        let lanes = json!({"lanes": [lane("a", 5432), lane("b", 5433)]});
        let kinds = |reach: Value| step::parse::<Reach>(reach).map_err(|it| it.message);
        assert!(kinds(json!({"networkLoadBalancer": lanes})).is_ok());
        let both = json!({"networkLoadBalancer": lanes, "dbProxy": {"lanes": []}});
        assert!(kinds(both).unwrap_err().contains("single key"));
        assert!(kinds(json!({})).is_err());
        assert!(kinds(json!({"lattice": lanes})).unwrap_err().contains("expected `networkLoadBalancer`"));
    }

    #[test]
    fn only_lanes_that_the_stack_lists_are_used() {
        let reach: Reach = step::parse(reach(json!([lane("a", 5432), lane("b", 5433)]))).unwrap();
        assert!(reach.within(&[group("b"), group("a"), group("c")], &[]).is_ok());
        let refused = reach.within(&[group("a")], &[]).unwrap_err();
        assert_eq!(refused.path, "reach.networkLoadBalancer.lanes[1].targetGroupArn");
        assert_eq!(
            reach.within(&[], &[]).unwrap_err().path,
            "reach.networkLoadBalancer.lanes[0].targetGroupArn"
        );
    }

    #[test]
    fn the_host_is_the_copys_own_name_unless_one_is_fixed() {
        assert_eq!(Host::default().of_copy("orders.rds"), "orders.rds");
        let fixed = Host("db.shop.example".to_owned());
        assert_eq!(
            (fixed.of_copy("orders.rds"), fixed.fixed()),
            ("db.shop.example", Some("db.shop.example"))
        );
        assert_eq!(Host::default().fixed(), None);
    }

    #[test]
    fn a_lane_is_proven_by_a_login_through_its_own_address_and_port() {
        let lane = HeldLane {
            address: "nlb.example".to_owned(),
            host: "orders.rds".to_owned(),
            port: 5433,
            held_in: HeldIn::DbProxy { db_proxy_name: "orders-a".to_owned() },
        };
        let proven = |address: &str, port| [ProvenPath { address: address.to_owned(), port }];
        assert!(lane.is_proven(&proven("nlb.example", 5433)));
        assert!(!lane.is_proven(&proven("nlb.example", 5432)));
        assert!(!lane.is_proven(&proven("orders.rds", 5433)));
        assert!(!lane.is_proven(&[]));
    }
}
