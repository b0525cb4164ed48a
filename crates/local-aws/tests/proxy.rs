//! RDS Proxy before a real DB instance.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use support::{Account, shared, text, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

const NAMED: (&str, &str) = ("DBProxyName", "lane-a");
const ORDERS: (&str, &str) = ("DBInstanceIdentifiers.member.1", "orders");

/// Makes a proxy whose role may read its one secret, which holds the master user's password; answers the secret's ARN.
async fn proxy(account: Account<'_>, require_tls: &str) -> String {
    let value = json!({ "username": "Orders_Master", "password": "quite-secret" }).to_string();
    let secret = json!({ "Name": "lane-a", "SecretString": value, "ClientRequestToken": "a".repeat(32) });
    let secret = account.json("secretsmanager", "secretsmanager.CreateSecret", secret).await;
    let secret = secret["ARN"].as_str().unwrap().to_owned();
    account
        .role(
            "Proxy",
            json!([{ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
        "Resource": secret }]),
        )
        .await;
    create(account, &secret, require_tls).await.unwrap();
    until(async || (status(account).await == "available").then_some(())).await;
    secret
}

async fn create(account: Account<'_>, secret: &str, require_tls: &str) -> Result<String, String> {
    let role =
        text(&account.query("iam", "GetRole", &[("RoleName", "Proxy")]).await.unwrap(), "Arn").unwrap();
    let parameters = [
        NAMED,
        ("EngineFamily", "POSTGRESQL"),
        ("Auth.member.1.AuthScheme", "SECRETS"),
        ("Auth.member.1.SecretArn", secret),
        ("RoleArn", &role),
        ("VpcSubnetIds.member.1", "subnet-1"),
        ("VpcSubnetIds.member.2", "subnet-2"),
        ("RequireTLS", require_tls),
    ];
    account.rds("CreateDBProxy", &parameters).await
}

async fn status(account: Account<'_>) -> String {
    text(&account.rds("DescribeDBProxies", &[NAMED]).await.unwrap(), "Status").unwrap()
}

/// The state of the target and its reason.
async fn health(account: Account<'_>) -> (Option<String>, Option<String>) {
    let seen = account.rds("DescribeDBProxyTargets", &[NAMED]).await.unwrap();
    (text(&seen, "State"), text(&seen, "Reason"))
}

async fn is_in(account: Account<'_>, state: &str, reason: Option<&str>) {
    until(async || {
        let (found, why) = health(account).await;
        (found.as_deref() == Some(state) && why.as_deref() == reason).then_some(())
    })
    .await;
}

/// The name of the proxy, and where it leads.
async fn endpoint(account: Account<'_>) -> (String, String) {
    let name = text(&account.rds("DescribeDBProxies", &[NAMED]).await.unwrap(), "Endpoint").unwrap();
    let (_, led) = shared().look(&format!("names/address?name={name}")).await;
    let led: Value = serde_json::from_str(&led).unwrap();
    (name, led["address"].as_str().unwrap().to_owned())
}

/// Logs in without TLS.
async fn log_in(account: Account<'_>, username: &str, password: &str) -> sqlx::Result<PgConnection> {
    let options =
        PgConnectOptions::new_without_pgpass().host(&endpoint(account).await.1).database("postgres");
    let options = options.username(username).password(password).ssl_mode(PgSslMode::Disable);
    PgConnection::connect_with(&options).await
}

fn told(error: sqlx::Error) -> String {
    error.into_database_error().expect("the proxy says why").message().to_owned()
}

