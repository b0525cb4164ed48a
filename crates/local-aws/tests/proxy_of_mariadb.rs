//! RDS Proxy before a real MariaDB. Where the machine lacks it, these tests say so.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sqlx::{
    Connection, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode},
};
use support::{Account, mariadb, shared, text, until};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
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

const PASSWORD: &str = "quite-secret";
const NAMED: (&str, &str) = ("DBProxyName", "lane-a");

/// A MariaDB behind a proxy whose secret says its master user's password; the secret's ARN.
async fn behind_proxy(account: Account<'_>, require_tls: &str) -> String {
    let master =
        [("Engine", "mariadb"), ("MasterUsername", "Orders_Master"), ("MasterUserPassword", PASSWORD)];
    let rest =
        [("DBInstanceIdentifier", "orders"), ("DBInstanceClass", "db.t4g.micro"), ("DBName", "orders")];
    let backups = [("BackupRetentionPeriod", "0")];
    account.rds("CreateDBInstance", &[&master[..], &rest[..], &backups[..]].concat()).await.unwrap();
    account.instance("orders").await;
    let value = json!({ "username": "Orders_Master", "password": PASSWORD }).to_string();
    let secret = json!({ "Name": "lane-a", "SecretString": value, "ClientRequestToken": "a".repeat(32) });
    let secret = account.json("secretsmanager", "secretsmanager.CreateSecret", secret).await;
    let secret = secret["ARN"].as_str().unwrap().to_owned();
    let read = json!([{ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret }]);
    account.role("Proxy", read).await;
    let role =
        text(&account.query("iam", "GetRole", &[("RoleName", "Proxy")]).await.unwrap(), "Arn").unwrap();
    let parameters = [
        NAMED,
        ("EngineFamily", "MYSQL"),
        ("Auth.member.1.AuthScheme", "SECRETS"),
        ("Auth.member.1.SecretArn", secret.as_str()),
        ("RoleArn", &role),
        ("VpcSubnetIds.member.1", "subnet-1"),
        ("VpcSubnetIds.member.2", "subnet-2"),
        ("RequireTLS", require_tls),
    ];
    account.rds("CreateDBProxy", &parameters).await.unwrap();
    until(async || {
        let described = account.rds("DescribeDBProxies", &[NAMED]).await.unwrap();
        (text(&described, "Status").as_deref() == Some("available")).then_some(())
    })
    .await;
    let orders = ("DBInstanceIdentifiers.member.1", "orders");
    account.rds("RegisterDBProxyTargets", &[NAMED, orders]).await.unwrap();
    is_in(account, "AVAILABLE", None).await;
    secret
}

