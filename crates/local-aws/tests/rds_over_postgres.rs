//! RDS over real PostgreSQL, driven over HTTP through the real binary.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use sqlx::Connection;

use support::{Account, LocalAws, log_in, text, until};

const SOURCE: &str = "111111111111";
const TARGET: &str = "222222222222";
const PASSWORD: &str = "it's-$afe\\%s%L";
/// 300 seconds of RDS in 0.3 s.
const FAST: &str = "0.001";

async fn create(account: Account<'_>, identifier: &str, more: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("DBInstanceIdentifier", identifier),
        ("DBInstanceClass", "db.t4g.micro"),
        ("Engine", "postgres"),
        ("MasterUsername", "Orders_Master"),
        ("MasterUserPassword", PASSWORD),
        ("DBName", "orders"),
        ("BackupRetentionPeriod", "0"),
    ];
    parameters.extend_from_slice(more);
    let created = account.rds("CreateDBInstance", &parameters).await.unwrap();
    assert_eq!(text(&created, "DBInstanceStatus").as_deref(), Some("creating"));
    assert_eq!(text(&created, "Endpoint"), None, "there is no endpoint while it is creating");
    account.instance(identifier).await
}

/// A digest of all rows.
async fn rows(aws: &LocalAws, instance: &str, password: &str) -> String {
    let mut connection = log_in(aws, instance, "Orders_Master", password, "orders").await.unwrap();
    let digest =
        sqlx::query_scalar("SELECT count(*) || md5(string_agg(t::text, ',' ORDER BY id)) FROM lines t");
    digest.fetch_one(&mut connection).await.unwrap()
}