// Rule of AWS: a proxy lets in whom its secret names, and its target is healthy once that login works.
#[tokio::test]
async fn a_proxy_leads_to_its_target_with_the_password_of_its_secret() {
    let account = shared().account("700000000001");
    account.create("orders", &[]).await;
    let secret = proxy(account, "false").await;
    let described = account.rds("DescribeDBProxies", &[NAMED]).await.unwrap();
    let endpoint = text(&described, "Endpoint").unwrap();
    assert!(endpoint.starts_with("lane-a.proxy-") && endpoint.ends_with(".eu-central-1.rds.amazonaws.com"));
    assert_eq!(create(account, &secret, "false").await.unwrap_err(), "DBProxyAlreadyExistsFault");
    assert_eq!(health(account).await, (None, None));
    let registered = account.rds("RegisterDBProxyTargets", &[NAMED, ORDERS]).await.unwrap();
    assert_eq!(text(&registered, "State").as_deref(), Some("REGISTERING"));
    is_in(account, "AVAILABLE", None).await;

    let mut connection = log_in(account, "Orders_Master", "quite-secret").await.unwrap();
    let user: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut connection).await.unwrap();
    assert_eq!(user, "Orders_Master");
    let wrong = log_in(account, "Orders_Master", "wrong-secret").await.unwrap_err();
    assert_eq!(told(wrong), "The password that was provided for the role Orders_Master is wrong.");
    let unknown = log_in(account, "somebody", "quite-secret").await.unwrap_err();
    assert!(told(unknown).starts_with("This RDS proxy has no credentials for the role somebody."));

    account.rds("DeregisterDBProxyTargets", &[NAMED, ORDERS]).await.unwrap();
    until(async || connection.ping().await.err()).await;
    assert_eq!(health(account).await, (None, None));
}

// Rule of AWS: a proxy has a certificate for its own name, and refuses clients without TLS if it is asked to.
#[tokio::test]
async fn a_proxy_offers_tls_for_its_own_name() {
    let account = shared().account("700000000005");
    account.create("orders", &[]).await;
    proxy(account, "true").await;
    account.rds("RegisterDBProxyTargets", &[NAMED, ORDERS]).await.unwrap();
    let plain = log_in(account, "Orders_Master", "quite-secret").await.unwrap_err();
    assert_eq!(told(plain), "This RDS Proxy requires TLS connections");

    let mut roots = RootCertStore::empty();
    let authority = std::fs::read(shared().authority()).unwrap();
    roots.add(CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let (name, address) = endpoint(account).await;
    let connect = async |name: &str| {
        let mut client = TcpStream::connect((address.as_str(), 5432)).await?;
        // SSLRequest, which the proxy answers with S.
        client.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await?;
        assert_eq!(client.read_u8().await?, b'S');
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::clone(&config)).connect(name, client).await
    };
    connect("orders.example.com").await.unwrap_err();
    let mut client = connect(&name).await.unwrap();
    // StartupMessage; then the proxy asks for the password as it is, and lets the client in.
    let parameters = b"\0\x03\0\0user\0Orders_Master\0database\0postgres\0\0";
    client.write_i32(i32::try_from(parameters.len()).unwrap() + 4).await.unwrap();
    client.write_all(parameters).await.unwrap();
    let mut asked = [0; 9];
    client.read_exact(&mut asked).await.unwrap();
    assert_eq!(asked, *b"R\0\0\0\x08\0\0\0\x03");
    client.write_all(b"p\0\0\0\x11quite-secret\0").await.unwrap();
    client.read_exact(&mut asked).await.unwrap();
    assert_eq!(asked, *b"R\0\0\0\x08\0\0\0\0");
}

// Rule of AWS: a secret that is stale makes the target unavailable, and the proxy compares with the new one at once.
#[tokio::test]
async fn a_stale_secret_is_an_auth_failure_until_the_database_has_its_password() {
    let account = shared().account("700000000002");
    account.create("orders", &[]).await;
    let secret = proxy(account, "false").await;
    account.rds("RegisterDBProxyTargets", &[NAMED, ORDERS]).await.unwrap();
    is_in(account, "AVAILABLE", None).await;
    let value = json!({ "username": "Orders_Master", "password": "another-secret" }).to_string();
    let put = json!({ "SecretId": secret, "SecretString": value, "ClientRequestToken": "b".repeat(32) });
    account.json("secretsmanager", "secretsmanager.PutSecretValue", put).await;
    is_in(account, "UNAVAILABLE", Some("AUTH_FAILURE")).await;
    let old = log_in(account, "Orders_Master", "quite-secret").await.unwrap_err();
    assert_eq!(told(old), "The password that was provided for the role Orders_Master is wrong.");
    let named = ("DBInstanceIdentifier", "orders");
    account.rds("ModifyDBInstance", &[named, ("MasterUserPassword", "another-secret")]).await.unwrap();
    is_in(account, "AVAILABLE", None).await;
    log_in(account, "Orders_Master", "another-secret").await.unwrap();

    account.put_policy("Proxy", json!([{ "Effect": "Deny", "Action": "*", "Resource": "*" }])).await;
    is_in(account, "UNAVAILABLE", Some("AUTH_FAILURE")).await;
}

