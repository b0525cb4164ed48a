//! Which copy is live, and in which lane.

use super::GroupOfInstance;
use crate::Error;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_support::{SignedClient, find_parameter};
use replication::{Reach, ReplicationName, Run, TargetSettings, UnusableSettings};
use secret::SecretValue;
use serde::Deserialize;

/// The replication whose live copy is followed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LiveCopy {
    /// The replication.
    pub replication: ReplicationName,
    /// The application's secret; one in the replication's settings wins.
    pub application_secret_arn: String,
    /// The target groups that its lanes may use.
    pub target_group_arns: Vec<String>,
}

/// The live copy and the target group of its lane, as the settings and the secret say now. Else why there is nothing to
/// follow, in words.
pub(crate) async fn find(
    ssm: &SignedClient,
    secrets: &Secrets,
    wanted: &LiveCopy,
) -> Result<Result<GroupOfInstance, String>, Error> {
    let replication = &wanted.replication;
    let parameter = find_parameter(ssm, &replication.settings_parameter()).await?;
    let settings = TargetSettings::read(replication, parameter.as_deref())?;
    if let Some(reach @ Reach::NetworkLoadBalancer(_)) = &settings.reach {
        reach.within(&wanted.target_group_arns, &[]).map_err(|it| UnusableSettings::of(replication, it))?;
    }
    let secret = settings.application_secret_arn.as_ref().unwrap_or(&wanted.application_secret_arn);
    let said = secret::read_current(secrets, secret).await?.value();
    Ok(choose(replication, &settings, said.as_ref()))
}

/// The secret names the copy by `dbInstanceIdentifier`, and its lane by `port`.
fn choose(
    replication: &ReplicationName,
    settings: &TargetSettings,
    said: Option<&SecretValue>,
) -> Result<GroupOfInstance, String> {
    let lanes = match &settings.reach {
        Some(Reach::NetworkLoadBalancer(it)) => &it.lanes,
        Some(Reach::DbProxy(_)) => {
            return Err(format!(
                "the lanes of replication {replication} are RDS Proxies, which follow by themselves"
            ));
        }
        None => return Err(format!("the settings of replication {replication} have no reach")),
    };
    let identifier = said.and_then(SecretValue::db_instance_identifier);
    let is_copy = |it: &&str| Run::from_identifier(it).is_some_and(|it| it.replication == *replication);
    let Some(identifier) = identifier.filter(is_copy) else {
        return Err(format!("the application's secret names no copy of replication {replication}"));
    };
    let port = said.and_then(|it| it.endpoint()?.1);
    let lane = lanes.iter().find(|it| port == Some(i64::from(it.port())));
    let Some(lane) = lane else {
        let port = port.map_or_else(|| "no port".to_owned(), |it| format!("port {it}"));
        return Err(format!("the application's secret names {port}, which is no lane of reach"));
    };
    Ok(GroupOfInstance {
        db_instance_identifier: identifier.to_owned(),
        target_group_arn: lane.target_group_arn.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use replication::DbProxy;
    use serde_json::{Value, json};

    const COPY: &str = "orders-20261120t160812z-3f9a";

    fn group(name: &str) -> String {
        format!("arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/{name}/0123456789abcdef")
    }

    fn settings(with_reach: bool) -> TargetSettings {
        let lane = |name, port| json!({"targetGroupArn": group(name), "port": port});
        let mut settings = json!({
            "source": {"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"}
        });
        if with_reach {
            settings["reach"] = json!({"networkLoadBalancer": {"lanes": [lane("a", 6001), lane("b", 6002)]}});
        }
        TargetSettings::from_json(&settings.to_string()).unwrap()
    }

    #[test]
    fn the_secret_names_the_live_copy_and_its_lane() {
        let orders = ReplicationName::try_from("orders".to_owned()).unwrap();
        let check = |with_reach: bool, said: Option<Value>, expected: &str| {
            let said = said.map(|it| SecretValue::parse(&it.to_string()).unwrap());
            let got = match choose(&orders, &settings(with_reach), said.as_ref()) {
                Ok(it) => format!("{} {}", it.db_instance_identifier, it.target_group_arn),
                Err(reason) => reason,
            };
            assert!(got.contains(expected), "{got:?} lacks {expected:?}");
        };
        let says =
            |name: &str, port: Value| Some(json!({"dbInstanceIdentifier": name, "host": "h", "port": port}));
        check(true, says(COPY, json!(6001)), &format!("{COPY} {}", group("a")));
        check(true, says(COPY, json!(6002)), &format!("{COPY} {}", group("b")));
        check(true, says(COPY, json!("6002")), &format!("{COPY} {}", group("b")));
        check(false, says(COPY, json!(6001)), "have no reach");
        let mut by_proxies = settings(false);
        by_proxies.reach = Some(Reach::DbProxy(DbProxy { lanes: Vec::new() }));
        let reason = choose(&orders, &by_proxies, None).err().unwrap();
        assert!(reason.contains("RDS Proxies, which follow by themselves"), "{reason}");
        check(true, says(COPY, json!(5432)), "port 5432, which is no lane");
        check(true, says(COPY, json!(null)), "no port, which is no lane");
        for other in ["orders-prod", "shop-20261120t160812z-3f9a", "orders-20261120t160812z-3f9a-copy", ""] {
            check(true, says(other, json!(6001)), "names no copy of replication orders");
        }
        check(true, Some(json!({})), "names no copy");
        check(true, None, "names no copy");
    }
}
