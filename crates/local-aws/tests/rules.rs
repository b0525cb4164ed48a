//! RDS's rules, one test each.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Account, LocalAws, shared, text, until};

/// An instance with one manual snapshot.
async fn with_snapshot<'a>(account_id: &'a str, more: &[(&str, &str)]) -> Account<'a> {
    let account = shared().account(account_id);
    account.create_and_take("orders", more).await;
    account
}

// Rule of AWS: a snapshot under an AWS managed key, or an automated one, is not shared.
#[tokio::test]
async fn an_automated_snapshot_is_seen_by_type_and_can_be_copied_but_not_shared_or_deleted() {
    let account = shared().account("300000000001");
    account.create("orders", &[]).await;
    let whose =
        json!({ "accountId": "300000000001", "region": "eu-central-1", "dbInstanceIdentifier": "orders" });
    let (status, answer) = shared().own("automated-snapshot", whose).await;
    assert_eq!(status, 200, "{answer}");
    account.instance("orders").await;
    let listed = account.rds("DescribeDBSnapshots", &[("SnapshotType", "automated")]).await.unwrap();
    let name = text(&listed, "DBSnapshotIdentifier").unwrap();
    assert!(name.starts_with("rds:orders-") && answer.contains(&name));
    assert_eq!(text(&listed, "SnapshotType").as_deref(), Some("automated"));
    let named = [("DBSnapshotIdentifier", &*name)];
    assert_eq!(account.rds("DescribeDBSnapshots", &named).await.unwrap_err(), "DBSnapshotNotFound");
    let manual = account.rds("DescribeDBSnapshots", &[("SnapshotType", "manual")]).await.unwrap();
    assert_eq!(text(&manual, "DBSnapshotIdentifier"), None);
    assert_eq!(account.share(&name, "300000000002").await.unwrap_err(), "InvalidParameterValue");
    assert_eq!(account.rds("DeleteDBSnapshot", &named).await.unwrap_err(), "InvalidDBSnapshotState");
    account.copy(&name, "orders-1", &[]).await.unwrap();
    let copied = account.snapshot("orders-1").await;
    assert_eq!(text(&copied, "SnapshotType").as_deref(), Some("manual"));
    account.share("orders-1", "300000000002").await.unwrap();
    account
        .rds("DeleteDBInstance", &[("DBInstanceIdentifier", "orders"), ("SkipFinalSnapshot", "true")])
        .await
        .unwrap();
    let automated = [("SnapshotType", "automated")];
    until(async || {
        let listed = account.rds("DescribeDBSnapshots", &automated).await.unwrap();
        text(&listed, "DBSnapshotIdentifier").is_none().then_some(())
    })
    .await;
}

// Rule of AWS: only an available DB instance is snapshotted; it is backing-up meanwhile.
// Rule of AWS: it shows no endpoint early, and goes from available to backing-up and back.
// Rule of AWS: a restored DB instance takes changes in storage-initialization, and no snapshot.
#[tokio::test]
async fn a_new_instance_is_backed_up_first_and_a_restored_one_flaps() {
    // Slower than the others, so that each status is seen.
    let aws = LocalAws::start("0.01");
    let account = aws.account("300000000003");
    account.ask_for("orders", &[]).await.unwrap();
    let seen = account.statuses_until("orders", "available").await;
    assert!(seen.contains(&"backing-up".to_owned()), "the default retention is one day: {seen:?}");
    account.instance("orders").await;
    account.take("orders", "orders-1").await;
    account.restore("orders-1", "orders-2", &[]).await.unwrap();
    let flapping = account.statuses_until("orders-2", "available").await;
    let flaps = ["creating", "storage-initialization", "backing-up", "available"];
    assert_eq!(flapping, flaps);
    let large = [("BackupRetentionPeriod", "0"), ("AllocatedStorage", "200")];
    account.restore("orders-1", "orders-3", &large).await.unwrap();
    account.instance_in("orders-3", "storage-initialization").await;
    let names = [("DBInstanceIdentifier", "orders-3"), ("DBSnapshotIdentifier", "orders-3-1")];
    assert_eq!(account.rds("CreateDBSnapshot", &names).await.unwrap_err(), "InvalidDBInstanceState");
    account.rds("ModifyDBInstance", &[names[0], ("DeletionProtection", "true")]).await.unwrap();
    account.instance("orders-3").await;
    let of_third = [("SnapshotType", "automated"), ("DBInstanceIdentifier", "orders-3")];
    let listed = account.rds("DescribeDBSnapshots", &of_third).await.unwrap();
    assert_eq!(text(&listed, "DBSnapshotIdentifier"), None);
}

