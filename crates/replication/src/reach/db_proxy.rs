//! Lanes of RDS Proxies.

use crate::names;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use step::InvalidRequest;

/// Two or three RDS Proxies. A new copy takes one that the live copy does not use.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DbProxy {
    /// The lanes, two or three. With three, the way back stands while the next run prepares.
    pub lanes: Vec<DbProxyLane>,
}

/// A lane: a proxy, and the secret that it knows its login by.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DbProxyLane {
    /// The proxy.
    pub db_proxy_name: String,
    /// The full ARN of the lane secret. `RegisterTargets` writes the login of the lane's copy into it.
    pub lane_secret_id: String,
}

impl DbProxy {
    pub(super) fn check(&self) -> Result<(), InvalidRequest> {
        let lanes = &self.lanes;
        if !(2..=3).contains(&lanes.len()) {
            return refuse("lanes", format!("has {} lanes: name two or three", lanes.len()));
        }
        let (mut proxies, mut secrets) = (BTreeSet::new(), BTreeSet::new());
        for (index, DbProxyLane { db_proxy_name: name, lane_secret_id: secret }) in lanes.iter().enumerate() {
            let at = |field: &str| format!("lanes[{index}].{field}");
            if !names::is_instance(name) {
                return refuse(
                    &at("dbProxyName"),
                    format!("{name:?} is not right: name an RDS Proxy, such as orders-a"),
                );
            }
            if !names::is_secret(secret) {
                let problem = format!("{secret:?} is not right: name the full ARN of the lane secret");
                return refuse(&at("laneSecretId"), problem);
            }
            if !proxies.insert(name.to_lowercase()) {
                return refuse(&at("dbProxyName"), "is the proxy of another lane: give each lane its own");
            }
            if !secrets.insert(secret) {
                return refuse(&at("laneSecretId"), "is the secret of another lane: give each lane its own");
            }
        }
        Ok(())
    }

    pub(super) fn within(&self, lane_secret_arns: &[String]) -> Result<(), InvalidRequest> {
        let strange = self.lanes.iter().position(|it| !lane_secret_arns.contains(&it.lane_secret_id));
        match strange {
            None => Ok(()),
            Some(index) => refuse(
                &format!("lanes[{index}].laneSecretId"),
                "is not among the stack's ReachLaneSecretArns: correct it, or add it to that parameter",
            ),
        }
    }
}

fn refuse(field: &str, message: impl Into<String>) -> Result<(), InvalidRequest> {
    Err(InvalidRequest { path: format!("reach.dbProxy.{field}"), message: message.into() })
}

#[cfg(test)]
mod tests {
    use crate::Reach;
    use serde_json::{Value, json};

    fn secret(name: &str) -> String {
        format!("arn:aws:secretsmanager:eu-central-1:222222222222:secret:{name}-AbCdEf")
    }

    fn lane(name: &str) -> Value {
        json!({"dbProxyName": name, "laneSecretId": secret(name)})
    }

    /// The field that is refused.
    fn refused(lanes: Value) -> String {
        let refused = step::parse::<Reach>(json!({"dbProxy": {"lanes": lanes}})).and_then(|it| it.check());
        refused.err().map(|it| it.path.trim_start_matches("reach.dbProxy.").to_owned()).unwrap_or_default()
    }

    #[test]
    fn proxies_that_cannot_be_lanes_are_refused_with_their_path() {
        let check = |lanes: Value, field: &str| assert_eq!(refused(lanes.clone()), field, "{lanes}");
        check(json!([lane("a"), lane("b")]), "");
        check(json!([lane("a"), lane("b"), lane("c")]), "");
        check(json!([lane("a")]), "lanes");
        check(json!([lane("a"), lane("b"), lane("c"), lane("d")]), "lanes");
        check(json!([lane("a"), {"dbProxyName": "A", "laneSecretId": secret("b")}]), "lanes[1].dbProxyName");
        check(json!([lane("a"), {"dbProxyName": "b", "laneSecretId": secret("a")}]), "lanes[1].laneSecretId");
        check(json!([{"dbProxyName": "-", "laneSecretId": secret("a")}, lane("b")]), "lanes[0].dbProxyName");
        check(json!([{"dbProxyName": "a", "laneSecretId": "lane-a"}, lane("b")]), "lanes[0].laneSecretId");
        check(json!([{"dbProxyName": "a"}, lane("b")]), "dbProxy.lanes[0]");
    }

    #[test]
    fn only_lane_secrets_that_the_stack_lists_are_written() {
        let reach: Reach = step::parse(json!({"dbProxy": {"lanes": [lane("a"), lane("b")]}})).unwrap();
        assert!(reach.within(&[], &[secret("b"), secret("a"), secret("c")]).is_ok());
        let refused = reach.within(&[secret("b")], &[secret("a")]).unwrap_err();
        assert_eq!(refused.path, "reach.dbProxy.lanes[1].laneSecretId");
    }
}