async fn is_in(account: Account<'_>, state: &str, reason: Option<&str>) {
    until(async || {
        let seen = account.rds("DescribeDBProxyTargets", &[NAMED]).await.unwrap();
        let is = text(&seen, "State").as_deref() == Some(state) && text(&seen, "Reason").as_deref() == reason;
        is.then_some(())
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
async fn log_in(account: Account<'_>, user: &str, password: &str) -> sqlx::Result<MySqlConnection> {
    let options = MySqlConnectOptions::new().host(&endpoint(account).await.1).port(3306).database("orders");
    let options = options.username(user).password(password).ssl_mode(MySqlSslMode::Disabled);
    MySqlConnection::connect_with(&options).await
}

/// The number and the message.
fn told(error: sqlx::Error) -> (u16, String) {
    let error = error.into_database_error().expect("the proxy says why");
    let error = error.downcast::<MySqlDatabaseError>();
    (error.number(), error.message().to_owned())
}

// Rule of AWS: a proxy of the family MYSQL stands before MariaDB, and lets in whom its secret names.
#[tokio::test]
async fn a_proxy_leads_to_a_mariadb_with_the_password_of_its_secret() {
    if mariadb().is_none() {
        println!("SKIPPED: this machine has no MariaDB");
        return;
    }
    let account = shared().account("700000000011");
    let secret = behind_proxy(account, "false").await;
    let described = account.rds("DescribeDBProxies", &[NAMED]).await.unwrap();
    assert_eq!(text(&described, "EngineFamily").as_deref(), Some("MYSQL"));
    let mut connection = log_in(account, "Orders_Master", PASSWORD).await.unwrap();
    let user: String = sqlx::query_scalar("SELECT current_user()").fetch_one(&mut connection).await.unwrap();
    assert_eq!(user, "Orders_Master@%");
    let (number, message) = told(log_in(account, "Orders_Master", "wrong-secret").await.unwrap_err());
    assert!(number == 1045 && message.starts_with("Access denied"), "{number} {message}");
    let (number, message) = told(log_in(account, "somebody", PASSWORD).await.unwrap_err());
    assert!(number == 1045 && message.contains("no credentials for the role somebody"), "{number} {message}");

    // A secret that is stale.
    let value = json!({ "username": "Orders_Master", "password": "another-secret" }).to_string();
    let put = json!({ "SecretId": secret, "SecretString": value, "ClientRequestToken": "b".repeat(32) });
    account.json("secretsmanager", "secretsmanager.PutSecretValue", put).await;
    is_in(account, "UNAVAILABLE", Some("AUTH_FAILURE")).await;
    let named = [("DBInstanceIdentifier", "orders"), ("MasterUserPassword", "another-secret")];
    account.rds("ModifyDBInstance", &named).await.unwrap();
    is_in(account, "AVAILABLE", None).await;
    log_in(account, "Orders_Master", "another-secret").await.unwrap();

    // Another engine family's DB instance cannot be its target.
    account.create("payroll", &[]).await;
    let [orders, payroll] = ["orders", "payroll"].map(|it| ("DBInstanceIdentifiers.member.1", it));
    account.rds("DeregisterDBProxyTargets", &[NAMED, orders]).await.unwrap();
    until(async || connection.ping().await.err()).await;
    let refused = account.rds("RegisterDBProxyTargets", &[NAMED, payroll]).await.unwrap_err();
    assert_eq!(refused, "InvalidParameterValue");
}

async fn packet(stream: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let head = stream.read_u32_le().await.unwrap();
    let mut body = vec![0; (head & 0xff_ffff) as usize];
    stream.read_exact(&mut body).await.unwrap();
    ((head >> 24) as u8, body)
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), sequence: u32, body: &[u8]) {
    let head = body.len() as u32 | sequence << 24;
    stream.write_all(&[&head.to_le_bytes()[..], body].concat()).await.unwrap();
}

// Rule of AWS: a proxy has a certificate for its own name, and refuses clients without TLS if it is asked to.
#[tokio::test]
async fn a_proxy_before_a_mariadb_offers_tls_for_its_own_name() {
    if mariadb().is_none() {
        println!("SKIPPED: this machine has no MariaDB");
        return;
    }
    let account = shared().account("700000000012");
    behind_proxy(account, "true").await;
    let (number, message) = told(log_in(account, "Orders_Master", PASSWORD).await.unwrap_err());
    assert_eq!((number, message.as_str()), (3159, "This RDS Proxy requires TLS connections"));

    let mut roots = RootCertStore::empty();
    let authority = std::fs::read(shared().authority()).unwrap();
    roots.add(CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let (name, address) = endpoint(account).await;
    // PROTOCOL_41, SSL, SECURE_CONNECTION and PLUGIN_AUTH; 23 bytes of nothing after the character set.
    let mut login = (1_u32 << 9 | 1 << 11 | 1 << 15 | 1 << 19).to_le_bytes().to_vec();
    login.extend([0, 0, 0, 1, 45]);
    login.resize(32, 0);
    let connect = async |name: &str| {
        let mut client = TcpStream::connect((address.as_str(), 3306)).await.unwrap();
        let (_, greeting) = packet(&mut client).await;
        send(&mut client, 1, &login).await;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Ok::<_, std::io::Error>((
            greeting,
            TlsConnector::from(Arc::clone(&config)).connect(name, client).await?,
        ))
    };
    connect("orders.example.com").await.unwrap_err();
    let (greeting, mut client) = connect(&name).await.unwrap();
    let after_version = greeting.iter().position(|byte| *byte == 0).unwrap() + 5;
    let challenge =
        [&greeting[after_version..after_version + 8], &greeting[after_version + 27..][..12]].concat();
    let once = Sha1::digest(PASSWORD.as_bytes());
    let salted = Sha1::new().chain_update(challenge).chain_update(Sha1::digest(once)).finalize();
    let proof = once.iter().zip(salted.iter()).map(|(a, b)| a ^ b);
    login.extend(b"Orders_Master\0\x14");
    login.extend(proof);
    login.extend(b"mysql_native_password\0");
    send(&mut client, 2, &login).await;
    let (sequence, answer) = packet(&mut client).await;
    assert_eq!((sequence, answer[0]), (3, 0), "{}", String::from_utf8_lossy(&answer));
    // COM_QUERY, answered by the server.
    send(&mut client, 0, b"\x03SELECT 'through the proxy'").await;
    assert_eq!(packet(&mut client).await, (1, vec![1]));
}