// Rule of AWS: a restore names groups that exist, and a class that is sold.
#[tokio::test]
async fn groups_that_a_restore_names_must_exist_and_fit_the_engine() {
    let account = with_snapshot("300000000004", &[]).await;
    let refused =
        async |parameter, name| account.restore("orders-1", "x", &[(parameter, name)]).await.unwrap_err();
    assert_eq!(refused("DBParameterGroupName", "none").await, "DBParameterGroupNotFound");
    assert_eq!(refused("OptionGroupName", "none").await, "OptionGroupNotFoundFault");
    assert_eq!(refused("DBSubnetGroupName", "none").await, "DBSubnetGroupNotFoundFault");
    for (name, family) in [("ours", "postgres16"), ("old", "postgres12")] {
        let group =
            [("DBParameterGroupName", name), ("DBParameterGroupFamily", family), ("Description", "d")];
        account.rds("CreateDBParameterGroup", &group).await.unwrap();
        assert_eq!(
            account.rds("CreateDBParameterGroup", &group).await.unwrap_err(),
            "DBParameterGroupAlreadyExists"
        );
    }
    let options = [
        ("OptionGroupName", "ours"),
        ("EngineName", "postgres"),
        ("MajorEngineVersion", "16"),
        ("OptionGroupDescription", "d"),
    ];
    account.rds("CreateOptionGroup", &options).await.unwrap();
    assert_eq!(refused("DBParameterGroupName", "old").await, "InvalidParameterCombination");
    let both = [("DBParameterGroupName", "Ours"), options[0]];
    account.restore("orders-1", "orders-2", &both).await.unwrap();
    let restored = account.instance("orders-2").await;
    assert_eq!(text(&restored, "DBParameterGroupName").as_deref(), Some("ours"));
    assert_eq!(text(&restored, "OptionGroupName").as_deref(), Some("ours"));
    let named = [("DBParameterGroupName", "ours")];
    assert_eq!(
        account.rds("DeleteDBParameterGroup", &named).await.unwrap_err(),
        "InvalidDBParameterGroupState"
    );
    account.restore("orders-1", "orders-3", &[("DBParameterGroupName", "default.postgres16")]).await.unwrap();
}

// Rule of AWS: a restore names groups that exist, and a class that is sold.
#[tokio::test]
async fn what_rds_does_not_sell_is_refused() {
    let account = with_snapshot("300000000005", &[]).await;
    for (more, code) in [
        (vec![("DBInstanceClass", "db.t2.micro")], "InvalidParameterCombination"),
        (vec![("DBInstanceClass", "t3.micro")], "InvalidParameterValue"),
        (vec![("StorageType", "gp9")], "InvalidParameterValue"),
        (vec![("CACertificateIdentifier", "none")], "CertificateNotFound"),
        (vec![("BackupRetentionPeriod", "36")], "InvalidParameterValue"),
        (vec![("Port", "80")], "InvalidParameterValue"),
        (vec![("MultiAZ", "true"), ("AvailabilityZone", "eu-central-1a")], "InvalidParameterCombination"),
        (vec![("MonitoringInterval", "60")], "InvalidParameterCombination"),
        (vec![("MasterUserPassword", "another-secret")], "InvalidParameterCombination"),
        (vec![("Engine", "mysql")], "InvalidParameterValue"),
    ] {
        assert_eq!(account.restore("orders-1", "x", &more).await.unwrap_err(), code, "{more:?}");
    }
}

