//! `Restore` on the real RDS client: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_rds::Client;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::operation::add_tags_to_resource::AddTagsToResourceOutput;
use aws_sdk_rds::operation::modify_db_instance::ModifyDbInstanceOutput;
use aws_sdk_rds::types::{DbInstance, Endpoint};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use replication::Run;
use restore::{Error, Response, handle};
use serde_json::{Value, json};
use support::*;
use test_support::{Calls, assert_fails, rds_fault, tags_sent};

#[tokio::test]
async fn the_shortest_restore_says_explicitly_that_it_is_neither_public_nor_protected() {
    let (answer, sent) = look(&[no_instance(), started()], request()).await;
    assert_eq!(sent, [look_at_instance(), restore(json!({})), json!({"Action": "DescribeDBInstances"})]);
    assert_waits(answer);
}

#[tokio::test]
async fn every_setting_of_the_copy_is_asked_for() {
    let (_, sent) = look(&[no_instance(), started()], with(&["dbInstance"], source())).await;
    let expected = json!({
        "DBInstanceClass": "db.r6g.large", "MultiAZ": "true", "Port": "5433", "StorageType": "io1",
        "Iops": "12000", "StorageThroughput": "500", "EnableIAMDatabaseAuthentication": "true",
        "EnableCloudwatchLogsExports.member.1": "postgresql", "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "PreferredBackupWindow": "03:00-03:30", "AutoMinorVersionUpgrade": "false",
        "EngineLifecycleSupport": "open-source-rds-extended-support",
        "LicenseModel": "license-included", "CopyTagsToSnapshot": "true", "NetworkType": "IPV4",
    });
    assert_eq!(sent[1], restore_for_days("7", expected));
}

#[tokio::test]
async fn every_setting_is_asked_for_as_it_is_said_also_when_it_turns_something_off() {
    let mut request = request();
    request["dbInstance"] = json!({
        "dbInstanceClass": "db.t4g.medium", "multiAz": false, "port": 5432, "storageType": "gp3", "iops": 3000,
        "storageThroughput": 125, "enableIamDatabaseAuthentication": false,
        "enableCloudwatchLogsExports": ["upgrade", "postgresql"], "caCertificateIdentifier": "rds-ca-ecc384-g1",
        "backupRetentionPeriod": 0, "preferredBackupWindow": "05:00-05:30", "autoMinorVersionUpgrade": true,
        "engineLifecycleSupport": "open-source-rds-extended-support-disabled",
        "licenseModel": "bring-your-own-license", "copyTagsToSnapshot": false, "networkType": "DUAL",
        "deletionProtection": true, "dedicatedLogVolume": false, "useDefaultProcessorFeatures": false,
        "processorFeatures": [{"name": "coreCount", "value": "4"}],
    });
    let (_, sent) = look(&[no_instance(), started()], request).await;
    let expected = json!({
        "DBInstanceClass": "db.t4g.medium", "MultiAZ": "false", "Port": "5432", "StorageType": "gp3",
        "Iops": "3000", "StorageThroughput": "125", "EnableIAMDatabaseAuthentication": "false",
        "EnableCloudwatchLogsExports.member.1": "upgrade", "EnableCloudwatchLogsExports.member.2": "postgresql",
        "CACertificateIdentifier": "rds-ca-ecc384-g1",
        "PreferredBackupWindow": "05:00-05:30", "AutoMinorVersionUpgrade": "true",
        "EngineLifecycleSupport": "open-source-rds-extended-support-disabled",
        "LicenseModel": "bring-your-own-license", "CopyTagsToSnapshot": "false", "NetworkType": "DUAL",
        "DedicatedLogVolume": "false", "UseDefaultProcessorFeatures": "false",
        "ProcessorFeatures.ProcessorFeature.1.Name": "coreCount",
        "ProcessorFeatures.ProcessorFeature.1.Value": "4",
    });
    assert_eq!(sent[1], restore_for_days("0", expected));
}

#[tokio::test]
async fn the_copy_is_placed_where_the_target_says_and_in_quarantine_until_it_is_live() {
    let placement = json!({
        "dbSubnetGroupName": "subnets", "dbParameterGroupName": "parameters", "optionGroupName": "options",
        "publiclyAccessible": true, "vpcSecurityGroupIds": ["sg-app"],
        "quarantineSecurityGroupIds": ["sg-verify", "sg-dba"],
    });
    let request = with(&["placement"], placement);
    let (_, sent) = look(&[no_instance(), started()], request).await;
    let expected = json!({
        "DBSubnetGroupName": "subnets", "DBParameterGroupName": "parameters", "OptionGroupName": "options",
        "VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-verify", "PubliclyAccessible": "true",
        "VpcSecurityGroupIds.VpcSecurityGroupId.2": "sg-dba",
    });
    assert_eq!(sent[1], restore(expected));
}

