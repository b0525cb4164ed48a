//! Read replicas over real PostgreSQL servers: their rules, what arrives in them, and their promotion.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use support::{Account, log_in, shared, text, until};

const ELSEWHERE: &str = "eu-west-1";
const NAMES: [(&str, &str); 2] =
    [("DBInstanceIdentifier", "standby"), ("SourceDBInstanceIdentifier", "primary")];

/// A primary that is backed up, and a replica of it in another Region.
async fn pair(account: Account<'_>, more: &[(&str, &str)]) -> (String, String) {
    account.ask_for("primary", more).await.unwrap();
    let source = text(&account.instance("primary").await, "DBInstanceArn").unwrap();
    let there = account.in_region(ELSEWHERE);
    let created = there.replicate(&source, &[]).await;
    assert_eq!(text(&created, "DBInstanceStatus").unwrap(), "creating");
    let named = [("DBInstanceIdentifier", "primary")];
    let busy = account.rds("DescribeDBInstances", &named).await.unwrap();
    assert_eq!(text(&busy, "DBInstanceStatus").unwrap(), "modifying", "RDS takes a snapshot of the source");
    let standby = there.instance("standby").await;
    (account.instance("primary").await, standby)
}

async fn connect(instance: &str) -> PgConnection {
    log_in(shared(), instance, "Orders_Master", "quite-secret", "postgres").await.unwrap()
}

async fn run(connection: &mut PgConnection, statement: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await.map(drop)
}

async fn rows(connection: &mut PgConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(connection).await.ok()
}

/// What the DB instance shows of replication: its source, its replica, and the status.
fn replication(instance: &str) -> (Option<String>, Option<String>, Option<String>) {
    let info = text(instance, "StatusInfos").and_then(|it| text(&it, "Status"));
    let replica = text(instance, "ReadReplicaDBInstanceIdentifier");
    (text(instance, "ReadReplicaSourceDBInstanceIdentifier"), replica, info)
}

// Rules of AWS: a replica follows its source in another Region, takes no writes, and has no source once it is promoted.
// Then both take writes.
#[tokio::test]
async fn a_replica_in_another_region_follows_its_source_until_it_is_promoted() {
    let account = shared().account("920000000001");
    let there = account.in_region(ELSEWHERE);
    let (primary, standby) = pair(account, &[("AllocatedStorage", "33")]).await;
    let arn = |region: &str, name: &str| format!("arn:aws:rds:{region}:920000000001:db:{name}");
    let source = arn("eu-central-1", "primary");
    assert_eq!(replication(&primary), (None, Some(arn(ELSEWHERE, "standby")), None));
    assert_eq!(replication(&standby), (Some(source), None, Some("replicating".to_owned())));
    for (element, expected) in [
        ("MasterUsername", "Orders_Master"),
        ("AllocatedStorage", "33"),
        ("BackupRetentionPeriod", "0"),
        ("Engine", "postgres"),
    ] {
        assert_eq!(text(&standby, element).as_deref(), Some(expected), "{element}");
    }

    let (mut old, mut new) = (connect(&primary).await, connect(&standby).await);
    run(&mut old, "CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 7)")
        .await
        .unwrap();
    until(async || rows(&mut new).await.filter(|it| *it == 7)).await;
    let refused = run(&mut new, "INSERT INTO orders VALUES (8)").await.unwrap_err();
    assert!(refused.to_string().contains("read-only transaction"), "{refused}");

    // A new master password arrives with the rows.
    let password = [("DBInstanceIdentifier", "primary"), ("MasterUserPassword", "another-secret")];
    account.rds("ModifyDBInstance", &password).await.unwrap();
    let other =
        async |it: &str| log_in(shared(), it, "Orders_Master", "another-secret", "postgres").await.ok();
    until(async || other(&standby).await).await;

    // Both have restarted once, and found each other again.
    for (where_, name) in [(account, "primary"), (there, "standby")] {
        where_.instance(name).await;
        where_.rds("RebootDBInstance", &[("DBInstanceIdentifier", name)]).await.unwrap();
        where_.instance(name).await;
    }
    let (mut old, mut new) = (other(&primary).await.unwrap(), other(&standby).await.unwrap());
    run(&mut old, "INSERT INTO orders VALUES (8)").await.unwrap();
    until(async || rows(&mut new).await.filter(|it| *it == 8)).await;

    let named = [("DBInstanceIdentifier", "standby")];
    let slow = json!({ "promotionTakes": { "dbInstanceIdentifier": "standby", "seconds": 1000 } });
    shared().misbehave(slow).await;
    let answer = there.rds("PromoteReadReplica", &named).await.unwrap();
    assert_eq!(text(&answer, "DBInstanceStatus").unwrap(), "available", "the status changes late");
    assert_eq!(there.rds("PromoteReadReplica", &named).await.unwrap_err(), "InvalidDBInstanceState");
    let modifying = there.instance_in("standby", "modifying").await;
    assert!(replication(&modifying).0.is_some(), "it still has its source");
    let promoted = there.promoted("standby").await;
    assert_eq!(replication(&promoted), (None, None, None));
    assert_eq!(text(&promoted, "BackupRetentionPeriod").as_deref(), Some("1"));
    assert_eq!(text(&promoted, "Endpoint"), text(&standby, "Endpoint"));
    assert_eq!(replication(&account.instance("primary").await), (None, None, None));
    let mut new = other(&promoted).await.unwrap();
    run(&mut new, "INSERT INTO orders VALUES (9)").await.unwrap();
    run(&mut old, "INSERT INTO orders VALUES (9), (10)").await.unwrap();
    assert_eq!((rows(&mut old).await, rows(&mut new).await), (Some(10), Some(9)));
    // The old primary keeps no changes for it any more.
    let slots = "SELECT count(*) FROM pg_replication_slots";
    until(async || sqlx::query_scalar::<_, i64>(slots).fetch_one(&mut old).await.ok().filter(|it| *it == 0))
        .await;
    assert_eq!(there.rds("PromoteReadReplica", &named).await.unwrap_err(), "InvalidDBInstanceState");
}

