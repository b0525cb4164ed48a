//! `Drain`: its request, and a real replica that lags.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use anyhow::Result;
use aws_sdk_secretsmanager::Client;
use drain::plan::plan;
use drain::{handle, replayed};
use failover::Lsn;
use local_aws::servers::link::{Flow, Link};
use local_aws::servers::postgres::Postgres;
use local_aws::servers::programs::{Master, Programs};
use local_aws::servers::server::{Door, Endpoint, Server};
use local_aws::tls_front::{Authority, Gate};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{Connection, raw_sql};
use std::path::PathBuf;
use std::time::Duration;
use step::{Deadline, Waiting};
use test_support::{Calls, assert_fails, config};

const MASTER: Master<'_> =
    Master { username: "shopkeeper", password: "own+only%word1", database: Some("shop") };

async fn login(endpoint: &Endpoint) -> Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&endpoint.address.ip().to_string())
        .port(endpoint.address.port())
        .username(MASTER.username)
        .password(MASTER.password)
        .database("postgres")
        .ssl_mode(PgSslMode::Disable);
    Ok(PgConnection::connect_with(&options).await?)
}

fn drained(replayed: &replayed::Replayed, up_to: Lsn) -> bool {
    plan(replayed, up_to, &Waiting::default(), Deadline::constant::<900>()).unwrap().done
}

/// Asks again until the replica is drained, or has been asked for three seconds.
async fn until_drained(session: &mut PgConnection, up_to: Lsn) -> Result<bool> {
    for _ in 0..60 {
        if drained(&replayed::of(session).await?, up_to) {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(false)
}

// Never 2: planned mode that loses a commit.
#[tokio::test]
async fn a_replica_that_lags_is_not_drained_until_it_has_the_last_commit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let binaries = PathBuf::from(std::env::var("SNAPFERRY_POSTGRES_BIN")?);
    let postgres = Postgres::open(&binaries, folder.path(), Authority::new()?).await?;
    let (first, second) = (postgres.data("primary"), postgres.data("replica"));
    let programs = Programs::Postgres(postgres);
    programs.initialise(&first).await?;
    let door = Door { name: None, address: None, port: 0 };
    let (primary, endpoint) = Server::start(&programs, &first, &door, &Gate::open()).await?;
    primary.create_master(&MASTER).await?;
    let port = primary.port();
    let link = Link::open(move || Some(port))?;
    primary.seed(link.port(), "replica", &second).await?;
    let (replica, elsewhere) = Server::start(&programs, &second, &door, &Gate::open()).await?;
    let (mut old, mut new) = (login(&endpoint).await?, login(&elsewhere).await?);

    link.order(Flow::Stalls);
    raw_sql("CREATE TABLE orders (id int); INSERT INTO orders VALUES (1)").execute(&mut old).await?;
    let up_to: String = sqlx::query_scalar("SELECT pg_current_wal_lsn()::text").fetch_one(&mut old).await?;
    let up_to = Lsn::try_from(up_to)?;
    assert!(!drained(&replayed::of(&mut new).await?, up_to));
    link.order(Flow::Flows);
    assert!(until_drained(&mut new, up_to).await?);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut new).await?;
    assert_eq!(rows, 1);

    // The old primary itself has nothing to drain.
    let itself = replayed::of(&mut old).await?;
    assert!(itself.is_primary && drained(&itself, up_to));
    replica.abandon().await;
    Ok(())
}

fn request() -> Value {
    json!({
        "group": "shop", "epoch": "7-eu-west-1", "mode": "planned", "upTo": "0/3000148",
        "endpoint": {"engine": "postgres", "address": "127.0.0.1", "port": 1},
        "stageDeadlineSeconds": 900, "stage": {},
        "resource": {
            "kind": "rdsReadReplica", "name": "billing", "masterSecretId": "shop/billing-master", "assertions": [],
            "from": {"region": "eu-central-1", "dbInstanceIdentifier": "billing", "quarantineSecurityGroupId": "sg-9"},
            "to": {"region": "eu-west-1", "dbInstanceIdentifier": "billing"},
            "rebuild": {"dbSubnetGroupName": "private", "vpcSecurityGroupIds": ["sg-1"]},
        },
    })
}

fn secrets(calls: &Calls) -> Client {
    let login = json!({"username": "shopkeeper", "password": "hunter2"}).to_string();
    Client::new(&config(&[json!({"VersionId": "1", "SecretString": login})], calls))
}

/// It changes nothing at all: it reads one secret, and waits for a server that is not there.
#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let calls = Calls::default();
    for _ in 0..2 {
        let answer = handle(&secrets(&calls), request()).await.unwrap();
        assert!(
            !answer.look.done && answer.look.reason.contains("127.0.0.1:1 cannot be reached"),
            "{answer:?}"
        );
    }
    let read =
        json!({"Action": "GetSecretValue", "SecretId": "shop/billing-master", "VersionStage": "AWSCURRENT"});
    assert_eq!(calls.sent(), [read.clone(), read]);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    for (field, value, says) in [
        ("upTo", json!("soon"), "is not a position in the log"),
        ("endpoint", json!({"address": "a", "port": 1}), "missing field `engine`"),
        ("secretId", json!("a"), "unknown field `secretId`"),
    ] {
        let mut request = request();
        request[field] = value;
        assert_fails(handle(&secrets(&Calls::default()), request).await, "Snapferry.InvalidRequest", says);
    }
    let mut request = request();
    request["endpoint"]["engine"] = json!("mariadb");
    let answer = handle(&secrets(&Calls::default()), request).await;
    assert_fails(answer, "Snapferry.EngineWithoutClient", "mariadb");
}