// Rule of AWS: every setting of a restore is kept.
#[tokio::test]
async fn every_setting_of_a_restore_and_of_a_modification_is_shown() {
    let account = with_snapshot("300000000006", &[("AllocatedStorage", "400"), ("Port", "5433")]).await;
    let group = account.security_group("copies").await;
    // Parameter, value, and the element that shows the value where it has another name.
    let restored = [
        ("DBInstanceClass", "db.r6g.large", ""),
        ("MultiAZ", "true", ""),
        ("StorageType", "gp3", ""),
        ("Iops", "12000", ""),
        ("StorageThroughput", "500", ""),
        ("EnableIAMDatabaseAuthentication", "true", "IAMDatabaseAuthenticationEnabled"),
        ("CACertificateIdentifier", "rds-ca-ecc384-g1", ""),
        ("BackupRetentionPeriod", "0", ""),
        ("PreferredBackupWindow", "01:00-01:30", ""),
        ("AutoMinorVersionUpgrade", "false", ""),
        ("EngineLifecycleSupport", "open-source-rds-extended-support-disabled", ""),
        ("CopyTagsToSnapshot", "true", ""),
        ("NetworkType", "DUAL", ""),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.1", &*group, "VpcSecurityGroupId"),
        ("PubliclyAccessible", "false", ""),
        ("Domain", "d-1234567890", ""),
        ("DomainIAMRoleName", "rds-directory", "IAMRoleName"),
    ];
    let modified = [
        ("MaxAllocatedStorage", "440", ""),
        ("MonitoringInterval", "60", ""),
        ("MonitoringRoleArn", "arn:aws:iam::300000000006:role/monitor", ""),
        ("EnablePerformanceInsights", "true", "PerformanceInsightsEnabled"),
        ("PerformanceInsightsRetentionPeriod", "31", ""),
        ("DatabaseInsightsMode", "advanced", ""),
        ("PreferredMaintenanceWindow", "sun:05:00-sun:05:30", ""),
        ("DeletionProtection", "true", ""),
    ];
    fn parameters<'a>(settings: &[(&'a str, &'a str, &str)]) -> Vec<(&'a str, &'a str)> {
        settings.iter().map(|(parameter, value, _)| (*parameter, *value)).collect()
    }
    let restore =
        [parameters(&restored), vec![("EnableCloudwatchLogsExports.member.1", "postgresql")]].concat();
    account.restore("orders-1", "orders-2", &restore).await.unwrap();
    account.instance("orders-2").await;
    let named = vec![("DBInstanceIdentifier", "orders-2"), ("ApplyImmediately", "true")];
    account.rds("ModifyDBInstance", &[named, parameters(&modified)].concat()).await.unwrap();
    let shown = account.instance("orders-2").await;
    for (parameter, value, element) in restored.iter().chain(&modified) {
        let element = if element.is_empty() { parameter } else { element };
        assert_eq!(text(&shown, element).as_deref(), Some(*value), "{element}");
    }
    let kept = [
        ("AllocatedStorage", "400"),
        ("DbInstancePort", "5433"),
        ("EnabledCloudwatchLogsExports", "<member>postgresql</member>"),
    ];
    for (element, value) in kept {
        assert_eq!(text(&shown, element).as_deref(), Some(value), "{element}");
    }
}

// Rule of AWS: a snapshot under an AWS managed key, or an automated one, is not shared.
#[tokio::test]
async fn a_key_that_nobody_sees_is_shown_as_sse_rds_and_becomes_another_by_a_copy() {
    let tag = [("Tags.Tag.1.Key", "local-aws:storage-encryption-type"), ("Tags.Tag.1.Value", "sse-rds")];
    let account = with_snapshot("300000000007", &tag).await;
    let snapshot = account.snapshot("orders-1").await;
    assert_eq!(text(&snapshot, "StorageEncryptionType").as_deref(), Some("sse-rds"));
    assert_eq!(text(&snapshot, "KmsKeyId"), None);
    assert_eq!(account.share("orders-1", "300000000008").await.unwrap_err(), "InvalidParameterValue");
    let key = account.key().await;
    account.copy("orders-1", "orders-2", &[("KmsKeyId", &key)]).await.unwrap();
    let copied = account.snapshot("orders-2").await;
    assert_eq!(text(&copied, "StorageEncryptionType").as_deref(), Some("sse-kms"));
    account.share("orders-2", "300000000008").await.unwrap();
}

// Rule of AWS: an unencrypted snapshot becomes encrypted by a copy with a key.
// Rule of AWS: 20 accounts at most; `all` only when unencrypted.
#[tokio::test]
async fn an_unencrypted_snapshot_becomes_encrypted_by_a_copy_with_a_key_and_may_be_public() {
    let account = with_snapshot("300000000009", &[]).await;
    account.share("orders-1", "all").await.unwrap();
    let key = account.key().await;
    account.copy("orders-1", "orders-2", &[("KmsKeyId", &key)]).await.unwrap();
    let copied = account.snapshot("orders-2").await;
    assert_eq!(text(&copied, "Encrypted").as_deref(), Some("true"));
    assert_eq!(account.share("orders-2", "all").await.unwrap_err(), "InvalidParameterValue");
    let elsewhere = account.in_region("eu-west-1");
    let arn = text(&copied, "DBSnapshotArn").unwrap();
    assert_eq!(elsewhere.copy(&arn, "orders-3", &[]).await.unwrap_err(), "InvalidParameterValue");
    let there = elsewhere.key().await;
    elsewhere.copy(&arn, "orders-3", &[("KmsKeyId", &there)]).await.unwrap();
    let far = elsewhere.snapshot("orders-3").await;
    assert_eq!(text(&far, "SourceRegion").as_deref(), Some("eu-central-1"));
}