// Rule of AWS: a DB snapshot of a replica is restored to a DB instance of its own.
#[tokio::test]
async fn in_one_region_a_replica_takes_its_place_from_the_source_and_a_restored_one_follows_nobody() {
    let account = shared().account("920000000002");
    account.ask_for("primary", &[]).await.unwrap();
    account.instance("primary").await;
    account.replicate("primary", &[]).await;
    let standby = account.instance("standby").await;
    assert_eq!(replication(&standby).0.as_deref(), Some("primary"));
    assert_eq!(replication(&account.instance("primary").await).1.as_deref(), Some("standby"));

    account.take("standby", "standby-1").await;
    account.restore("standby-1", "alone", &[("DBInstanceClass", "db.t4g.micro")]).await.unwrap();
    let alone = until(async || {
        let named = [("DBInstanceIdentifier", "alone")];
        account.rds("DescribeDBInstances", &named).await.ok().filter(|it| text(it, "Endpoint").is_some())
    });
    let alone = alone.await;
    assert_eq!(replication(&alone), (None, None, None));
    run(&mut connect(&alone).await, "CREATE TABLE orders ()").await.unwrap();

    // The source's name may change: the replica follows it.
    let rename = [
        ("DBInstanceIdentifier", "primary"),
        ("NewDBInstanceIdentifier", "old-primary"),
        ("ApplyImmediately", "true"),
    ];
    let before = account.instance("primary").await;
    account.rds("ModifyDBInstance", &rename).await.unwrap();
    let renamed = account.instance("old-primary").await;
    assert_eq!(text(&renamed, "DbiResourceId"), text(&before, "DbiResourceId"));
    assert_eq!(replication(&account.instance("standby").await).0.as_deref(), Some("old-primary"));

    // The source goes, the replica stays as it is.
    let delete = [("DBInstanceIdentifier", "old-primary"), ("SkipFinalSnapshot", "true")];
    account.rds("DeleteDBInstance", &delete).await.unwrap();
    let named = [("DBInstanceIdentifier", "old-primary")];
    until(async || account.rds("DescribeDBInstances", &named).await.err()).await;
    let orphan = account.instance("standby").await;
    assert_eq!(replication(&orphan).2.as_deref(), Some("terminated"));
    account.rds("PromoteReadReplica", &[("DBInstanceIdentifier", "standby")]).await.unwrap();
    run(&mut connect(&account.promoted("standby").await).await, "CREATE TABLE orders ()").await.unwrap();
}