#[tokio::test]
async fn the_copy_comes_up_in_the_quarantines_parameter_group_which_is_told_by_its_setting() {
    let placement =
        json!({"dbParameterGroupName": "parameters", "quarantineDbParameterGroupName": "quarantine"});
    let request = with(&["placement"], placement);
    let (_, sent) = look(&[no_instance(), started()], request.clone()).await;
    assert_eq!(sent[1], restore(json!({"DBParameterGroupName": "quarantine"})));
    let (answer, _) = look(&[no_instance(), refused("DBParameterGroupNotFound")], request).await;
    assert_fails(answer, "Snapferry.ParameterGroupNotFound", "placement.quarantineDbParameterGroupName");
}

#[tokio::test]
async fn without_a_quarantine_the_copy_comes_up_in_the_applications_groups() {
    let request = with(&["placement"], json!({"vpcSecurityGroupIds": ["sg-app"]}));
    let (_, sent) = look(&[no_instance(), started()], request).await;
    assert_eq!(sent[1], restore(json!({"VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-app"})));
}

#[tokio::test]
async fn the_copy_joins_the_directory_of_the_settings() {
    let request =
        with(&["placement"], json!({"domain": "d-1234567890", "domainIamRoleName": "rds-directory"}));
    let (_, sent) = look(&[no_instance(), started()], request).await;
    assert_eq!(sent[1], restore(json!({"Domain": "d-1234567890", "DomainIAMRoleName": "rds-directory"})));
}

#[tokio::test]
async fn the_settings_tags_are_on_the_copy_but_never_in_place_of_snapferrys() {
    let tags = json!({"snapferry:run": "20200101t000000z-0000", "team": "orders"});
    let request = with(&["placement"], json!({ "tags": tags }));
    let (_, sent) = look(&[no_instance(), started()], request).await;
    assert_eq!(sent[1], restore(json!({"Tags.Tag.4.Key": "team", "Tags.Tag.4.Value": "orders"})));
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let (mut request, mut tags, mut done) = (request(), step::Tags::new(), false);
    let made = |tags: &step::Tags| {
        let endpoint = Endpoint::builder().address("db").port(5432).build();
        found(tagged(tags.clone()).db_instance_status("available").endpoint(endpoint))
    };
    let mut seen = no_instance();
    while !done {
        let tagged =
            mock!(Client::add_tags_to_resource).then_output(|| AddTagsToResourceOutput::builder().build());
        let (answer, sent) = look(&[seen, started(), tagged], request.clone()).await;
        // What it asked for is there from now on.
        tags.extend(tags_sent(&sent));
        seen = made(&tags);
        let answer = answer.unwrap();
        request["stage"] = serde_json::to_value(answer.look.waiting).unwrap();
        assert_ne!(request["stage"]["looks"], 9, "it ends");
        done = answer.look.done;
    }
    // There is no rule for a call that changes anything: the mock panics on one.
    let (answer, sent) = look(&[made(&tags)], request).await;
    assert!(answer.unwrap().look.done);
    assert_eq!(sent, [look_at_instance()]);
}

#[tokio::test]
async fn an_instance_counts_once_it_is_available_with_an_endpoint() {
    assert!(look(&[instance("available")], request()).await.0.unwrap().look.done);
    assert_waits(look(&[instance("creating")], request()).await.0);
    let without_endpoint = found(ours().db_instance_status("available"));
    assert_waits(look(&[without_endpoint], request()).await.0);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &[&str], value: Value, expected: &str| {
        let (answer, sent) = look(&[], with(field, value)).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(sent.is_empty(), "{sent:?}");
    };
    check(&["run"], json!("yesterday"), "`run`: \"yesterday\" is not a run").await;
    check(&["placement", "tags"], Value::Null, "`placement.tags`: invalid type").await;
    check(&["dbInstance"], json!({"dbInstanceKlass": "x"}), "`dbInstance.dbInstanceKlass`").await;
    check(&["dbInstance"], json!({"multiAz": "no"}), "`dbInstance.multiAz`").await;
    check(&["surprise"], json!(1), "`surprise`: unknown field").await;
}

#[tokio::test]
async fn an_instance_that_exists_already_a_snapshot_that_is_not_ready_and_missing_capacity_are_waited_for() {
    for code in ["DBInstanceAlreadyExists", "InvalidDBSnapshotState", "InsufficientDBInstanceCapacity"] {
        let (answer, sent) = look(&[no_instance(), refused(code)], request()).await;
        assert_waits(answer);
        assert_eq!(sent.len(), 2);
    }
}

#[tokio::test]
async fn an_instance_that_is_not_ours_is_left_alone() {
    let foreign = found(DbInstance::builder().db_instance_status("available"));
    let (answer, sent) = look(&[foreign], request()).await;
    assert_fails(answer, "Snapferry.DbInstanceNotOurs", IDENTIFIER);
    assert_eq!(sent, [look_at_instance()]);
}

