//! What RDS refuses, and how a Describe finds. One test for each rule.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use support::{Account, shared, text};

type Parameters<'a> = Vec<(&'a str, &'a str)>;

/// The DB instances `orders` and `payroll`, with a manual snapshot of each.
async fn with_two(account_id: &str) -> Account<'_> {
    let account = shared().account(account_id);
    account.create_and_take("orders", &[]).await;
    account.create_and_take("payroll", &[]).await;
    account
}

fn filter<'a>(name: &'a str, value: &'a str) -> Parameters<'a> {
    vec![("Filters.Filter.1.Name", name), ("Filters.Filter.1.Values.Value.1", value)]
}

/// The texts of all elements of this name, with commas between.
fn all(answer: Result<String, String>, name: &str) -> String {
    let answer = match answer {
        Ok(xml) => xml,
        Err(code) => return code,
    };
    let mut rest = answer.as_str();
    let mut texts = Vec::new();
    while let Some(found) = text(rest, name) {
        rest = rest.split_once(&format!("</{name}>")).unwrap().1;
        texts.push(found);
    }
    texts.join(",")
}

// Rule of AWS: an identifier beside filters is one more value of its filter.
#[tokio::test]
async fn an_identifier_beside_filters_is_one_more_value_of_its_filter() {
    let account = with_two("310000000001").await;
    for (operation, element, identifier, named, both) in [
        ("DescribeDBInstances", "DBInstanceIdentifier", "db-instance-id", "orders", "orders,payroll"),
        ("DescribeDBSnapshots", "DBSnapshotIdentifier", "db-snapshot-id", "orders-1", "orders-1,payroll-1"),
    ] {
        let other = both.rsplit(',').next().unwrap();
        let not_found =
            if element == "DBInstanceIdentifier" { "DBInstanceNotFound" } else { "DBSnapshotNotFound" };
        let found = async |given: &str, filter: Parameters<'_>| {
            let named = [(element, given)];
            all(account.rds(operation, &[&named[..], &filter].concat()).await, element)
        };
        assert_eq!(found(named, filter(identifier, other)).await, both);
        assert_eq!(found("none", filter(identifier, other)).await, other);
        assert_eq!(found(named, filter("engine", "mysql")).await, not_found);
        assert_eq!(found("none", filter("engine", "postgres")).await, not_found);
        assert_eq!(found(named, filter("engine", "postgres")).await, named);
        assert_eq!(found("", filter("engine", "mysql")).await, "", "without an identifier, a list");
    }
    let unknown = [("DBSnapshotIdentifier", "none"), ("DBInstanceIdentifier", "orders")];
    assert_eq!(all(account.rds("DescribeDBSnapshots", &unknown).await, "DBSnapshotIdentifier"), "");
}

// Rule of AWS: filters are checked before anything is looked for.
#[tokio::test]
async fn wrong_filters_are_refused_while_nothing_exists() {
    let account = shared().account("310000000002");
    let arn_of_a_cluster = "arn:aws:rds:eu-central-1:310000000002:cluster:orders";
    for (operation, parameters, code) in [
        ("DescribeDBInstances", filter("tag:team", "orders"), "InvalidParameterValue"),
        ("DescribeDBSnapshots", filter("status", "available"), "InvalidParameterValue"),
        ("DescribeDBSubnetGroups", filter("name", "x"), "InvalidParameterValue"),
        ("DescribeDBParameterGroups", filter("name", "x"), "InvalidParameterValue"),
        ("DescribeOptionGroups", filter("name", "x"), "InvalidParameterValue"),
        ("DescribeDBSnapshots", vec![("SnapshotType", "own")], "InvalidParameterValue"),
        ("DescribeDBInstances", filter("db-instance-id", "or_ders"), "InvalidParameterValue"),
        ("DescribeDBInstances", filter("db-instance-id", arn_of_a_cluster), "InvalidParameterValue"),
        ("DescribeDBInstances", vec![("DBInstanceIdentifier", "or--ders")], "InvalidParameterValue"),
        ("DescribeDBSnapshots", filter("db-snapshot-id", "or_ders"), "InvalidParameterValue"),
        (
            "DescribeDBInstances",
            vec![("Filters.Filter.1.Name", "engine"), ("Filters.Filter.1.Values", "")],
            "InvalidParameterCombination",
        ),
    ] {
        assert_eq!(
            account.rds(operation, &parameters).await.unwrap_err(),
            code,
            "{operation} {parameters:?}"
        );
    }
}

