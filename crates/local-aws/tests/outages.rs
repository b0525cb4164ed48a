//! Regions that are away: their calls, their servers, what is lost with them, and their return.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use support::{Account, LocalAws, log_in, text, until};

const HERE: &str = "eu-central-1";
const THERE: &str = "eu-west-1";
const ACCOUNT: &str = "930000000001";

async fn run(connection: &mut PgConnection, statement: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await.map(drop)
}

async fn rows(connection: &mut PgConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(connection).await.ok()
}

/// A local AWS of its own, as a Region is away for everybody, with a primary, its replica elsewhere and a table in both.
async fn pair(aws: &LocalAws) -> (Account<'_>, Account<'_>, PgConnection, PgConnection) {
    let here = aws.account(ACCOUNT);
    let there = here.in_region(THERE);
    here.ask_for("primary", &[]).await.unwrap();
    let primary = here.instance("primary").await;
    there.replicate(&text(&primary, "DBInstanceArn").unwrap(), &[]).await;
    let mut old = connect(aws, &primary).await.unwrap();
    run(&mut old, "CREATE TABLE orders (id int); INSERT INTO orders VALUES (1)").await.unwrap();
    let mut new = connect(aws, &there.instance("standby").await).await.unwrap();
    until(async || rows(&mut new).await.filter(|it| *it == 1)).await;
    (here, there, old, new)
}

/// Logs in, unless there is no answer within three seconds.
async fn connect(aws: &LocalAws, instance: &str) -> Option<PgConnection> {
    let login = log_in(aws, instance, "Orders_Master", "quite-secret", "postgres");
    tokio::time::timeout(Duration::from_secs(3), login).await.ok()?.ok()
}

async fn order(aws: &LocalAws, path: &str, wanted: Value) {
    let (status, answer) = aws.own(path, wanted).await;
    assert_eq!(status, 204, "{answer}");
}

async fn flow(aws: &LocalAws, flow: &str) {
    let whose =
        json!({ "accountId": ACCOUNT, "region": THERE, "dbInstanceIdentifier": "standby", "flow": flow });
    order(aws, "replication", whose).await;
}

async fn comes_back(aws: &LocalAws, region: &str) -> reqwest::StatusCode {
    let url = format!("{}/_local-aws/outages?region={region}", aws.endpoint);
    reqwest::Client::new().delete(url).send().await.unwrap().status()
}

