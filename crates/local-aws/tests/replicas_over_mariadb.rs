//! Read replicas over real MariaDB servers. Where the machine lacks MariaDB, these tests say so.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use sqlx::{
    AssertSqlSafe, Connection, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};
use support::{Account, mariadb, shared, text, until};

const ELSEWHERE: &str = "eu-west-1";

/// Whether there is MariaDB.
fn is_there() -> bool {
    let there = mariadb().is_some();
    if !there {
        println!("SKIPPED: this machine has no MariaDB");
    }
    there
}

/// A primary with one order, and a replica of it in another Region.
async fn pair(account: Account<'_>) -> (String, String) {
    let parameters = [
        ("DBInstanceIdentifier", "primary"),
        ("DBInstanceClass", "db.t4g.micro"),
        ("Engine", "mariadb"),
        ("MasterUsername", "Orders_Master"),
        ("MasterUserPassword", "quite-secret"),
        ("DBName", "shop"),
    ];
    account.rds("CreateDBInstance", &parameters).await.unwrap();
    let primary = account.instance("primary").await;
    let mut old = log_in(&primary).await.unwrap();
    run(&mut old, "CREATE TABLE orders (id int PRIMARY KEY)").await.unwrap();
    run(&mut old, "INSERT INTO orders VALUES (1)").await.unwrap();
    let source = text(&primary, "DBInstanceArn").unwrap();
    let there = account.in_region(ELSEWHERE);
    there.replicate(&source, &[]).await;
    (primary, there.instance("standby").await)
}

async fn log_in(instance: &str) -> sqlx::Result<MySqlConnection> {
    let endpoint = text(instance, "Endpoint").unwrap();
    let host = text(&endpoint, "Address").unwrap();
    let options = MySqlConnectOptions::new().host(&shared().address(&host).unwrap_or(host));
    let options = options.port(text(&endpoint, "Port").unwrap().parse().unwrap());
    let options = options.username("Orders_Master").password("quite-secret").database("shop");
    MySqlConnection::connect_with(&options.ssl_mode(MySqlSslMode::Disabled)).await
}

async fn run(connection: &mut MySqlConnection, statement: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await.map(drop)
}

async fn orders(connection: &mut MySqlConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(connection).await.ok()
}

async fn has(connection: &mut MySqlConnection, count: i64) {
    until(async || orders(connection).await.filter(|it| *it == count)).await;
}

// Rules of AWS: a replica of MariaDB takes what its source commits, by GTID, and no writes; promoted, it follows nobody.
#[tokio::test]
async fn a_replica_of_mariadb_follows_its_source_until_it_is_promoted() {
    if !is_there() {
        return;
    }
    let account = shared().account("950000000001");
    let there = account.in_region(ELSEWHERE);
    let (primary, standby) = pair(account).await;
    let (mut old, mut new) = (log_in(&primary).await.unwrap(), log_in(&standby).await.unwrap());
    assert_eq!(orders(&mut new).await, Some(1), "it begins with the rows of the source");
    run(&mut old, "INSERT INTO orders VALUES (2)").await.unwrap();
    has(&mut new, 2).await;
    let refused = run(&mut new, "INSERT INTO orders VALUES (3)").await.unwrap_err();
    assert!(refused.to_string().contains("--read-only"), "{refused}");
    let position = "SELECT @@gtid_slave_pos";
    let replayed: String = sqlx::query_scalar(position).fetch_one(&mut new).await.unwrap();
    let written: String = sqlx::query_scalar("SELECT @@gtid_binlog_pos").fetch_one(&mut old).await.unwrap();
    assert_eq!(replayed, written);

    // It goes on after a restart of both.
    for (at, name) in [(account, "primary"), (there, "standby")] {
        at.instance(name).await;
        at.rds("RebootDBInstance", &[("DBInstanceIdentifier", name)]).await.unwrap();
        at.instance(name).await;
    }
    let (mut old, mut new) = (log_in(&primary).await.unwrap(), log_in(&standby).await.unwrap());
    run(&mut old, "INSERT INTO orders VALUES (3)").await.unwrap();
    has(&mut new, 3).await;
    assert!(run(&mut new, "INSERT INTO orders VALUES (4)").await.is_err());

    // A DB instance that is restored from a DB snapshot of the replica follows nobody.
    there.take("standby", "standby-1").await;
    there.restore("standby-1", "alone", &[]).await.unwrap();
    let alone = until(async || {
        let described = there.rds("DescribeDBInstances", &[("DBInstanceIdentifier", "alone")]).await.ok()?;
        Some(described).filter(|it| text(it, "Endpoint").is_some())
    });
    let mut alone = log_in(&alone.await).await.unwrap();
    run(&mut alone, "INSERT INTO orders VALUES (10)").await.unwrap();

    there.instance("standby").await;
    there.rds("PromoteReadReplica", &[("DBInstanceIdentifier", "standby")]).await.unwrap();
    let promoted = there.promoted("standby").await;
    let mut new = log_in(&promoted).await.unwrap();
    run(&mut old, "INSERT INTO orders VALUES (4), (5)").await.unwrap();
    run(&mut new, "INSERT INTO orders VALUES (4)").await.unwrap();
    assert_eq!((orders(&mut old).await, orders(&mut new).await), (Some(5), Some(4)));
    assert_eq!(orders(&mut alone).await, Some(4));
}

// Rule of AWS: RDS promotes a replica of MariaDB whose source is deleted.
#[tokio::test]
async fn a_replica_of_mariadb_whose_source_is_deleted_is_promoted() {
    if !is_there() {
        return;
    }
    let account = shared().account("950000000002");
    let there = account.in_region(ELSEWHERE);
    pair(account).await;
    account.instance("primary").await;
    let delete = [("DBInstanceIdentifier", "primary"), ("SkipFinalSnapshot", "true")];
    account.rds("DeleteDBInstance", &delete).await.unwrap();
    let mut new = log_in(&there.promoted("standby").await).await.unwrap();
    run(&mut new, "INSERT INTO orders VALUES (2)").await.unwrap();
    assert_eq!(orders(&mut new).await, Some(2));
}
