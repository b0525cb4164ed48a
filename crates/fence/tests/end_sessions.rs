//! `EndSessions`: its request, and the sessions of a real PostgreSQL, as its master user sees them: no superuser, as on RDS.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use anyhow::Result;
use aws_sdk_secretsmanager::Client;
use fence::end_sessions::Act::{End, Look};
use fence::end_sessions::handle;
use fence::end_sessions::sessions::{Sessions, of};
use local_aws::servers::postgres::Postgres;
use local_aws::servers::programs::{Master, Programs};
use local_aws::servers::server::{Door, Endpoint, Server};
use local_aws::tls_front::{Authority, Gate};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, raw_sql};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use test_support::{Calls, assert_fails, config};

const MASTER: Master<'_> =
    Master { username: "shopkeeper", password: "own+only%word1", database: Some("shop") };

struct World {
    endpoint: Endpoint,
    administrator: (&'static str, String),
    programs: Programs,
    replica_data: PathBuf,
    server: Server,
    _folder: TempDir,
}

impl World {
    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let binaries = PathBuf::from(std::env::var("SNAPFERRY_POSTGRES_BIN")?);
        let postgres = Postgres::open(&binaries, folder.path(), Authority::new()?).await?;
        let administrator = (postgres.administrator().0, postgres.administrator().1.to_owned());
        let (data, replica_data) = (postgres.data("billing"), postgres.data("replica"));
        let programs = Programs::Postgres(postgres);
        programs.initialise(&data).await?;
        let door = Door { name: None, address: None, port: 0 };
        let (server, endpoint) = Server::start(&programs, &data, &door, &Gate::open()).await?;
        server.create_master(&MASTER).await?;
        Ok(Self { endpoint, administrator, programs, replica_data, server, _folder: folder })
    }

    /// A replica that follows the server.
    async fn replica(&self) -> Result<Server> {
        self.server.seed(self.server.port(), "replica", &self.replica_data).await?;
        let door = Door { name: None, address: None, port: 0 };
        Ok(Server::start(&self.programs, &self.replica_data, &door, &Gate::open()).await?.0)
    }