/// Is a call for this Region answered within three seconds?
async fn answers(account: Account<'_>) -> Result<bool, &'static str> {
    let list =
        account.request("sqs", reqwest::Method::POST, "/").header("X-Amz-Target", "AmazonSQS.ListQueues");
    let list = list.header("Content-Type", "application/x-amz-json-1.0").body("{}").send();
    match tokio::time::timeout(Duration::from_secs(3), list).await {
        Ok(Ok(response)) => Ok(response.status().is_success()),
        Ok(Err(_)) => Err("closed"),
        Err(_) => Err("hangs"),
    }
}

async fn status(account: Account<'_>, identifier: &str) -> Option<String> {
    let named = [("DBInstanceIdentifier", identifier)];
    let described = account.rds("DescribeDBInstances", &named).await.unwrap();
    text(&text(&described, "StatusInfos")?, "Status")
}

// What was not sent is lost with a Region. When it is back, its DB instance takes writes, and both have their own rows.
#[tokio::test]
async fn a_region_is_lost_with_what_was_not_sent_and_returns_as_it_was() {
    let aws = LocalAws::start("0.001");
    let (here, there, mut old, new) = pair(&aws).await;
    flow(&aws, "stalls").await;
    run(&mut old, "INSERT INTO orders VALUES (2)").await.unwrap();
    assert_eq!(status(there, "standby").await.as_deref(), Some("replicating"), "RDS does not notice");
    order(&aws, "outages", json!({ "region": HERE, "calls": "close", "servers": "stop" })).await;
    assert_eq!((answers(here).await, answers(there).await), (Err("closed"), Ok(true)));
    assert!(run(&mut old, "SELECT 1").await.is_err());
    assert_eq!(status(there, "standby").await.as_deref(), Some("error"));

    there.rds("PromoteReadReplica", &[("DBInstanceIdentifier", "standby")]).await.unwrap();
    drop(new);
    let mut new = connect(&aws, &there.promoted("standby").await).await.unwrap();
    run(&mut new, "INSERT INTO orders VALUES (3), (4)").await.unwrap();
    assert_eq!(rows(&mut new).await, Some(3), "one row was not sent");

    assert_eq!(comes_back(&aws, HERE).await, 204);
    let primary = here.instance("primary").await;
    let mut old = connect(&aws, &primary).await.unwrap();
    run(&mut old, "INSERT INTO orders VALUES (5)").await.unwrap();
    assert_eq!((rows(&mut old).await, rows(&mut new).await), (Some(3), Some(3)));
    let slots = "SELECT count(*) FROM pg_replication_slots";
    until(async || sqlx::query_scalar::<_, i64>(slots).fetch_one(&mut old).await.ok().filter(|it| *it == 0))
        .await;
    assert_eq!(comes_back(&aws, HERE).await, 404);
    assert_eq!(aws.planned("outages").await, Vec::<Value>::new());
}

// A part of a Region is away: its control plane, or its servers, which are cut off and run.
#[tokio::test]
async fn a_region_is_away_in_part() {
    let aws = LocalAws::start("0.001");
    let (here, there, mut old, mut new) = pair(&aws).await;
    order(&aws, "outages", json!({ "region": HERE, "calls": "hang" })).await;
    assert_eq!(answers(here).await, Err("hangs"));
    run(&mut old, "INSERT INTO orders VALUES (2)").await.unwrap();
    until(async || rows(&mut new).await.filter(|it| *it == 2)).await;
    // What hung ends with the outage, and had no effect.
    let waiting =
        here.request("sqs", reqwest::Method::POST, "/").header("X-Amz-Target", "AmazonSQS.CreateQueue");
    let waiting = waiting.body(r#"{"QueueName":"late"}"#).send();
    let began = Instant::now();
    let end = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        comes_back(&aws, HERE).await
    };
    let (waited, _) = tokio::join!(waiting, end);
    assert!(waited.is_err() && began.elapsed() >= Duration::from_millis(300), "{waited:?}");
    let queues = here.json("sqs", "AmazonSQS.ListQueues", json!({})).await;
    assert_eq!(queues["QueueUrls"].as_array().map_or(0, Vec::len), 0, "{queues}");

    order(&aws, "outages", json!({ "region": HERE, "servers": "areCutOff" })).await;
    assert_eq!(answers(here).await, Ok(true));
    assert!(run(&mut old, "SELECT 1").await.is_err(), "its connections end");
    let primary = here.instance("primary").await;
    assert!(connect(&aws, &primary).await.is_none(), "new ones get no answer");
    assert_eq!(status(there, "standby").await.as_deref(), Some("error"));
    comes_back(&aws, HERE).await;
    let mut old = connect(&aws, &primary).await.unwrap();
    run(&mut old, "INSERT INTO orders VALUES (3)").await.unwrap();
    until(async || rows(&mut new).await.filter(|it| *it == 3)).await;
    assert_eq!(status(there, "standby").await.as_deref(), Some("replicating"));
}

// A function calls another Region in the name of its role, and is silent while its own Region is away.
#[tokio::test]
async fn a_function_of_a_region_that_is_away_calls_no_other_region() {
    let aws = LocalAws::start("0.001");
    let here = aws.account(ACCOUNT);
    let look = json!([{ "Sid": "Look", "Effect": "Allow", "Action": "rds:Describe*", "Resource": "*" }]);
    let key = here.role("Look", look).await;
    let looks = aws.account(&key).in_region(THERE);
    looks.rds("DescribeDBInstances", &[]).await.unwrap();
    let call = aws.calls_of(ACCOUNT).await.pop().unwrap();
    assert_eq!((&call["who"], &call["region"]), (&json!(format!("{ACCOUNT}/Look")), &json!(THERE)));
    order(&aws, "outages", json!({ "region": HERE, "calls": "close" })).await;
    let list = looks.request("rds", reqwest::Method::POST, "/").body("Action=DescribeDBInstances");
    assert!(list.send().await.is_err());
    let call = aws.calls_of(ACCOUNT).await.pop().unwrap();
    assert_eq!((&call["region"], &call["error"]), (&json!(THERE), &json!("RegionIsAway")));
    aws.account(ACCOUNT).in_region(THERE).rds("DescribeDBInstances", &[]).await.unwrap();
}

/// The values of ReplicaLag in the last hour, the newest first.
async fn lags(account: Account<'_>) -> Vec<f64> {
    let now = jiff::Timestamp::now();
    let (start, end) = (now - jiff::SignedDuration::from_hours(1), now + jiff::SignedDuration::from_mins(1));
    let (start, end) = (start.to_string(), end.to_string());
    let parameters = [
        ("Namespace", "AWS/RDS"),
        ("MetricName", "ReplicaLag"),
        ("Dimensions.member.1.Name", "DBInstanceIdentifier"),
        ("Dimensions.member.1.Value", "standby"),
        ("StartTime", start.as_str()),
        ("EndTime", end.as_str()),
        ("Period", "60"),
        ("Statistics.member.1", "Maximum"),
    ];
    let xml = account.query("monitoring", "GetMetricStatistics", &parameters).await.unwrap();
    xml.split("<member>").skip(1).map(|it| text(it, "Maximum").unwrap().parse().unwrap()).collect()
}

// Rule of AWS: ReplicaLag is in the replica's Region, grows while nothing arrives, and is small while the source is idle.
#[tokio::test]
async fn cloudwatch_knows_the_lag_of_a_replica_in_its_region() {
    let aws = LocalAws::start("0.001");
    let (here, there, mut old, _new) = pair(&aws).await;
    until(async || lags(there).await.first().filter(|it| **it < 1.5).copied()).await;
    assert_eq!(lags(here).await, [0.0; 0]);
    flow(&aws, "stalls").await;
    run(&mut old, "INSERT INTO orders VALUES (2)").await.unwrap();
    until(async || lags(there).await.first().filter(|it| **it > 2.0).copied()).await;
    flow(&aws, "flows").await;
    // Idle, and yet the lag stays small: RDS commits something every five minutes.
    until(async || lags(there).await.first().filter(|it| **it < 1.5).copied()).await;

    order(&aws, "outages", json!({ "region": THERE, "metricsAreSilent": true })).await;
    let known = lags(there).await.len();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(lags(there).await.len() <= known + 1);
    let key = there.role("Look", json!([{ "Effect": "Allow", "Action": "rds:*", "Resource": "*" }])).await;
    let parameters = [("Namespace", "AWS/RDS"), ("MetricName", "ReplicaLag")];
    let role = aws.account(&key).in_region(THERE);
    let refused = role.query("monitoring", "GetMetricStatistics", &parameters).await;
    assert_eq!(refused.unwrap_err(), "AccessDenied");
}

// RDS's own replication does not ask the security groups, unless a test wants to know what happens if it does.
#[tokio::test]
async fn other_security_groups_cut_the_replication_only_on_request() {
    let aws = LocalAws::start("0.001");
    let (here, there, ..) = pair(&aws).await;
    let [own, quarantine] = [here.security_group("own").await, here.security_group("quarantine").await];
    let swap = async |group: &str| {
        let groups =
            [("DBInstanceIdentifier", "primary"), ("VpcSecurityGroupIds.VpcSecurityGroupId.1", group)];
        here.instance("primary").await;
        here.rds("ModifyDBInstance", &groups).await.unwrap();
        status(there, "standby").await.unwrap()
    };
    assert_eq!(
        (swap(&own).await, swap(&quarantine).await),
        ("replicating".to_owned(), "replicating".to_owned())
    );
    swap(&own).await;
    aws.misbehave(json!({ "groupsCutReplication": { "dbInstanceIdentifier": "primary" } })).await;
    assert_eq!((swap(&quarantine).await, swap(&own).await), ("error".to_owned(), "replicating".to_owned()));
}