// Rule of AWS: the faults of RDS Proxy's API.
#[tokio::test]
async fn a_proxy_has_one_target_and_refuses_as_on_aws() {
    let account = shared().account("700000000003");
    account.create("orders", &[]).await;
    account.create("payroll", &[]).await;
    let payroll = ("DBInstanceIdentifiers.member.1", "payroll");
    let refused = async |action: &str, parameters: &[(&str, &str)]| {
        account.rds(action, parameters).await.expect_err(action)
    };
    assert_eq!(refused("DescribeDBProxies", &[NAMED]).await, "DBProxyNotFoundFault");
    assert_eq!(refused("DescribeDBProxyTargets", &[NAMED]).await, "DBProxyNotFoundFault");
    assert_eq!(refused("RegisterDBProxyTargets", &[NAMED, ORDERS]).await, "DBProxyNotFoundFault");
    proxy(account, "true").await;
    let groups = account.rds("DescribeDBProxyTargetGroups", &[NAMED]).await.unwrap();
    assert_eq!(text(&groups, "TargetGroupName").as_deref(), Some("default"));
    let other = ("TargetGroupName", "other");
    assert_eq!(
        refused("RegisterDBProxyTargets", &[NAMED, ORDERS, other]).await,
        "DBProxyTargetGroupNotFoundFault"
    );
    assert_eq!(refused("DeregisterDBProxyTargets", &[NAMED, ORDERS]).await, "DBProxyTargetNotFoundFault");
    let missing = ("DBInstanceIdentifiers.member.1", "missing");
    assert_eq!(refused("RegisterDBProxyTargets", &[NAMED, missing]).await, "DBInstanceNotFound");
    account.rds("RegisterDBProxyTargets", &[NAMED, ORDERS]).await.unwrap();
    for again in [ORDERS, payroll] {
        assert_eq!(
            refused("RegisterDBProxyTargets", &[NAMED, again]).await,
            "DBProxyTargetAlreadyRegisteredFault"
        );
    }
    let deleted = [("DBInstanceIdentifier", "orders"), ("SkipFinalSnapshot", "true")];
    account.rds("DeleteDBInstance", &deleted).await.unwrap();
    until(async || (health(account).await.0.is_none()).then_some(())).await;
    account.rds("DeleteDBProxy", &[NAMED]).await.unwrap();
    assert_eq!(refused("DeleteDBProxy", &[NAMED]).await, "DBProxyNotFoundFault");
}

// Rule of IAM: the ARNs of proxies and target groups hold ids, and the DB instance is asked about too.
#[tokio::test]
async fn a_role_registers_a_target_only_with_the_group_and_the_db_instance_allowed() {
    let account = shared().account("700000000004");
    account.create("orders", &[]).await;
    proxy(account, "true").await;
    let groups = account.rds("DescribeDBProxyTargetGroups", &[NAMED]).await.unwrap();
    let group = text(&groups, "TargetGroupArn").unwrap();
    assert!(group.contains(":target-group:prx-tg-"), "{group}");
    let statement = |resources: &[&str]| json!([{ "Effect": "Allow", "Action": "rds:RegisterDBProxyTargets", "Resource": resources }]);
    let orders = "arn:aws:rds:eu-central-1:700000000004:db:orders";
    let role = account.role("Registers", statement(&[&group])).await;
    let role = shared().account(&role);
    assert_eq!(role.rds("RegisterDBProxyTargets", &[NAMED, ORDERS]).await.unwrap_err(), "AccessDenied");
    account.put_policy("Registers", statement(&[&group, orders])).await;
    until(async || role.rds("RegisterDBProxyTargets", &[NAMED, ORDERS]).await.ok()).await;
}
