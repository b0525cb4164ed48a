//! A forced failover: connections end, the address changes, the name follows later, and events tell of it.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use sqlx::Connection;
use support::{Account, log_in, shared, text, until};

const MULTI_AZ: [(&str, &str); 2] = [("MultiAZ", "true"), ("BackupRetentionPeriod", "0")];

/// A queue that gets the events of failovers, by a rule of EventBridge; answers its URL.
async fn listen(account: Account<'_>, account_id: &str) -> Value {
    let url =
        account.json("sqs", "AmazonSQS.CreateQueue", json!({ "QueueName": "events" })).await["QueueUrl"]
            .take();
    let pattern = json!({ "source": ["aws.rds"], "detail-type": ["RDS DB Instance Event"],
        "detail": { "EventCategories": ["failover"] } });
    let rule = json!({ "Name": "failovers", "EventPattern": pattern.to_string() });
    account.json("events", "AWSEvents.PutRule", rule).await;
    let arn = format!("arn:aws:sqs:eu-central-1:{account_id}:events");
    let targets = json!({ "Rule": "failovers", "Targets": [{ "Id": "1", "Arn": arn }] });
    let put = account.json("events", "AWSEvents.PutTargets", targets).await;
    assert_eq!(put["FailedEntryCount"], 0, "{put}");
    url
}

/// The next event of the queue: its id, and the whole.
async fn next_event(account: Account<'_>, url: &Value) -> (String, Value) {
    until(async || {
        let receive = json!({ "QueueUrl": url, "MaxNumberOfMessages": 1 });
        let answer = account.json("sqs", "AmazonSQS.ReceiveMessage", receive).await;
        let message = answer["Messages"].as_array()?.first()?.clone();
        let delete = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
        account.json("sqs", "AmazonSQS.DeleteMessage", delete).await;
        let event: Value = serde_json::from_str(message["Body"].as_str()?).unwrap();
        Some((event["detail"]["EventID"].as_str()?.to_owned(), event))
    })
    .await
}

async fn fail_over(account: Account<'_>, identifier: &str) -> Result<String, String> {
    let reboot = [("DBInstanceIdentifier", identifier), ("ForceFailover", "true")];
    account.rds("RebootDBInstance", &reboot).await
}

// Rule of AWS: after a failover the endpoint's name leads to another address, though not at once.
#[tokio::test]
async fn a_failover_ends_connections_changes_the_address_and_the_name_follows() {
    let account = shared().account("910000000001");
    let url = listen(account, "910000000001").await;
    let created = account.create("orders", &MULTI_AZ).await;
    let zones =
        |it: &str| (text(it, "AvailabilityZone").unwrap(), text(it, "SecondaryAvailabilityZone").unwrap());
    assert_eq!(zones(&created), ("eu-central-1a".to_owned(), "eu-central-1b".to_owned()));
    let name = text(&text(&created, "Endpoint").unwrap(), "Address").unwrap();
    let log_in = async |it: &str| log_in(shared(), it, "Orders_Master", "quite-secret", "postgres").await;
    let mut connection = log_in(&created).await.unwrap();
    let before = shared().address(&name).unwrap();

    fail_over(account, "orders").await.unwrap();
    assert_eq!(fail_over(account, "orders").await.unwrap_err(), "InvalidDBInstanceState");
    until(async || connection.ping().await.err()).await;
    let after = account.instance("orders").await;
    assert_eq!(zones(&after), ("eu-central-1b".to_owned(), "eu-central-1a".to_owned()));
    if support::nss_wrapper().is_some() {
        assert_eq!(text(&after, "Endpoint"), text(&created, "Endpoint"), "the name stays");
        let moved = until(async || shared().address(&name).filter(|it| *it != before)).await;
        log_in(&after).await.unwrap();
        // Back again: the two addresses change places.
        fail_over(account, "orders").await.unwrap();
        until(async || shared().address(&name).filter(|it| *it != moved)).await;
        assert_eq!(shared().address(&name), Some(before));
        assert_eq!(zones(&account.instance("orders").await), zones(&created));
    }
    log_in(&account.instance("orders").await).await.unwrap();

    for expected in ["RDS-EVENT-0013", "RDS-EVENT-0015", "RDS-EVENT-0049"] {
        let (id, event) = next_event(account, &url).await;
        assert_eq!(id, expected, "{event}");
        let arn = "arn:aws:rds:eu-central-1:910000000001:db:orders";
        assert_eq!((&event["source"], &event["resources"]), (&json!("aws.rds"), &json!([arn])), "{event}");
        assert_eq!(event["detail"]["SourceIdentifier"], "orders");
    }
}

#[tokio::test]
async fn only_a_multi_az_instance_fails_over() {
    let account = shared().account("910000000002");
    account.create("single", &[]).await;
    let reboot = [("DBInstanceIdentifier", "single"), ("ForceFailover", "true")];
    let (code, message) = account.refused("RebootDBInstance", &reboot).await;
    assert_eq!(code, "InvalidParameterCombination");
    assert!(message.contains("Multi-AZ"), "{message}");
}

#[tokio::test]
async fn on_request_the_name_is_silent_and_events_are_lost_late_or_doubled() {
    let account = shared().account("910000000003");
    let url = listen(account, "910000000003").await;
    let created = account.create("unlucky", &MULTI_AZ).await;
    let name = text(&text(&created, "Endpoint").unwrap(), "Address").unwrap();
    let event = |event_id: &str, times: u32, after_seconds: u32| {
        let is = json!({ "dbInstanceIdentifier": "unlucky", "eventId": event_id, "times": times,
            "afterSeconds": after_seconds });
        json!({ "eventIsDelivered": is })
    };
    shared().misbehave(event("RDS-EVENT-0013", 1, 600)).await;
    shared().misbehave(event("RDS-EVENT-0015", 0, 0)).await;
    shared().misbehave(event("RDS-EVENT-0049", 2, 0)).await;
    let late = json!({ "dbInstanceIdentifier": "unlucky", "seconds": 600, "silent": true });
    shared().misbehave(json!({ "nameFollowsLate": late })).await;
    fail_over(account, "unlucky").await.unwrap();
    let after = account.instance("unlucky").await;
    if support::nss_wrapper().is_some() {
        assert_eq!(shared().address(&name), None, "the name leads nowhere");
        until(async || shared().address(&name)).await;
        log_in(shared(), &after, "Orders_Master", "quite-secret", "postgres").await.unwrap();
    }
    for expected in ["RDS-EVENT-0049", "RDS-EVENT-0049", "RDS-EVENT-0013"] {
        assert_eq!(next_event(account, &url).await.0, expected);
    }
}

// Rule of AWS: nobody puts events of a source of AWS.
#[tokio::test]
async fn an_event_of_rds_comes_from_nobody_else() {
    let account = shared().account("910000000004");
    let entry = json!({ "Source": "aws.rds", "DetailType": "RDS DB Instance Event", "Detail": "{}" });
    for token in [json!(null), json!("guessed")] {
        let body = json!({ "Entries": [entry], "LocalAwsToken": token });
        let put = account.json("events", "AWSEvents.PutEvents", body).await;
        assert_eq!(put["Entries"][0]["ErrorCode"], "NotAuthorizedForSourceException", "{put}");
    }
}