// Rule of AWS: option groups are copied across accounts only.
#[tokio::test]
async fn an_option_group_is_copied_across_accounts_only() {
    let account = with_snapshot("300000000010", &[]).await;
    let flag = [("CopyOptionGroup", "true")];
    assert_eq!(account.copy("orders-1", "x", &flag).await.unwrap_err(), "InvalidParameterCombination");
    let named = [("OptionGroupName", "none")];
    assert_eq!(account.copy("orders-1", "x", &named).await.unwrap_err(), "OptionGroupNotFoundFault");
    account.share("orders-1", "300000000011").await.unwrap();
    let arn = "arn:aws:rds:eu-central-1:300000000010:snapshot:orders-1";
    shared().account("300000000011").copy(arn, "x", &flag).await.unwrap();
}

// Rule of AWS: 20 accounts at most; `all` only when unencrypted.
#[tokio::test]
async fn a_snapshot_is_shared_with_twenty_accounts_at_most() {
    let account = with_snapshot("300000000012", &[]).await;
    for n in 0..20 {
        account.share("orders-1", &format!("4000000000{n:02}")).await.unwrap();
    }
    account.share("orders-1", "400000000000").await.unwrap();
    assert_eq!(account.share("orders-1", "400000000020").await.unwrap_err(), "SharedSnapshotQuotaExceeded");
}

// Rule of AWS: 100 manual snapshots, 20 copies at once.
#[tokio::test]
async fn a_hundred_manual_snapshots_and_twenty_copies_at_once_are_the_most() {
    let account = with_snapshot("300000000013", &[]).await;
    let held = json!({ "copyIsQueued": { "targetDbSnapshotIdentifier": "c-*", "seconds": 100_000_000 } });
    shared().misbehave(held).await;
    for n in 0..20 {
        account.copy("orders-1", &format!("c-{n}"), &[]).await.unwrap();
    }
    let names = [("SourceDBSnapshotIdentifier", "orders-1"), ("TargetDBSnapshotIdentifier", "c-20")];
    let (code, message) = account.refused("CopyDBSnapshot", &names).await;
    assert_eq!(
        (&*code, &*message),
        ("SnapshotQuotaExceeded", "Cannot copy more than 20 snapshots across regions")
    );
    let attributes = account.rds("DescribeAccountAttributes", &[]).await.unwrap();
    assert!(
        attributes
            .contains("<AccountQuotaName>ManualSnapshots</AccountQuotaName><Used>21</Used><Max>100</Max>")
    );
}

// Rule of AWS: tags are inherited by snapshots and restores unless given.
#[tokio::test]
async fn tags_are_inherited_by_snapshots_and_restores_unless_given() {
    let tag = [("CopyTagsToSnapshot", "true"), ("Tags.Tag.1.Key", "team"), ("Tags.Tag.1.Value", "orders")];
    let account = with_snapshot("300000000014", &tag).await;
    let expected = Some("<Tag><Key>team</Key><Value>orders</Value></Tag>");
    assert_eq!(text(&account.snapshot("orders-1").await, "TagList").as_deref(), expected);
    account.restore("orders-1", "orders-2", &[]).await.unwrap();
    assert_eq!(text(&account.instance("orders-2").await, "TagList").as_deref(), expected);
    let given = [("Tags.Tag.1.Key", "a"), ("Tags.Tag.1.Value", "b")];
    account.restore("orders-1", "orders-3", &given).await.unwrap();
    let only = Some("<Tag><Key>a</Key><Value>b</Value></Tag>");
    assert_eq!(text(&account.instance("orders-3").await, "TagList").as_deref(), only);
    account.copy("orders-1", "orders-4", &[]).await.unwrap();
    assert_eq!(text(&account.snapshot("orders-4").await, "TagList").as_deref(), Some(""));
    account.copy("orders-1", "orders-5", &[("CopyTags", "true")]).await.unwrap();
    assert_eq!(text(&account.snapshot("orders-5").await, "TagList").as_deref(), expected);
    account.copy("orders-1", "orders-6", &[&[("CopyTags", "true")], &given[..]].concat()).await.unwrap();
    assert_eq!(text(&account.snapshot("orders-6").await, "TagList").as_deref(), only, "nothing is merged");
}