#[tokio::test]
async fn a_status_that_cannot_become_good_ends_the_run() {
    for status in ["failed", "restore-error", "incompatible-parameters", "insufficient-capacity"] {
        let (answer, _) = look(&[instance(status)], request()).await;
        assert_fails(answer, "Snapferry.RestoreFailed", status);
    }
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (code, name) in
        [("Throttling", "Snapferry.RdsUnavailable"), ("InvalidVPCNetworkStateFault", "Snapferry.RdsRefused")]
    {
        let (answer, _) = look(&[no_instance(), refused(code)], request()).await;
        assert_fails(answer, name, &format!("RestoreDBInstanceFromDBSnapshot failed: {code}: said RDS"));
    }
    for (code, name) in
        [("AccessDenied", "Snapferry.RdsRefused"), ("KMSKeyNotAccessibleFault", "Snapferry.KeyNotUsable")]
    {
        let (answer, _) = look(&[no_instance(), refused(code)], request()).await;
        assert!(assert_waits(answer).look.wait_seconds >= 150, "{code}: permissions may still come through");
        let third = with(&["stage"], json!({"seconds": 300, "looks": 2, "status": "refused twice"}));
        let (answer, _) = look(&[no_instance(), refused(code)], third).await;
        assert_fails(answer, name, "said RDS");
    }
    let (answer, _) = look(&[no_instance(), refused("InstanceQuotaExceeded")], request()).await;
    assert_fails(answer, "Snapferry.InstanceQuotaExceeded", "quota");
    let (answer, _) = look(&[no_instance(), refused("DBSnapshotNotFound")], request()).await;
    assert_fails(answer, "Snapferry.SnapshotNotFound", IDENTIFIER);
}

#[tokio::test]
async fn what_a_restore_does_not_take_is_modified_once_the_instance_is_available() {
    let mut request = with(&["placement"], json!({"monitoringRoleArn": "role"}));
    request["dbInstance"] = json!({
        "maxAllocatedStorage": 1000, "preferredMaintenanceWindow": "sun:04:00-sun:04:30", "monitoringInterval": 60,
        "enablePerformanceInsights": true, "performanceInsightsRetentionPeriod": 7,
    });
    let modified =
        || mock!(Client::modify_db_instance).then_output(|| ModifyDbInstanceOutput::builder().build());
    let (answer, sent) = look(&[instance("available"), modified()], request.clone()).await;
    assert_waits(answer);
    let expected = json!({
        "Action": "ModifyDBInstance", "DBInstanceIdentifier": IDENTIFIER,
        "MaxAllocatedStorage": "1000", "PreferredMaintenanceWindow": "sun:04:00-sun:04:30",
        "MonitoringInterval": "60", "MonitoringRoleArn": "role", "EnablePerformanceInsights": "true",
        "PerformanceInsightsRetentionPeriod": "7",
    });
    assert_eq!(sent, [look_at_instance(), expected]);

    // Neither before it is available, nor again once it is so.
    let (_, sent) = look(&[instance("creating")], request.clone()).await;
    assert!(sent.iter().all(|it| it["Action"] == "DescribeDBInstances"), "{sent:?}");
    let set = ours().db_instance_status("available").max_allocated_storage(1000).monitoring_interval(60);
    let set = set.preferred_maintenance_window("sun:04:00-sun:04:30").performance_insights_enabled(true);
    let set = set.endpoint(Endpoint::builder().address("db").port(5432).build());
    request["stage"] = json!({"seconds": 60, "looks": 4, "status": "available"});
    let (answer, sent) = look(&[found(set)], request).await;
    assert!(answer.unwrap().look.done);
    assert_eq!(sent, [look_at_instance()]);
}

#[tokio::test]
async fn a_refused_modification_is_repeated_only_if_the_instance_was_busy() {
    let window = json!({"preferredMaintenanceWindow": "sun:04:00-sun:04:30"});
    let modify = async |code: &'static str| {
        let refused = mock!(Client::modify_db_instance).then_http_response(move || rds_fault(code));
        look(&[instance("available"), refused], with(&["dbInstance"], window.clone())).await.0
    };
    let answer = assert_waits(modify("InvalidDBInstanceState").await);
    assert_eq!(answer.look.reason, format!("DB instance {IDENTIFIER} became busy"));
    assert_fails(modify("StorageQuotaExceeded").await, "Snapferry.RdsRefused", "StorageQuotaExceeded");
}

