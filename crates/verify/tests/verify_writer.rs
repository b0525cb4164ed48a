//! `VerifyWriter`, run as Lambda runs it, against a real replica that becomes a primary.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(dead_code, reason = "the support of other tests")]

mod support;

use anyhow::Result;
use local_aws::servers::postgres::Postgres;
use local_aws::servers::programs::{Master, Programs};
use local_aws::servers::server::{Door, Endpoint, Server};
use local_aws::tls_front::Gate;
use serde_json::{Value, json};
use std::path::PathBuf;
use support::{MASTER, PASSWORD, World};

/// A primary, and a replica of it.
struct Pair {
    world: World,
    programs: Programs,
    primary: Endpoint,
    replica: Endpoint,
    servers: [Server; 2],
}

impl Pair {
    async fn start() -> Result<Self> {
        let world = World::new().await?;
        let binaries = PathBuf::from(std::env::var("SNAPFERRY_POSTGRES_BIN")?);
        let folder = world.folder.path().join("servers");
        let postgres = Postgres::open(&binaries, &folder, world.authority.clone()).await?;
        let (first, second) = (postgres.data("primary"), postgres.data("replica"));
        let programs = Programs::Postgres(postgres);
        programs.initialise(&first).await?;
        let door = Door { name: None, address: None, port: 0 };
        let (one, primary) = Server::start(&programs, &first, &door, &Gate::open()).await?;
        let master = Master { username: MASTER, password: PASSWORD, database: Some("shop") };
        one.create_master(&master).await?;
        one.seed(one.port(), "replica", &second).await?;
        let (two, replica) = Server::start(&programs, &second, &door, &Gate::open()).await?;
        world.lead_to("postgres", primary.address.port());
        Ok(Self { world, programs, primary, replica, servers: [one, two] })
    }

    async fn verify(&self, at: &Endpoint, assertions: Value) -> Result<Value, support::Failure> {
        self.world.verify_writer(&at.host, at.address.port(), assertions).await
    }
}

// Never 8: the pointer moved before the write test.
#[tokio::test]
async fn a_replica_is_no_writer_before_it_is_promoted_and_is_one_afterwards() -> Result<()> {
    let pair = Pair::start().await?;
    // The secret leads to the primary: the endpoint of the request counts.
    let answer = pair.verify(&pair.replica, json!([])).await.unwrap();
    assert_eq!(answer["done"], false, "{answer}");
    assert!(answer["reason"].as_str().unwrap().contains("still in recovery"), "{answer}");

    pair.programs.promote(pair.servers[1].port()).await?;
    let assertions = json!([
        {"name": "it is PostgreSQL", "sql": "SELECT count(*) FROM pg_class", "atLeast": 100},
        {"name": "elsewhere", "database": "postgres", "sql": "SELECT current_database()", "equals": "postgres"},
    ]);
    let answer = pair.verify(&pair.replica, assertions).await.unwrap();
    assert_eq!(answer["done"], true, "{answer}");
    assert_eq!(answer["assertions"][1]["found"], "postgres");
    assert!(answer["reason"].as_str().unwrap().contains("takes writes, 2 assertions hold"), "{answer}");

    let wrong = json!([{"name": "rows", "sql": "SELECT 0", "atLeast": 1}]);
    let failed = pair.verify(&pair.replica, wrong).await.unwrap_err();
    assert_eq!(failed.name, "Snapferry.VerificationFailed", "{}", failed.message);
    assert!(failed.message.contains("\"rows\" wants at least 1, found 0"), "{}", failed.message);
    Ok(())
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() -> Result<()> {
    let pair = Pair::start().await?;
    for _ in 0..2 {
        let answer = pair.verify(&pair.primary, json!([])).await.unwrap();
        assert_eq!((&answer["done"], pair.world.secret.lock().unwrap().puts), (&json!(true), 0), "{answer}");
    }
    pair.world.set("password", "wrong");
    let failed = pair.verify(&pair.primary, json!([])).await.unwrap_err();
    assert_eq!(failed.name, "Snapferry.LoginRefused", "{}", failed.message);
    Ok(())
}

#[tokio::test]
async fn bad_input_is_invalid_request() -> Result<()> {
    let world = World::new().await?;
    let twice = json!([{"name": "a", "sql": "s", "atLeast": 1}, {"name": "a", "sql": "s", "atLeast": 1}]);
    for (assertions, says) in
        [(json!([{"name": "a", "sql": "s"}]), "resource"), (twice, "resource.assertions")]
    {
        let failed = world.verify_writer("127.0.0.1", 1, assertions).await.unwrap_err();
        assert_eq!(failed.name, "Snapferry.InvalidRequest", "{}", failed.message);
        assert!(failed.message.contains(says), "{} lacks {says}", failed.message);
    }
    Ok(())
}