// Rule of AWS: a shared encrypted snapshot is copied only under a key of one's own.
// Rule of AWS: a restored DB instance keeps the master password of the snapshot.
// Rule of AWS: a password change takes time, then only the new password opens.
#[tokio::test]
async fn rows_and_passwords_travel_from_account_to_account() {
    let aws = LocalAws::start(FAST);
    let (source, target) = (aws.account(SOURCE), aws.account(TARGET));
    // What a source account's key policy lets a target account do, at least.
    let lets = json!({ "Sid": "LetTargetCopy", "Effect": "Allow", "Principal": { "AWS": TARGET }, "Resource": "*",
        "Action": ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey"] });
    let (source_key, target_key) = (source.key_that_lets(&[lets]).await, target.key().await);

    let encrypted =
        [("StorageEncrypted", "true"), ("KmsKeyId", &*source_key), ("CopyTagsToSnapshot", "true")];
    let tagged = [("Tags.Tag.1.Key", "team"), ("Tags.Tag.1.Value", "orders")];
    let orders = create(source, "Orders-Prod", &[encrypted.as_slice(), &tagged].concat()).await;
    assert_eq!(text(&orders, "DBInstanceIdentifier").as_deref(), Some("orders-prod"));
    let mut connection = log_in(&aws, &orders, "Orders_Master", PASSWORD, "orders").await.unwrap();
    let fill = "CREATE TABLE lines AS SELECT id, md5(id::text) AS line FROM generate_series(1, 5000) AS id";
    sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    let rows_then = rows(&aws, &orders, PASSWORD).await;

    let names = [("DBInstanceIdentifier", "orders-prod"), ("DBSnapshotIdentifier", "Orders-1")];
    source.rds("CreateDBSnapshot", &names).await.unwrap();
    source.instance_in("orders-prod", "backing-up").await;
    let snapshot = source.snapshot("orders-1").await;
    assert_eq!(text(&snapshot, "PercentProgress").as_deref(), Some("100"));
    assert_eq!(text(&snapshot, "KmsKeyId").as_ref(), Some(&source_key));
    assert_eq!(text(&snapshot, "TagList").unwrap(), "<Tag><Key>team</Key><Value>orders</Value></Tag>");
    // What is written after the snapshot does not travel.
    sqlx::raw_sql("INSERT INTO lines VALUES (0, 'late')").execute(&mut connection).await.unwrap();

    let named = [("DBSnapshotIdentifier", "orders-1")];
    let unshared = source.rds("DescribeDBSnapshotAttributes", &named).await.unwrap();
    assert!(unshared.contains("<AttributeName>restore</AttributeName><AttributeValues></AttributeValues>"));
    let snapshot_arn = text(&snapshot, "DBSnapshotArn").unwrap();
    let copy = [
        ("SourceDBSnapshotIdentifier", &*snapshot_arn),
        ("TargetDBSnapshotIdentifier", "orders-1"),
        ("KmsKeyId", &*target_key),
    ];
    assert_eq!(target.rds("CopyDBSnapshot", &copy).await.unwrap_err(), "DBSnapshotNotFound");
    let share = [("AttributeName", "restore"), ("ValuesToAdd.AttributeValue.1", TARGET)];
    let shared = source.rds("ModifyDBSnapshotAttribute", &[named.as_slice(), &share].concat()).await.unwrap();
    assert_eq!(text(&shared, "AttributeValue").as_deref(), Some(TARGET));

    let seen = target.rds("DescribeDBSnapshots", &[("SnapshotType", "shared")]).await.unwrap();
    assert_eq!(text(&seen, "DBSnapshotIdentifier"), Some(snapshot_arn.clone()));
    assert_eq!(target.rds("CopyDBSnapshot", &copy[..2]).await.unwrap_err(), "KMSKeyNotAccessibleFault");
    let direct = [("DBInstanceIdentifier", "orders-1"), ("DBSnapshotIdentifier", &*snapshot_arn)];
    let refused = target.rds("RestoreDBInstanceFromDBSnapshot", &direct).await.unwrap_err();
    assert_eq!(refused, "InvalidParameterValue", "shared and encrypted cannot be restored directly");
    target.rds("CopyDBSnapshot", &copy).await.unwrap();
    let copied = target.snapshot("orders-1").await;
    assert_eq!(text(&copied, "KmsKeyId").as_ref(), Some(&target_key));
    assert_eq!(text(&copied, "SourceDBSnapshotIdentifier"), Some(snapshot_arn));

    let restore = [("DBInstanceIdentifier", "orders-1"), ("DBSnapshotIdentifier", "orders-1")];
    target.rds("RestoreDBInstanceFromDBSnapshot", &restore).await.unwrap();
    let restored = target.instance("orders-1").await;
    assert_eq!(rows(&aws, &restored, PASSWORD).await, rows_then);

    let modify = [("DBInstanceIdentifier", "orders-1"), ("MasterUserPassword", "another'one")];
    let modified = target.rds("ModifyDBInstance", &modify).await.unwrap();
    assert_eq!(text(&modified, "DBInstanceStatus").as_deref(), Some("resetting-master-credentials"));
    let pending = text(&modified, "PendingModifiedValues").unwrap();
    assert_eq!(text(&pending, "MasterUserPassword").as_deref(), Some("****"));
    let restored = target.instance("orders-1").await;
    assert_eq!(text(&restored, "PendingModifiedValues").as_deref(), Some(""));
    assert!(
        log_in(&aws, &restored, "Orders_Master", PASSWORD, "orders").await.is_err(),
        "the old password is refused"
    );
    assert_eq!(rows(&aws, &restored, "another'one").await, rows_then);
    assert_ne!(rows(&aws, &orders, PASSWORD).await, rows_then, "the source goes on, with its own password");

    let delete = [("DBInstanceIdentifier", "orders-1"), ("SkipFinalSnapshot", "true")];
    target.rds("DeleteDBInstance", &delete).await.unwrap();
    let describe = || target.rds("DescribeDBInstances", &delete[..1]);
    let gone = until(async || describe().await.err()).await;
    assert_eq!(gone, "DBInstanceNotFound");
    assert!(log_in(&aws, &restored, "Orders_Master", "another'one", "orders").await.is_err());
    target.rds("DeleteDBSnapshot", &restore[1..]).await.unwrap();
    assert_eq!(target.rds("DescribeDBSnapshots", &restore[1..]).await.unwrap_err(), "DBSnapshotNotFound");
}

// Rule of AWS: deletion protection refuses, a stopped DB instance is not modified.
#[tokio::test]
async fn a_stopped_instance_keeps_rows_and_a_renamed_one_its_data() {
    let aws = LocalAws::start(FAST);
    let account = aws.account(SOURCE);
    let named = [("DBInstanceIdentifier", "orders")];
    let orders = create(account, "orders", &[]).await;
    let mut connection = log_in(&aws, &orders, "Orders_Master", PASSWORD, "orders").await.unwrap();
    sqlx::raw_sql("CREATE TABLE lines AS SELECT 1 AS id").execute(&mut connection).await.unwrap();

    account.rds("StopDBInstance", &named).await.unwrap();
    account.instance_in("orders", "stopped").await;
    assert!(connection.ping().await.is_err());
    assert_eq!(account.rds("ModifyDBInstance", &named).await.unwrap_err(), "InvalidDBInstanceState");
    account.rds("StartDBInstance", &named).await.unwrap();
    account.instance("orders").await;

    let rename = [("NewDBInstanceIdentifier", "orders-old"), ("ApplyImmediately", "true")];
    account.rds("ModifyDBInstance", &[named.as_slice(), &rename].concat()).await.unwrap();
    let renamed = account.instance("orders-old").await;
    assert!(rows(&aws, &renamed, PASSWORD).await.starts_with('1'));
    assert_eq!(account.rds("DescribeDBInstances", &named).await.unwrap_err(), "DBInstanceNotFound");
}

// Rule of AWS: ApplyImmediately also applies what is pending, which may restart the DB instance.
#[tokio::test]
async fn apply_immediately_applies_what_is_pending_and_closes_connections() {
    let aws = LocalAws::start(FAST);
    let account = aws.account(SOURCE);
    let orders = create(account, "orders", &[]).await;
    let mut connection = log_in(&aws, &orders, "Orders_Master", PASSWORD, "orders").await.unwrap();
    let modify = async |setting: (&str, &str), immediately: &str| {
        let more = [("DBInstanceIdentifier", "orders"), setting, ("ApplyImmediately", immediately)];
        account.rds("ModifyDBInstance", &more).await.unwrap();
        account.instance("orders").await
    };
    let [one, other] = [account.security_group("one").await, account.security_group("other").await];
    let queued = modify(("DBInstanceClass", "db.r6g.large"), "false").await;
    let pending = text(&queued, "PendingModifiedValues").unwrap();
    assert_eq!(text(&pending, "DBInstanceClass").as_deref(), Some("db.r6g.large"));
    modify(("VpcSecurityGroupIds.VpcSecurityGroupId.1", &one), "false").await;
    connection.ping().await.unwrap();
    let applied = modify(("VpcSecurityGroupIds.VpcSecurityGroupId.1", &other), "true").await;
    assert_eq!(text(&applied, "PendingModifiedValues").as_deref(), Some(""));
    assert_eq!(text(&applied, "DBInstanceClass").as_deref(), Some("db.r6g.large"));
    connection.ping().await.unwrap_err();
    log_in(&aws, &applied, "Orders_Master", PASSWORD, "orders").await.unwrap();
}

// Rule of AWS: turning automated backups on restarts the DB instance, and begins a backup that lasts by size.
#[tokio::test]
async fn turning_backups_on_closes_connections_and_begins_a_backup_that_refuses_changes() {
    let aws = LocalAws::start(FAST);
    let account = aws.account(SOURCE);
    let orders =
        create(account, "orders", &[("BackupRetentionPeriod", "0"), ("AllocatedStorage", "1000")]).await;
    let mut connection = log_in(&aws, &orders, "Orders_Master", PASSWORD, "orders").await.unwrap();
    let on = [("DBInstanceIdentifier", "orders"), ("BackupRetentionPeriod", "7")];
    account.rds("ModifyDBInstance", &on).await.unwrap();
    let waits = account.instance("orders").await;
    let pending = text(&waits, "PendingModifiedValues").unwrap();
    assert_eq!(text(&pending, "BackupRetentionPeriod").as_deref(), Some("7"));
    connection.ping().await.unwrap();

    account.rds("ModifyDBInstance", &[on[0], on[1], ("ApplyImmediately", "true")]).await.unwrap();
    let backed_up = account.instance_in("orders", "backing-up").await;
    connection.ping().await.unwrap_err();
    log_in(&aws, &backed_up, "Orders_Master", PASSWORD, "orders").await.unwrap();
    let protect = [on[0], ("DeletionProtection", "true")];
    assert_eq!(account.rds("ModifyDBInstance", &protect).await.unwrap_err(), "InvalidDBInstanceState");
    account.instance("orders").await;
    account.rds("ModifyDBInstance", &protect).await.unwrap();
}

// Rule of AWS: another parameter group counts after a reboot, which closes connections.
#[tokio::test]
async fn another_parameter_group_waits_for_a_reboot() {
    let aws = LocalAws::start(FAST);
    let account = aws.account(SOURCE);
    let group =
        [("DBParameterGroupName", "ours"), ("DBParameterGroupFamily", "postgres16"), ("Description", "d")];
    account.rds("CreateDBParameterGroup", &group).await.unwrap();
    let orders = create(account, "orders", &[]).await;
    assert_eq!(text(&orders, "ParameterApplyStatus").as_deref(), Some("in-sync"));
    let mut connection = log_in(&aws, &orders, "Orders_Master", PASSWORD, "orders").await.unwrap();
    let named = [("DBInstanceIdentifier", "orders"), group[0]];
    let modified = account.rds("ModifyDBInstance", &named).await.unwrap();
    assert_eq!(text(&modified, "ParameterApplyStatus").as_deref(), Some("applying"));
    let waits = account.instance("orders").await;
    assert_eq!(text(&waits, "ParameterApplyStatus").as_deref(), Some("pending-reboot"));
    connection.ping().await.unwrap();
    account.rds("RebootDBInstance", &named[..1]).await.unwrap();
    let rebooted = account.instance("orders").await;
    assert_eq!(text(&rebooted, "ParameterApplyStatus").as_deref(), Some("in-sync"));
    connection.ping().await.unwrap_err();
    log_in(&aws, &rebooted, "Orders_Master", PASSWORD, "orders").await.unwrap();
}

// Rule of AWS: a DB instance that is made again under its identifier has its endpoint again.
#[tokio::test]
async fn an_instance_that_is_made_again_has_the_endpoint_that_it_had() {
    let aws = LocalAws::start(FAST);
    let account = aws.account(SOURCE);
    let first = create(account, "orders", &[]).await;
    let delete = [("DBInstanceIdentifier", "orders"), ("SkipFinalSnapshot", "true")];
    account.rds("DeleteDBInstance", &delete).await.unwrap();
    until(async || account.rds("DescribeDBInstances", &delete[..1]).await.err()).await;
    let again = create(account, "orders", &[]).await;
    assert_eq!(text(&again, "Endpoint"), text(&first, "Endpoint"));
}

// Rule of AWS: only an available DB instance is snapshotted; it is backing-up meanwhile.
// Rule of AWS: deletion protection refuses, a stopped DB instance is not modified.
// Rule of AWS: identifiers keep their rules.
#[tokio::test]
async fn names_states_and_protection_refuse() {
    let aws = LocalAws::start(FAST);
    let account = aws.account(SOURCE);
    let protected = [("DeletionProtection", "true"), ("StorageEncrypted", "true")];
    create(account, "orders", &protected).await;
    let named = [("DBInstanceIdentifier", "orders")];
    let refused =
        async |action: &str, parameters: &[(&str, &str)]| account.rds(action, parameters).await.unwrap_err();

    let snapshot = [named[0], ("DBSnapshotIdentifier", "orders-1")];
    account.rds("CreateDBSnapshot", &snapshot).await.unwrap();
    let second = [named[0], ("DBSnapshotIdentifier", "orders-2")];
    assert_eq!(refused("CreateDBSnapshot", &second).await, "InvalidDBInstanceState");
    assert_eq!(refused("CreateDBSnapshot", &snapshot).await, "DBSnapshotAlreadyExists");
    assert_eq!(refused("DeleteDBSnapshot", &snapshot[1..]).await, "InvalidDBSnapshotState");
    account.snapshot("orders-1").await;
    let share = [snapshot[1], ("AttributeName", "restore"), ("ValuesToAdd.AttributeValue.1", TARGET)];
    let default_key = refused("ModifyDBSnapshotAttribute", &share).await;
    assert_eq!(default_key, "InvalidParameterValue", "the key aws/rds cannot be shared");

    let restore = [named[0], snapshot[1]];
    assert_eq!(refused("RestoreDBInstanceFromDBSnapshot", &restore).await, "DBInstanceAlreadyExists");
    let elsewhere = [("DBInstanceIdentifier", "x"), snapshot[1], ("DBSubnetGroupName", "none")];
    assert_eq!(refused("RestoreDBInstanceFromDBSnapshot", &elsewhere).await, "DBSubnetGroupNotFoundFault");
    let misnamed = [("DBInstanceIdentifier", "x--y"), snapshot[1]];
    assert_eq!(refused("RestoreDBInstanceFromDBSnapshot", &misnamed).await, "InvalidParameterValue");

    let delete = [named[0], ("SkipFinalSnapshot", "true")];
    assert_eq!(refused("DeleteDBInstance", &delete).await, "InvalidParameterCombination");
    assert_eq!(refused("DescribeDBSnapshots", &[("MaxRecords", "19")]).await, "InvalidParameterValue");
    assert_eq!(refused("BuyReservedDB", &[]).await, "InvalidAction");
    assert_eq!(refused("CreateDBSnapshot", &named).await, "MissingParameter");

    // Accounts and Regions do not see one another.
    assert_eq!(
        aws.account(TARGET).rds("DescribeDBInstances", &named).await.unwrap_err(),
        "DBInstanceNotFound"
    );
    let other_region = account.in_region("eu-west-1");
    assert_eq!(other_region.rds("DescribeDBInstances", &named).await.unwrap_err(), "DBInstanceNotFound");
}

#[tokio::test]
async fn a_snapshot_fails_on_request_and_the_next_does_not() {
    let aws = LocalAws::start(FAST);
    let account = aws.account(SOURCE);
    create(account, "orders", &[]).await;
    aws.misbehave(json!({ "snapshotFails": { "dbInstanceIdentifier": "orders", "atPercent": 40 } })).await;
    for (snapshot, status, percent) in [("orders-1", "failed", "40"), ("orders-2", "available", "100")] {
        let names = [("DBInstanceIdentifier", "orders"), ("DBSnapshotIdentifier", snapshot)];
        account.rds("CreateDBSnapshot", &names).await.unwrap();
        let ended = account.snapshot_in(snapshot, status).await;
        assert_eq!(text(&ended, "PercentProgress").as_deref(), Some(percent));
        account.instance("orders").await;
    }
}

#[tokio::test]
async fn every_call_is_recorded_by_who_and_what_but_no_secret() {
    let aws = LocalAws::start(FAST);
    let (source, target) = (aws.account(SOURCE), aws.account(TARGET));
    let secret =
        json!({ "Name": "orders", "SecretString": "do-not-tell", "ClientRequestToken": "t".repeat(32) });
    source.json("secretsmanager", "secretsmanager.CreateSecret", secret).await;
    let id = json!({ "SecretId": "orders" });
    let value = source.json("secretsmanager", "secretsmanager.GetSecretValue", id.clone()).await;
    assert_eq!(value["SecretString"], "do-not-tell", "what is not RDS passes through");
    target.json("secretsmanager", "secretsmanager.GetSecretValue", id).await;
    target.rds("DescribeDBInstances", &[("DBInstanceIdentifier", "none")]).await.unwrap_err();

    let calls = aws.calls().await;
    let shown = |call: &Value| {
        let words = ["who", "service", "operation", "resource", "error"]
            .map(|name| call[name].as_str().unwrap_or("-"));
        format!("{} {} {}", call["sequence"], words.join(" "), call["status"])
    };
    assert_eq!(
        calls.iter().map(shown).collect::<Vec<_>>(),
        [
            "1 111111111111/root secretsmanager CreateSecret orders - 200",
            "2 111111111111/root secretsmanager GetSecretValue orders - 200",
            "3 222222222222/root secretsmanager GetSecretValue orders ResourceNotFoundException 400",
            "4 222222222222/root rds DescribeDBInstances none DBInstanceNotFound 404",
        ]
    );
    assert!(!Value::from(calls).to_string().contains("do-not-tell"));
}

#[tokio::test]
async fn a_function_is_known_by_its_role() {
    let aws = LocalAws::start(FAST);
    let target = aws.account(TARGET);
    let look = json!({ "Effect": "Allow", "Action": "rds:DescribeDBInstances", "Resource": "*" });
    let key = target.role("CopyRole", look).await;
    aws.account(&key).rds("DescribeDBInstances", &[]).await.unwrap();
    let calls = aws.calls().await;
    let last = calls.last().unwrap();
    assert_eq!((&last["who"], &last["accountId"]), (&json!("222222222222/CopyRole"), &json!(TARGET)));
}

#[tokio::test]
async fn nothing_survives_a_killed_local_aws() {
    let mut aws = LocalAws::start(FAST);
    let orders = create(aws.account(SOURCE), "orders", &[]).await;
    let mut connection = log_in(&aws, &orders, "Orders_Master", PASSWORD, "orders").await.unwrap();
    aws.child.kill().unwrap();
    // Also with a client connected, the server ends.
    until(async || connection.ping().await.err()).await;
    until(async || log_in(&aws, &orders, "Orders_Master", PASSWORD, "orders").await.err()).await;
}