    async fn login(&self, user: &str, password: &str, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.endpoint.address.ip().to_string())
            .port(self.endpoint.address.port())
            .username(user)
            .password(password)
            .database(database)
            .ssl_mode(PgSslMode::Disable);
        Ok(PgConnection::connect_with(&options).await?)
    }

    async fn master(&self) -> Result<PgConnection> {
        self.login(MASTER.username, MASTER.password, "postgres").await
    }

    async fn administrator(&self, database: &str) -> Result<PgConnection> {
        self.login(self.administrator.0, &self.administrator.1, database).await
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<()> {
    raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await?;
    Ok(())
}

/// Looks until nobody is left. A session needs a moment to end.
async fn until_nobody(session: &mut PgConnection, act: fence::end_sessions::Act) -> Result<Sessions> {
    for _ in 0..100 {
        let found = of(session, act).await?;
        if (found.ended, found.left) == (0, 0) {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("sessions do not end");
}

/// Here a step repeated is a server without sessions that is asked again.
#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() -> Result<()> {
    let world = World::start().await?;
    let mut ours = world.master().await?;
    let first = until_nobody(&mut ours, End).await?;
    assert_eq!(of(&mut ours, End).await?, first);
    Ok(())
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let endpoint = json!({"engine": "postgres", "address": "127.0.0.1", "port": 1});
    let request = |act: &str| json!({"masterSecretId": "shop/master", "endpoint": endpoint, "act": act});
    let secrets = |value: Value| {
        let value = json!({"VersionId": "1", "SecretString": value.to_string()});
        Client::new(&config(&[value], &Calls::default()))
    };
    let answer = handle(&secrets(json!({})), request("stop")).await;
    assert_fails(answer, "Snapferry.InvalidRequest", "unknown variant `stop`");
    let answer = handle(&secrets(json!({"username": "shopkeeper"})), request("end")).await;
    assert_fails(answer, "Snapferry.SecretNotJson", "lacks one of username and password");
    // Nobody listens at this port.
    let login = json!({"username": "shopkeeper", "password": "hunter2"});
    let answer = handle(&secrets(login), request("end")).await;
    assert_fails(answer, "Snapferry.DatabaseNotReachable", "the database at 127.0.0.1:1 cannot be reached");
}

#[tokio::test]
async fn every_session_but_ours_and_those_of_rds_ends_and_the_log_stands_still() -> Result<()> {
    let world = World::start().await?;
    let mut ours = world.master().await?;
    run(&mut ours, "CREATE ROLE app LOGIN PASSWORD 'x'").await?;
    let mut rds = world.administrator("shop").await?;
    let replica = world.replica().await?;
    let followers = "SELECT array_agg(pid) FROM pg_stat_replication WHERE state = 'streaming'";
    let mut following: Option<Vec<i32>> = None;
    while following.is_none() {
        following = sqlx::query_scalar(followers).fetch_one(&mut rds).await?;
    }
    let mut application = world.login("app", "x", "postgres").await?;
    let mut writer = world.login(MASTER.username, MASTER.password, "shop").await?;
    run(&mut writer, "CREATE TABLE orders (id int); BEGIN; INSERT INTO orders VALUES (1)").await?;

    let before = of(&mut ours, Look).await?;
    assert!(before.is_primary && before.writers.is_empty(), "{before:?}");
    assert_eq!((before.ended, before.left), (0, 2));
    // A look ends nobody.
    run(&mut application, "SELECT 1").await?;

    assert_eq!(of(&mut ours, End).await?.ended, 2);
    let fenced = until_nobody(&mut ours, End).await?;
    assert!(run(&mut writer, "COMMIT").await.is_err() && run(&mut application, "SELECT 1").await.is_err());
    run(&mut rds, "SELECT 1").await?;
    let later = of(&mut ours, End).await?;
    assert_eq!(later.wal_lsn, fenced.wal_lsn);
    // The replica still follows by the same session, else it could not be drained.
    assert_eq!(sqlx::query_scalar::<_, Option<Vec<i32>>>(followers).fetch_one(&mut rds).await?, following);
    replica.abandon().await;
    Ok(())
}

#[tokio::test]
async fn what_writes_without_a_session_is_named() -> Result<()> {
    let world = World::start().await?;
    let mut ours = world.master().await?;
    let mut administrator = world.administrator("shop").await?;
    let subscription = "CREATE SUBSCRIPTION orders CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p
                        WITH (connect = false, slot_name = NONE, enabled = false)";
    run(&mut administrator, subscription).await?;
    assert_eq!(of(&mut ours, Look).await?.writers, [""; 0]);
    run(&mut administrator, "ALTER SUBSCRIPTION orders SET (slot_name = orders)").await?;
    run(&mut administrator, "ALTER SUBSCRIPTION orders ENABLE").await?;
    assert_eq!(of(&mut ours, Look).await?.writers, ["subscription orders in database shop"]);

    // A server that knows the setting has pg_cron.
    run(&mut administrator, "ALTER DATABASE postgres SET cron.database_name = 'jobs'").await?;
    let mut ours = world.master().await?;
    let found = of(&mut ours, Look).await?;
    assert!(found.writers[1].contains("pg_cron in database jobs, which nobody looked at"), "{found:?}");
    run(&mut administrator, "ALTER DATABASE postgres SET cron.database_name = 'postgres'").await?;
    let mut home = world.administrator("postgres").await?;
    let table = "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid int, username text, active bool);
                 GRANT USAGE ON SCHEMA cron TO shopkeeper; GRANT SELECT ON cron.job TO shopkeeper;
                 INSERT INTO cron.job VALUES (1, 'app', true), (2, 'app', false);
                 CREATE POLICY own ON cron.job USING (username = CURRENT_USER);
                 ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY";
    run(&mut home, table).await?;
    let mut ours = world.master().await?;
    let found = of(&mut ours, Look).await?;
    assert!(found.writers[1].contains("pg_cron in database postgres, which are hidden"), "{found:?}");
    run(&mut home, "ALTER TABLE cron.job DISABLE ROW LEVEL SECURITY").await?;
    assert_eq!(of(&mut ours, Look).await?.writers[1], "1 jobs of pg_cron in database postgres");
    run(&mut home, "UPDATE cron.job SET active = false").await?;
    assert_eq!(of(&mut ours, Look).await?.writers.len(), 1);
    Ok(())
}