// Rule of AWS: a parameter for a name takes neither an ARN nor nothing.
#[tokio::test]
async fn an_identifier_is_neither_blank_nor_malformed_nor_an_arn() {
    let account = shared().account("310000000003");
    let instance = "arn:aws:rds:eu-central-1:310000000003:db:orders";
    let snapshot = "arn:aws:rds:eu-central-1:310000000003:snapshot:orders-1";
    let (of_instance, of_snapshot) = ("DBInstanceIdentifier", "DBSnapshotIdentifier");
    for (operation, parameter, arn, beside) in [
        ("ModifyDBInstance", of_instance, instance, vec![]),
        ("ModifyDBInstance", "NewDBInstanceIdentifier", instance, vec![(of_instance, "orders")]),
        ("StartDBInstance", of_instance, instance, vec![]),
        ("StopDBInstance", of_instance, instance, vec![]),
        ("DeleteDBInstance", of_instance, instance, vec![("SkipFinalSnapshot", "true")]),
        ("CreateDBSnapshot", of_instance, instance, vec![(of_snapshot, "orders-1")]),
        ("CreateDBSnapshot", of_snapshot, snapshot, vec![(of_instance, "orders")]),
        ("DeleteDBSnapshot", of_snapshot, snapshot, vec![]),
        ("CopyDBSnapshot", "TargetDBSnapshotIdentifier", snapshot, vec![("SourceDBSnapshotIdentifier", "a")]),
        ("CopyDBSnapshot", "SourceDBSnapshotIdentifier", instance, vec![("TargetDBSnapshotIdentifier", "a")]),
        ("RestoreDBInstanceFromDBSnapshot", of_snapshot, instance, vec![(of_instance, "orders")]),
        ("ModifyDBSnapshotAttribute", of_snapshot, snapshot, vec![("AttributeName", "restore")]),
        ("DescribeDBSnapshotAttributes", of_snapshot, snapshot, vec![]),
    ] {
        for given in ["", " ", "or_ders", "orders-", arn] {
            let parameters = [&beside[..], &[(parameter, given)]].concat();
            let (code, message) = account.refused(operation, &parameters).await;
            assert_eq!(code, "InvalidParameterValue", "{operation} {parameter} {given}");
            assert!(message.starts_with(&format!("The parameter {parameter} ")), "{message}");
        }
    }
    let shared_rds = [(of_snapshot, "rds:orders-2026-11-20-03-00"), ("AttributeName", "restore")];
    assert_eq!(
        account.rds("ModifyDBSnapshotAttribute", &shared_rds).await.unwrap_err(),
        "InvalidParameterValue"
    );
    let seen = account.rds("DescribeDBSnapshotAttributes", &shared_rds[..1]).await;
    assert_eq!(seen.unwrap_err(), "DBSnapshotNotFound", "but it is described");
}

// Rule of AWS: the backup window and the maintenance window do not overlap.
#[tokio::test]
async fn windows_are_checked_together_and_shown_in_lower_case() {
    let account = shared().account("310000000004");
    let (backup, maintenance) = ("PreferredBackupWindow", "PreferredMaintenanceWindow");
    let both = [(backup, "04:00-05:00"), (maintenance, "Mon:04:30-Mon:05:00")];
    assert_eq!(account.ask_for("orders", &both).await.unwrap_err(), "InvalidParameterValue");
    let created = account.create("orders", &[(maintenance, "SUN:03:00-Sun:03:30")]).await;
    assert_eq!(text(&created, maintenance).as_deref(), Some("sun:03:00-sun:03:30"));
    assert_eq!(text(&created, backup).as_deref(), Some("03:30-04:00"), "RDS chooses one that fits");
    let modify = async |windows: &[(&str, &str)]| {
        let named = [("DBInstanceIdentifier", "orders")];
        account.refused("ModifyDBInstance", &[&named[..], windows].concat()).await
    };
    let overlap = "The backup window and maintenance window must not overlap.";
    let value = "InvalidParameterValue".to_owned();
    assert_eq!(modify(&[(maintenance, "mon:03:45-mon:04:15")]).await, (value.clone(), overlap.to_owned()));
    assert_eq!(modify(&[(backup, "03:00-03:30")]).await, (value, overlap.to_owned()));
    account.take("orders", "orders-1").await;
    let restored = account.restore("orders-1", "orders-2", &[(backup, "04:00-05:00")]).await.unwrap();
    assert_eq!(text(&restored, backup).as_deref(), Some("04:00-05:00"));
    let refused = account.restore("orders-1", "orders-3", &[(backup, "4:00-5:00")]).await;
    assert_eq!(refused.unwrap_err(), "InvalidParameterValue");
}

// Rule of AWS: Enhanced Monitoring needs an interval and a role.
#[tokio::test]
async fn enhanced_monitoring_needs_an_interval_and_a_role() {
    let account = shared().account("310000000005");
    let (interval, role) = ("MonitoringInterval", ("MonitoringRoleArn", "arn:aws:iam::310000000005:role/m"));
    let combination = "InvalidParameterCombination";
    for (given, code) in [
        (vec![(interval, "7"), role], "InvalidParameterValue"),
        (vec![(interval, "60")], combination),
        (vec![(interval, "0"), role], combination),
        (vec![role], combination),
    ] {
        assert_eq!(account.ask_for("orders", &given).await.unwrap_err(), code, "{given:?}");
    }
    account.create("orders", &[]).await;
    let named = ("DBInstanceIdentifier", "orders");
    let modify =
        async |given: &[(&str, &str)]| account.rds("ModifyDBInstance", &[&[named], given].concat()).await;
    assert_eq!(modify(&[(interval, "60")]).await.unwrap_err(), combination);
    modify(&[(interval, "60"), role]).await.unwrap();
}
