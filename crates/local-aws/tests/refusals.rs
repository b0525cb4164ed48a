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

// Rule of AWS: groups are of an engine version that RDS has, and the default ones can be described.
#[tokio::test]
async fn groups_are_checked_shown_and_found_by_engine_version() {
    let account = shared().account("310000000006");
    let parameters = |name, family| {
        [("DBParameterGroupName", name), ("DBParameterGroupFamily", family), ("Description", "d")]
    };
    let options = |name, engine, version| {
        let both = [("OptionGroupName", name), ("EngineName", engine)];
        [both, [("MajorEngineVersion", version), ("OptionGroupDescription", "d")]].concat()
    };
    for (operation, given, code) in [
        ("CreateDBParameterGroup", parameters("ours", "postgres16.4").to_vec(), "InvalidParameterValue"),
        ("CreateDBParameterGroup", parameters("o_urs", "postgres16").to_vec(), "InvalidParameterValue"),
        ("CreateOptionGroup", options("ours", "postgres", "16.4"), "InvalidParameterCombination"),
        ("CreateOptionGroup", options("ours", "none", "16"), "InvalidParameterValue"),
        ("CreateOptionGroup", options("arn:aws:rds", "postgres", "16"), "InvalidParameterValue"),
        ("DescribeOptionGroups", vec![("MajorEngineVersion", "16")], "InvalidParameterCombination"),
        (
            "DescribeOptionGroups",
            vec![("OptionGroupName", "ours"), ("EngineName", "postgres")],
            "InvalidParameterCombination",
        ),
        (
            "DeleteOptionGroup",
            vec![("OptionGroupName", "default:postgres-16")],
            "InvalidOptionGroupStateFault",
        ),
        (
            "DeleteDBParameterGroup",
            vec![("DBParameterGroupName", "default.postgres16")],
            "InvalidDBParameterGroupState",
        ),
    ] {
        assert_eq!(account.rds(operation, &given).await.unwrap_err(), code, "{operation} {given:?}");
    }
    account.rds("CreateOptionGroup", &options("ours", "postgres", "16")).await.unwrap();
    account.rds("CreateOptionGroup", &options("old", "postgres", "15")).await.unwrap();
    let found = async |given: &[(&str, &str)]| {
        all(account.rds("DescribeOptionGroups", given).await, "OptionGroupName")
    };
    let of = ("EngineName", "postgres");
    assert_eq!(found(&[of]).await, "default:postgres-16,old,ours");
    assert_eq!(found(&[of, ("MajorEngineVersion", "15")]).await, "old");
    assert_eq!(found(&[("OptionGroupName", "default:postgres-16")]).await, "default:postgres-16");
    let named = [("DBParameterGroupName", "default.postgres16")];
    let found = account.rds("DescribeDBParameterGroups", &named).await;
    assert_eq!(all(found, "DBParameterGroupFamily"), "postgres16");
}

// Rule of AWS: the default DB subnet group is described, but never changed.
#[tokio::test]
async fn a_subnet_group_has_a_name_subnets_and_a_default_one() {
    let account = shared().account("310000000007");
    let (name, subnet) = ("DBSubnetGroupName", "SubnetIds.SubnetIdentifier.1");
    let found = account.rds("DescribeDBSubnetGroups", &[(name, "default")]).await;
    assert_eq!(all(found, name), "default");
    let more = [
        ("DBSubnetGroupDescription", "d"),
        (subnet, "subnet-1"),
        ("SubnetIds.SubnetIdentifier.2", "subnet-2"),
    ];
    for given in ["default", "1st", "arn:aws:rds", ""] {
        let create = [&[(name, given)], &more[..]].concat();
        assert_eq!(account.rds("CreateDBSubnetGroup", &create).await.unwrap_err(), "InvalidParameterValue");
    }
    let create = [&[(name, "ours")], &more[..1]].concat();
    assert_eq!(account.rds("CreateDBSubnetGroup", &create).await.unwrap_err(), "InvalidSubnet");
    for operation in ["ModifyDBSubnetGroup", "DeleteDBSubnetGroup"] {
        let given = [&[(name, "default")], &more[..]].concat();
        assert_eq!(account.rds(operation, &given).await.unwrap_err(), "InvalidParameterValue");
    }
}