// Rules of AWS, each with the code that RDS answers.
#[tokio::test]
async fn what_a_replica_and_its_source_cannot_do_is_refused() {
    let account = shared().account("920000000003");
    let there = account.in_region(ELSEWHERE);
    let refused = async |at: Account<'_>, action: &str, given: &[(&str, &str)]| {
        let (code, message) = at.refused(action, given).await;
        format!("{code}: {message}")
    };
    let create = "CreateDBInstanceReadReplica";
    account.create("unbacked", &[]).await;
    let of =
        |source: &'static str| [("DBInstanceIdentifier", "standby"), ("SourceDBInstanceIdentifier", source)];
    let why = refused(account, create, &of("unbacked")).await;
    assert!(why.starts_with("InvalidDBInstanceState: Automated backups are not enabled"), "{why}");
    assert!(refused(account, create, &of("nobody")).await.starts_with("DBInstanceNotFound"));
    let of_others = of("arn:aws:rds:eu-central-1:920000000009:db:unbacked");
    assert!(refused(account, create, &of_others).await.starts_with("DBInstanceNotFound"));
    let alone = [("DBInstanceIdentifier", "unbacked")];
    let why = refused(account, "PromoteReadReplica", &alone).await;
    assert!(why.starts_with("InvalidDBInstanceState") && why.contains("not a read replica"), "{why}");

    pair(account, &[]).await;
    let (primary, standby) = ([("DBInstanceIdentifier", "primary")], [("DBInstanceIdentifier", "standby")]);
    for (at, action, named, more, expected) in [
        (
            there,
            "StopDBInstance",
            standby,
            ("", ""),
            "InvalidDBInstanceState: Cannot stop or start a Read-Replica",
        ),
        (account, "StopDBInstance", primary, ("", ""), "InvalidDBInstanceState: Cannot stop primary"),
        (
            there,
            "ModifyDBInstance",
            standby,
            ("MasterUserPassword", "a-new-password"),
            "InvalidParameterCombination: Cannot change master user password",
        ),
        (
            account,
            "ModifyDBInstance",
            primary,
            ("BackupRetentionPeriod", "0"),
            "InvalidParameterCombination: Backups",
        ),
        (
            there,
            "DeleteDBInstance",
            standby,
            ("FinalDBSnapshotIdentifier", "last"),
            "InvalidParameterCombination: FinalDBSnapshotIdentifier can not be specified",
        ),
        (
            account,
            create,
            [("DBInstanceIdentifier", "another")],
            ("EngineVersion", "16.14"),
            "InvalidParameterCombination: EngineVersion cannot be given",
        ),
        (
            account,
            create,
            [("DBInstanceIdentifier", "another")],
            ("DBParameterGroupName", "default.postgres16"),
            "InvalidParameterCombination: A parameter group",
        ),
    ] {
        let source = [("SourceDBInstanceIdentifier", "primary"), more];
        let why = refused(at, action, &[&named[..], &source[usize::from(action != create)..]].concat()).await;
        assert!(why.starts_with(expected), "{action}: {why}");
    }
    // While RDS backs the replica up, it is not promoted.
    there
        .rds("CreateDBSnapshot", &[("DBInstanceIdentifier", "standby"), ("DBSnapshotIdentifier", "s-1")])
        .await
        .unwrap();
    assert!(refused(there, "PromoteReadReplica", &standby).await.starts_with("InvalidDBInstanceState"));
    there.snapshot("s-1").await;

    // Deleted, it leaves the source alone.
    there.instance("standby").await;
    let delete = [standby[0], ("SkipFinalSnapshot", "true")];
    there.rds("DeleteDBInstance", &delete).await.unwrap();
    until(async || there.rds("DescribeDBInstances", &standby).await.err()).await;
    assert_eq!(replication(&account.instance("primary").await), (None, None, None));
    account.rds("StopDBInstance", &primary).await.unwrap();
}