#[tokio::test]
async fn what_the_settings_name_and_the_account_lacks_is_told_by_name() {
    let placement = json!({
        "dbSubnetGroupName": "subnets", "dbParameterGroupName": "parameters", "optionGroupName": "options",
    });
    for (code, name, message) in [
        ("DBSubnetGroupNotFoundFault", "Snapferry.SubnetGroupNotFound", "subnets"),
        ("DBParameterGroupNotFound", "Snapferry.ParameterGroupNotFound", "parameters"),
        ("OptionGroupNotFoundFault", "Snapferry.OptionGroupNotFound", "options"),
    ] {
        let request = with(&["placement"], placement.clone());
        let (answer, _) = look(&[no_instance(), refused(code)], request).await;
        assert_fails(answer, name, message);
    }
}

#[tokio::test]
async fn the_time_that_a_restore_took_is_kept_once_for_the_next_run() {
    let mut request = request();
    request["stage"] = json!({"seconds": 740, "looks": 19, "status": "available", "startedAtSeconds": 0});
    let fresh = tagged(Run::from_identifier(IDENTIFIER).unwrap().tags());
    let endpoint = Endpoint::builder().address("db").port(5432).build();
    let fresh = found(fresh.db_instance_status("available").endpoint(endpoint));
    let kept = mock!(Client::add_tags_to_resource).then_output(|| AddTagsToResourceOutput::builder().build());
    let (answer, sent) = look(&[fresh, kept], request.clone()).await;
    assert!(answer.unwrap().look.done);
    let tag = json!({"Action": "AddTagsToResource", "ResourceName": "arn:aws:rds:us-east-1:222222222222:db:copy",
        "Tags.Tag.1.Key": "snapferry:seconds", "Tags.Tag.1.Value": "740"});
    assert_eq!(sent, [look_at_instance(), tag]);
    let (answer, sent) = look(&[instance("available")], request).await;
    assert!(answer.unwrap().look.done);
    assert_eq!(sent, [look_at_instance()]);
}

fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a", "engine": "postgres", "dbInstance": {},
        "placement": {},
        "stageDeadlineSeconds": 86_400,
        "stage": {},
    })
}

/// The request with one field set to another value.
fn with(field: &[&str], value: Value) -> Value {
    let mut request = request();
    *field.iter().fold(&mut request, |parent, name| &mut parent[*name]) = value;
    request
}

/// Every setting of a source that is a parameter of the restore, and its protection, which is not.
fn source() -> Value {
    json!({
        "dbInstanceClass": "db.r6g.large", "multiAz": true, "port": 5433, "storageType": "io1", "iops": 12000,
        "storageThroughput": 500, "enableIamDatabaseAuthentication": true,
        "enableCloudwatchLogsExports": ["postgresql"], "caCertificateIdentifier": "rds-ca-rsa2048-g1",
        "backupRetentionPeriod": 7, "preferredBackupWindow": "03:00-03:30", "autoMinorVersionUpgrade": false,
        "engineLifecycleSupport": "open-source-rds-extended-support", "licenseModel": "license-included",
        "copyTagsToSnapshot": true, "networkType": "IPV4", "deletionProtection": true,
    })
}

fn look_at_instance() -> Value {
    json!({"Action": "DescribeDBInstances", "DBInstanceIdentifier": IDENTIFIER})
}

/// The whole request of a restore: what every one says, and `more`.
fn restore(more: Value) -> Value {
    let mut call = json!({
        "Action": "RestoreDBInstanceFromDBSnapshot",
        "DBInstanceIdentifier": IDENTIFIER, "DBSnapshotIdentifier": IDENTIFIER,
        "PubliclyAccessible": "false", "DeletionProtection": "false", "BackupRetentionPeriod": "0",
        "Tags.Tag.1.Key": "snapferry:made-by", "Tags.Tag.1.Value": "snapferry",
        "Tags.Tag.2.Key": "snapferry:replication", "Tags.Tag.2.Value": "orders",
        "Tags.Tag.3.Key": "snapferry:run", "Tags.Tag.3.Value": "20261120t160812z-3f9a",
    });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call
}

fn assert_waits(answer: Result<Response, Error>) -> Response {
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds > 0, "{:?}", answer.look);
    answer
}

/// What the step answers, and every request that it sends, in order.
async fn look(rules: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rules, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let answer = handle(&rds, request).await;
    (answer, calls.sent())
}

/// The same where the settings say how long automated backups are kept: a tag says it until the copy is live.
fn restore_for_days(days: &str, more: Value) -> Value {
    let mut call = restore(more);
    let tags = [
        ("snapferry:backup-retention-period", days),
        ("snapferry:made-by", "snapferry"),
        ("snapferry:replication", "orders"),
        ("snapferry:run", "20261120t160812z-3f9a"),
    ];
    for (index, (key, value)) in tags.into_iter().enumerate() {
        call[format!("Tags.Tag.{}.Key", index + 1)] = json!(key);
        call[format!("Tags.Tag.{}.Value", index + 1)] = json!(value);
    }
    call
}
