//! RDS Proxies as lanes, as reach-proxy-lanes.yaml describes them: the local AWS makes none from a template.

use crate::network::element_of;
use crate::{Account, Network, POSTGRES, eventually};
use anyhow::{Context, Result};
use aws_sdk_rds::types::{AuthScheme, EngineFamily, IamAuthMode, UserAuthConfig};
use serde_json::{Value, json};

/// The lanes, in words of that template's outputs.
pub(crate) struct DbProxies {
    pub(crate) database_security_group_id: String,
    pub(crate) db_proxy_arns: String,
    pub(crate) lane_secret_arns: String,
    pub(crate) lanes: String,
}

/// Makes two proxies in the network of the account.
pub(crate) async fn make(account: &Account, network: &Network) -> Result<DbProxies> {
    let proxies = account.security_group(&network.vpc_id, "proxies").await?;
    account.let_in(&proxies, &network.verify_group, POSTGRES).await?;
    let databases = account.security_group(&network.vpc_id, "behind-proxies").await?;
    account.let_in(&databases, &proxies, POSTGRES).await?;

    let (mut arns, mut secrets, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    for name in ["orders-a", "orders-b"] {
        let nobody = json!({"username": "nobody", "password": "nothing"}).to_string();
        let create = account.secrets.create_secret().name(format!("lane-{name}")).secret_string(nobody);
        secrets.push(create.send().await?.arn.context("a secret has an ARN")?);
    }
    let role = account.role_of_proxies(&secrets).await?;
    for (name, secret) in ["orders-a", "orders-b"].into_iter().zip(&secrets) {
        let auth = UserAuthConfig::builder().auth_scheme(AuthScheme::Secrets).secret_arn(secret);
        let create =
            account.rds.create_db_proxy().db_proxy_name(name).engine_family(EngineFamily::Postgresql);
        let create =
            create.auth(auth.iam_auth(IamAuthMode::Disabled).build()).role_arn(&role).require_tls(true);
        let create = create.set_vpc_subnet_ids(Some(network.subnet_ids.clone()));
        let made = create.vpc_security_group_ids(&proxies).send().await?.db_proxy;
        arns.push(made.and_then(|it| it.db_proxy_arn).context("a proxy has an ARN")?);
        let group = account.rds.describe_db_proxy_target_groups().db_proxy_name(name).send().await?;
        let group = group.target_groups.and_then(|it| it.into_iter().next()?.target_group_arn);
        arns.push(group.context("a proxy has a target group")?);
        lanes.push(json!({"dbProxyName": name, "laneSecretId": secret}));
    }
    eventually("proxies to be available", || async {
        let proxies = account.rds.describe_db_proxies().send().await?.db_proxies.unwrap_or_default();
        let are_ready =
            proxies.iter().all(|it| it.status.as_ref().is_some_and(|it| it.as_str() == "available"));
        Ok(are_ready.then_some(()))
    })
    .await?;
    Ok(DbProxies {
        database_security_group_id: databases,
        db_proxy_arns: arns.join(","),
        lane_secret_arns: secrets.join(","),
        lanes: Value::from(lanes).to_string(),
    })
}

impl Account {
    /// The role by which proxies read these secrets; its ARN.
    async fn role_of_proxies(&self, secret_arns: &[String]) -> Result<String> {
        let assume = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        let read = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret_arns,
        }]});
        let (assume, read) = (assume.to_string(), read.to_string());
        let role = [("RoleName", "proxies"), ("AssumeRolePolicyDocument", assume.as_str())];
        let made = self.query("iam", "2010-05-08", "CreateRole", &role).await?;
        let policy = [("RoleName", "proxies"), ("PolicyName", "Proxy"), ("PolicyDocument", read.as_str())];
        self.query("iam", "2010-05-08", "PutRolePolicy", &policy).await?;
        element_of(&made, "Arn").with_context(|| format!("a role has an ARN: {made}"))
    }
}