// Rule of AWS: a DB instance moves to a DB subnet group that exists, in another VPC.
// Rule of AWS: parameters take the values that RDS documents.
#[tokio::test]
async fn unknown_values_are_refused_by_creations_restores_and_modifications() {
    let account = shared().account("310000000008");
    account.create_and_take("orders", &[]).await;
    let modify = async |given: &[(&str, &str)]| {
        let named = [("DBInstanceIdentifier", "orders")];
        account.rds("ModifyDBInstance", &[&named[..], given].concat()).await.unwrap_err()
    };
    assert_eq!(modify(&[("DBSubnetGroupName", "none")]).await, "DBSubnetGroupNotFoundFault");
    assert_eq!(modify(&[("DBSubnetGroupName", "default")]).await, "InvalidVPCNetworkStateFault");
    let (value, combination) = ("InvalidParameterValue", "InvalidParameterCombination");
    for (parameter, given, code) in [
        ("DBInstanceClass", "db.t4g.enormous", value),
        ("DBInstanceClass", "db.q9.large", value),
        ("LicenseModel", "general-public-license", combination),
        ("DBParameterGroupName", "o_urs", value),
        ("OptionGroupName", "arn:aws:rds:eu-central-1:310000000008:og:ours", value),
        ("CACertificateIdentifier", "rds-ca-2015", "CertificateNotFound"),
        ("NetworkType", "IPV6", value),
    ] {
        assert_eq!(modify(&[(parameter, given)]).await, code, "{parameter} {given}");
        let restored = account.restore("orders-1", "x", &[(parameter, given)]).await;
        assert_eq!(restored.unwrap_err(), code, "{parameter} {given}");
        let created = account.ask_for("x", &[(parameter, given)]).await;
        // Where a parameter comes twice, the last one counts.
        assert_eq!(created.unwrap_err(), code, "{parameter} {given}");
    }
    for (parameter, given, code) in [
        ("PerformanceInsightsRetentionPeriod", "94", value),
        ("DatabaseInsightsMode", "best", value),
        ("EngineVersion", "99.1", combination),
        ("Engine", "none", value),
        ("EnableCloudwatchLogsExports.member.1", "audit", combination),
    ] {
        assert_eq!(account.ask_for("x", &[(parameter, given)]).await.unwrap_err(), code, "{parameter}");
    }
}

// Rule of AWS: a DB instance and a snapshot show what a client may wait for or compare.
#[tokio::test]
async fn no_member_is_missing_that_rds_shows() {
    let account = shared().account("310000000009");
    account.create_and_take("orders", &[]).await;
    let orders = account.instance("orders").await;
    let certificate = text(&orders, "CertificateDetails").unwrap();
    assert_eq!(text(&certificate, "CAIdentifier").as_deref(), Some("rds-ca-rsa2048-g1"));
    assert!(text(&certificate, "ValidTill").is_some());
    assert_eq!(text(&orders, "LatestRestorableTime"), None, "it has no automated backups");
    account.ask_for("payroll", &[]).await.unwrap();
    let payroll = account.instance("payroll").await;
    assert!(text(&payroll, "LatestRestorableTime") >= text(&payroll, "InstanceCreateTime"));
    let snapshot = account.snapshot("orders-1").await;
    assert_eq!(text(&snapshot, "BackupRetentionPeriod").as_deref(), Some("0"));
    assert_eq!(text(&snapshot, "PreferredBackupWindow").as_deref(), Some("03:00-03:30"));
    assert!(text(&snapshot, "FullSnapshotSizeInBytes").unwrap().parse::<u64>().unwrap() > 1_000_000);
    let quotas = account.rds("DescribeAccountAttributes", &[]).await.unwrap();
    let storage = "<AccountQuotaName>AllocatedStorage</AccountQuotaName><Used>40</Used><Max>100000</Max>";
    assert!(quotas.contains(storage), "{quotas}");
}
