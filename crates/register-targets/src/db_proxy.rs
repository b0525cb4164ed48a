//! Decides whether an RDS Proxy can be a lane; sees only its arguments.

use crate::Error;
use replication::DbProxyLane;
use replication::engine::proxy_family;
use target_group::db_proxy::DbProxySeen;

/// Refuses a lane that no copy could be reached by. `vpc_id` is the VPC of copies and `engine` their engine, when they
/// are known.
pub fn can_be_lane(
    lane: &DbProxyLane,
    seen: Option<&DbProxySeen>,
    vpc_id: Option<&str>,
    engine: Option<&str>,
) -> Result<(), Error> {
    match problem(lane, seen, vpc_id, engine) {
        Some(problem) => {
            Err(Error::ReachNotUsable { lane: format!("RDS Proxy {}", lane.db_proxy_name), problem })
        }
        None => Ok(()),
    }
}

fn problem(
    lane: &DbProxyLane,
    seen: Option<&DbProxySeen>,
    vpc_id: Option<&str>,
    engine: Option<&str>,
) -> Option<String> {
    let Some(proxy) = seen else {
        return Some(
            "it does not exist in this account and Region: correct reach in the replication's settings"
                .to_owned(),
        );
    };
    if proxy.status != "available" {
        return Some(format!("it is {}, not available: wait for it, or make another one", proxy.status));
    }
    if let Some(engine) = engine {
        let Some((family, _)) = proxy_family(engine) else {
            return Some(format!("RDS Proxy does not serve {engine}: take reach out of the settings"));
        };
        if proxy.engine_family != family {
            let own = &proxy.engine_family;
            return Some(format!("it is of the family {own}, but {engine} needs {family}: make one of that"));
        }
    }
    if let Some(vpc_id) = vpc_id.filter(|it| *it != proxy.vpc_id) {
        let own = &proxy.vpc_id;
        return Some(format!("it is in {own}, but copies are in {vpc_id}: make one in the VPC of copies"));
    }
    if !proxy.requires_tls {
        return Some("it lets clients in without TLS: set its RequireTLS".to_owned());
    }
    if proxy.role_arn.is_empty() {
        return Some("it has no role to read its secrets with: give it one".to_owned());
    }
    if proxy.takes_iam_tokens {
        return Some("it wants tokens of IAM in place of passwords: set its IAMAuth to DISABLED".to_owned());
    }
    let secret = &lane.lane_secret_id;
    if !proxy.secret_arns.contains(secret) {
        return Some(format!(
            "it does not know secret {secret}: name that secret in its Auth, or correct laneSecretId"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:us-east-1:222222222222:secret:lane-a-AbCdEf";

    fn good() -> DbProxySeen {
        DbProxySeen {
            endpoint: "lane-a.proxy-1.example".to_owned(),
            status: "available".to_owned(),
            engine_family: "POSTGRESQL".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            requires_tls: true,
            role_arn: "arn:aws:iam::222222222222:role/proxy".to_owned(),
            secret_arns: vec!["arn:other".to_owned(), SECRET.to_owned()],
            takes_iam_tokens: false,
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_a_lane_is_told_with_its_cure() {
        let lane = DbProxyLane { db_proxy_name: "lane-a".to_owned(), lane_secret_id: SECRET.to_owned() };
        let check = |seen: Option<DbProxySeen>, vpc_id: Option<&str>, engine: Option<&str>, part: &str| {
            let problem = problem(&lane, seen.as_ref(), vpc_id, engine).unwrap_or_default();
            let is_right = problem.contains(part) && problem.is_empty() == part.is_empty();
            assert!(is_right, "{problem} lacks {part}");
        };
        check(Some(good()), None, None, "");
        check(Some(good()), Some("vpc-1"), Some("postgres"), "");
        check(None, None, None, "does not exist");
        let creating = DbProxySeen { status: "creating".to_owned(), ..good() };
        check(Some(creating), None, None, "it is creating, not available");
        check(Some(good()), None, Some("mariadb"), "of the family POSTGRESQL, but mariadb needs MYSQL");
        check(Some(good()), None, Some("oracle-ee"), "does not serve oracle-ee");
        check(Some(good()), Some("vpc-2"), None, "it is in vpc-1, but copies are in vpc-2");
        check(Some(DbProxySeen { requires_tls: false, ..good() }), None, None, "RequireTLS");
        check(Some(DbProxySeen { role_arn: String::new(), ..good() }), None, None, "no role");
        check(Some(DbProxySeen { takes_iam_tokens: true, ..good() }), None, None, "IAMAuth");
        let of_others = DbProxySeen { secret_arns: vec!["arn:other".to_owned()], ..good() };
        check(Some(of_others), None, None, "does not know secret arn:aws:secretsmanager");
    }
}
