//! Every RDS call is decided by the caller's role, with the true ARNs and tags.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Account, shared, until};

const NAMED: (&str, &str) = ("DBInstanceIdentifier", "orders");

fn allow(sid: &str, action: &str, resource: &str, condition: Value) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition })
}

/// The statements that allowed the account's last call.
async fn allowed_by(account_id: &str) -> Value {
    shared().calls_of(account_id).await.pop().unwrap()["allowedBy"].clone()
}

fn tag(n: usize, key: &'static str, value: &'static str) -> [(String, &'static str); 2] {
    [(format!("Tags.Tag.{n}.Key"), key), (format!("Tags.Tag.{n}.Value"), value)]
}

async fn call(account: Account<'_>, action: &str, more: &[(String, &str)]) -> Result<String, String> {
    let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    account.rds(action, &more).await
}

// Rule of IAM: RDS and KMS calls are decided by the caller's role, resource and tags.
// Invariant: no role may do with RDS, KMS or a secret what its function does not do.
#[tokio::test]
async fn a_role_without_a_policy_may_nothing_and_is_told_so_in_aws_words() {
    let account = shared().account("100000000001");
    let nobody = account.role("Nobody", json!([allow("Else", "sqs:*", "*", json!({}))])).await;
    let (code, message) = shared().account(&nobody).refused("DescribeDBInstances", &[NAMED]).await;
    assert_eq!(code, "AccessDenied");
    assert_eq!(
        message,
        "User: arn:aws:sts::100000000001:assumed-role/Nobody/Nobody-function is not authorized to perform: \
         rds:DescribeDBInstances on resource: arn:aws:rds:eu-central-1:100000000001:db:orders because no \
         identity-based policy allows the rds:DescribeDBInstances action"
    );
    assert_eq!(shared().calls_of("100000000001").await.pop().unwrap()["status"], 403);
    let unknown = shared().account("ASIA0000000000000000").refused("DescribeDBInstances", &[NAMED]).await;
    assert_eq!(unknown.0, "InvalidClientTokenId");
}

// Rule of IAM: RDS and KMS calls are decided by the caller's role, resource and tags.
#[tokio::test]
async fn a_list_is_asked_for_as_a_whole() {
    let account = shared().account("100000000002");
    let some = "arn:aws:rds:eu-central-1:100000000002:db:orders*";
    let role = account.role("Lister", json!([allow("Some", "rds:Describe*", some, json!({}))])).await;
    let role = shared().account(&role);
    assert_eq!(role.rds("DescribeDBInstances", &[NAMED]).await.unwrap_err(), "DBInstanceNotFound");
    assert_eq!(role.rds("DescribeDBInstances", &[]).await.unwrap_err(), "AccessDenied");
    assert_eq!(role.rds("DescribeDBSnapshots", &[]).await.unwrap_err(), "AccessDenied");
    role.rds("DescribeDBSnapshots", &[NAMED]).await.unwrap();
    assert_eq!(allowed_by("100000000002").await, json!(["Some"]));
}

// Rule of IAM: RDS and KMS calls are decided by the caller's role, resource and tags.
#[tokio::test]
async fn an_explicit_deny_wins_and_a_changed_policy_counts_soon() {
    let account = shared().account("100000000003");
    let all = allow("All", "rds:*", "*", json!({}));
    let role = account.role("Denied", all.clone()).await;
    let role = shared().account(&role);
    role.rds("DescribeDBInstances", &[]).await.unwrap();
    let deny = json!({ "Effect": "Deny", "Action": "rds:DescribeDB*", "Resource": "*" });
    account.put_policy("Denied", json!([all, deny])).await;
    let (_, message) = until(async || match role.rds("DescribeDBInstances", &[]).await {
        Ok(_) => None,
        Err(_) => Some(role.refused("DescribeDBInstances", &[]).await),
    })
    .await;
    assert!(message.ends_with("with an explicit deny in an identity-based policy"), "{message}");
}

// Rule of IAM: RDS and KMS calls are decided by the caller's role, resource and tags.
#[tokio::test]
async fn tags_on_what_is_made_need_their_own_permission_and_are_conditions() {
    let account = shared().account("100000000004");
    account.create("orders", &[]).await;
    let made = json!({ "StringEquals": { "aws:RequestTag/made-by": "us" } });
    let create = allow("Create", "rds:CreateDBSnapshot", "*", made.clone());
    let role = account.role("Taker", json!([create])).await;
    let role = shared().account(&role);
    let names =
        |snapshot| [(NAMED.0.to_owned(), NAMED.1), ("DBSnapshotIdentifier".to_owned(), snapshot)].to_vec();
    let ours = [names("orders-1"), tag(1, "made-by", "us").to_vec()].concat();
    assert_eq!(call(role, "CreateDBSnapshot", &names("orders-1")).await.unwrap_err(), "AccessDenied");
    let refused = call(role, "CreateDBSnapshot", &ours).await.unwrap_err();
    assert_eq!(refused, "AccessDenied", "it may not tag");

    let tags = allow("Tag", "rds:AddTagsToResource", "arn:aws:rds:*:*:snapshot:orders-*", made);
    let create = allow("Create", "rds:CreateDBSnapshot", "*", json!({}));
    account.put_policy("Taker", json!([create, tags])).await;
    until(async || call(role, "CreateDBSnapshot", &ours).await.ok()).await;
    assert_eq!(allowed_by("100000000004").await, json!(["Create", "Tag"]));
    account.snapshot("orders-1").await;
}

// Rule of IAM: RDS and KMS calls are decided by the caller's role, resource and tags.
#[tokio::test]
async fn only_what_bears_the_tag_may_be_deleted_and_keys_of_tags_are_conditions() {
    let account = shared().account("100000000005");
    account.create("orders", &[]).await;
    for (snapshot, tags) in [("orders-1", vec![]), ("orders-2", tag(1, "made-by", "us").to_vec())] {
        let names = [(NAMED.0.to_owned(), NAMED.1), ("DBSnapshotIdentifier".to_owned(), snapshot)].to_vec();
        account.instance("orders").await;
        call(account, "CreateDBSnapshot", &[names, tags].concat()).await.unwrap();
        account.snapshot(snapshot).await;
    }
    let ours = json!({ "StringEquals": { "aws:ResourceTag/made-by": "us" } });
    let keys = json!({ "ForAllValues:StringLike": { "aws:TagKeys": "us:*" } });
    let role = account
        .role(
            "Pruner",
            json!([
                allow("DeleteOurs", "rds:DeleteDBSnapshot", "*", ours),
                allow("TagOurs", "rds:AddTagsToResource", "*", keys)
            ]),
        )
        .await;
    let role = shared().account(&role);
    let one = [("DBSnapshotIdentifier", "orders-1")];
    assert_eq!(role.rds("DeleteDBSnapshot", &one).await.unwrap_err(), "AccessDenied");
    let arn = "arn:aws:rds:eu-central-1:100000000005:snapshot:orders-1";
    let name = [("ResourceName".to_owned(), arn)];
    let foreign = [&name[..], &tag(1, "us:run", "1"), &tag(2, "made-by", "us")].concat();
    assert_eq!(call(role, "AddTagsToResource", &foreign).await.unwrap_err(), "AccessDenied");
    call(role, "AddTagsToResource", &[&name[..], &tag(1, "us:run", "1")].concat()).await.unwrap();
    role.rds("DeleteDBSnapshot", &[("DBSnapshotIdentifier", "orders-2")]).await.unwrap();
}

// A copy from another Region may be decided in both Regions.
#[tokio::test]
async fn a_copy_from_another_region_is_asked_for_in_both() {
    let account = shared().account("100000000021");
    let source = "arn:aws:rds:us-west-2:100000000021:snapshot:orders-1";
    let copy = [("SourceDBSnapshotIdentifier", source), ("TargetDBSnapshotIdentifier", "orders-copy")];
    for (region, expected) in [("eu-central-1", "AccessDenied"), ("*", "DBSnapshotNotFound")] {
        let target = format!("arn:aws:rds:{region}:100000000021:snapshot:orders-copy");
        let both = json!([
            allow("From", "rds:CopyDBSnapshot", source, json!({})),
            allow("To", "rds:CopyDBSnapshot", &target, json!({})),
        ]);
        let role = account.role(if region == "*" { "Wide" } else { "Narrow" }, both).await;
        assert_eq!(shared().account(&role).rds("CopyDBSnapshot", &copy).await.unwrap_err(), expected);
    }
}

// StartDBInstance can fail with KMSKeyNotAccessibleFault.
#[tokio::test]
async fn a_start_needs_the_key_of_the_storage() {
    let account = shared().account("100000000022");
    let key = account.key().await;
    account.create("orders", &[("StorageEncrypted", "true"), ("KmsKeyId", &key)]).await;
    account.rds("StopDBInstance", &[NAMED]).await.unwrap();
    until(async || {
        let instance = account.rds("DescribeDBInstances", &[NAMED]).await.unwrap();
        instance.contains("<DBInstanceStatus>stopped<").then_some(())
    })
    .await;
    let start = allow("Start", "rds:StartDBInstance", "*", json!({}));
    let role = account.role("Starter", start.clone()).await;
    let role = shared().account(&role);
    assert_eq!(role.rds("StartDBInstance", &[NAMED]).await.unwrap_err(), "KMSKeyNotAccessibleFault");
    let via = json!({ "StringLike": { "kms:ViaService": "rds.*" } });
    let keys = ["kms:DescribeKey", "kms:CreateGrant"].map(|action| allow("Key", action, &key, via.clone()));
    account.put_policy("Starter", json!([start, keys[0], keys[1]])).await;
    until(async || role.rds("StartDBInstance", &[NAMED]).await.ok()).await;
}

// Rule of IAM: RDS and KMS calls are decided by the caller's role, resource and tags.
#[tokio::test]
async fn a_restore_needs_the_instance_the_snapshot_and_its_groups() {
    let account = shared().account("100000000006");
    account.create_and_take("orders", &[]).await;
    let restore = "rds:RestoreDBInstanceFromDBSnapshot";
    let place = "arn:aws:rds:eu-central-1:100000000006";
    let parts = [
        "db:orders-2",
        "snapshot:orders-1",
        "og:default:postgres-*",
        "pg:default.postgres*",
        "subgrp:default",
    ];
    let all: Vec<Value> =
        parts.iter().map(|part| allow(part, restore, &format!("{place}:{part}"), json!({}))).collect();
    let names = [("DBInstanceIdentifier", "orders-2"), ("DBSnapshotIdentifier", "orders-1")];
    for (n, part) in parts.iter().enumerate() {
        let without: Vec<&Value> = all.iter().filter(|it| it["Sid"] != *part).collect();
        let role = account.role(&format!("Restorer{n}"), json!(without)).await;
        let refused = shared().account(&role).rds(restore.trim_start_matches("rds:"), &names).await;
        assert_eq!(refused.unwrap_err(), "AccessDenied", "{part}");
    }
    let role = account.role("Restorer", json!(all)).await;
    shared().account(&role).rds("RestoreDBInstanceFromDBSnapshot", &names).await.unwrap();
}