// Rule of AWS: in another Region an encrypted replica needs a key of that Region.
#[tokio::test]
async fn an_encrypted_replica_has_a_key_of_its_region() {
    let account = shared().account("920000000004");
    let there = account.in_region(ELSEWHERE);
    account.ask_for("primary", &[("StorageEncrypted", "true")]).await.unwrap();
    let primary = account.instance("primary").await;
    let source = text(&primary, "DBInstanceArn").unwrap();
    let names = [("DBInstanceIdentifier", "standby"), ("SourceDBInstanceIdentifier", &*source)];
    let create = async |key: &[(&str, &str)]| {
        there.rds("CreateDBInstanceReadReplica", &[&names[..], key].concat()).await
    };
    let refused = async |key: &[(&str, &str)]| {
        // While RDS backs the source up, it refuses everything.
        let busy = |code: &String| code == "InvalidDBInstanceState";
        until(async || create(key).await.err().filter(|code| !busy(code))).await
    };
    assert_eq!(refused(&[]).await, "InvalidParameterCombination");
    let theirs = account.key().await;
    assert_eq!(refused(&[("KmsKeyId", &theirs)]).await, "KMSKeyNotAccessibleFault");
    let key = there.key().await;
    there.replicate(&source, &[("KmsKeyId", &key)]).await;
    assert_eq!(text(&there.instance("standby").await, "KmsKeyId"), Some(key.clone()));
    let theirs = [("KmsKeyId", &*theirs)];
    account.instance("primary").await;
    let same_region = [&NAMES[..], &theirs].concat();
    let (code, _) = account.refused("CreateDBInstanceReadReplica", &same_region).await;
    assert_eq!(code, "InvalidParameterCombination");
}

// Rule of IAM: a replica needs permission for itself, for its source in the other Region, and for the groups that it gets.
#[tokio::test]
async fn a_role_makes_a_replica_only_if_it_may_use_replica_source_and_groups() {
    let account = shared().account("920000000005");
    let there = account.in_region(ELSEWHERE);
    account.ask_for("primary", &[]).await.unwrap();
    let source = text(&account.instance("primary").await, "DBInstanceArn").unwrap();
    let of = |resources: &[&str]| {
        let resources = resources.iter().map(|it| format!("arn:aws:rds:{it}"));
        let resources: Vec<String> = resources.collect();
        json!([{ "Effect": "Allow", "Action": "rds:CreateDBInstanceReadReplica", "Resource": resources }])
    };
    let replica = "eu-west-1:920000000005:db:standby";
    let groups = ["pg", "og", "subgrp"].map(|kind| format!("eu-west-1:920000000005:{kind}:*"));
    let groups = [groups[0].as_str(), &groups[1], &groups[2]];
    let all = [&[replica, "eu-central-1:920000000005:db:primary"][..], &groups[..]].concat();
    let key = there.role("Follow", of(&[])).await;
    let role = shared().account(&key).in_region(ELSEWHERE);
    let names = [("DBInstanceIdentifier", "standby"), ("SourceDBInstanceIdentifier", &*source)];
    for missing in 0..all.len() {
        let but_one: Vec<_> = all.iter().enumerate().filter(|(n, _)| *n != missing).map(|it| *it.1).collect();
        there.put_policy("Follow", of(&but_one)).await;
        // A new policy is heard of a little later.
        let denied = until(async || {
            let (code, message) = role.refused("CreateDBInstanceReadReplica", &names).await;
            message.contains(all[missing].trim_end_matches('*')).then_some(code)
        });
        assert_eq!(denied.await, "AccessDenied", "without {}", all[missing]);
    }
    there.put_policy("Follow", of(&all)).await;
    until(async || role.rds("CreateDBInstanceReadReplica", &names).await.ok()).await;
    there.instance("standby").await;
    let named = [("DBInstanceIdentifier", "standby")];
    assert_eq!(role.rds("PromoteReadReplica", &named).await.unwrap_err(), "AccessDenied");
}
