//! How a copy is opened to applications before it goes live.

use super::*;
use aws_sdk_rds::operation::modify_db_instance::ModifyDbInstanceOutput;
use aws_sdk_rds::operation::reboot_db_instance::RebootDbInstanceOutput;
use aws_sdk_rds::types::{DbParameterGroupStatus, VpcSecurityGroupMembership};
use test_support::{actions, assert_fails, rds_fault};

const CHECKS: [&str; 4] = ["DescribeDBInstances", "GetSecretValue", "DescribeSecret", "GetSecretValue"];

#[tokio::test]
async fn the_copy_is_opened_to_applications_before_it_goes_live() {
    let mut request = request_to_promote();
    request["vpcSecurityGroupIds"] = json!(["sg-a", "sg-b"]);
    request["deletionProtection"] = json!(true);
    let opened = mock!(aws_sdk_rds::Client::modify_db_instance)
        .then_output(|| ModifyDbInstanceOutput::builder().build());
    let (answer, sent) = look_with(&[copy(), opened], &world(&json!({})), request.clone()).await;
    assert!(!assert_waits(answer).live);
    assert_eq!(actions(&sent), [&CHECKS[..], &["ModifyDBInstance"]].concat());
    let expected = json!({
        "Action": "ModifyDBInstance", "DBInstanceIdentifier": IDENTIFIER,
        "VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-a", "VpcSecurityGroupIds.VpcSecurityGroupId.2": "sg-b",
        "DeletionProtection": "true",
    });
    assert_eq!(sent[4], expected);

    let group = |id: &str| VpcSecurityGroupMembership::builder().vpc_security_group_id(id).build();
    let open = proven(made_by_run(IDENTIFIER)).deletion_protection(true);
    let open = open.vpc_security_groups(group("sg-b")).vpc_security_groups(group("sg-a"));
    assert_moved(look_with(&[instance(open)], &world(&json!({})), request.clone()).await.0);

    let busy = mock!(aws_sdk_rds::Client::modify_db_instance)
        .then_http_response(|| rds_fault("InvalidDBInstanceState"));
    assert_waits(look_with(&[copy(), busy], &world(&json!({})), request).await.0);
}

// A6: backups from the restore on keep RDS busy for hours before the cut-over.
#[tokio::test]
async fn backups_are_turned_on_at_once_and_a_login_is_asked_for_before_the_copy_goes_live() {
    let mut request = request_to_promote();
    request["backupRetentionPeriod"] = json!(7);
    request["loginChecked"] = json!(false);
    let opened = mock!(aws_sdk_rds::Client::modify_db_instance)
        .then_output(|| ModifyDbInstanceOutput::builder().build());
    let off = || instance(proven(made_by_run(IDENTIFIER)).backup_retention_period(0));
    let (answer, sent) = look_with(&[off(), opened], &world(&json!({})), request.clone()).await;
    assert!(!assert_waits(answer).check_login);
    let expected = json!({
        "Action": "ModifyDBInstance", "DBInstanceIdentifier": IDENTIFIER, "BackupRetentionPeriod": "7",
        "ApplyImmediately": "true",
    });
    assert_eq!(sent[4], expected);

    let backed_up =
        proven(made_by_run(IDENTIFIER)).backup_retention_period(7).db_instance_status("backing-up");
    let (answer, sent) = look_with(&[instance(backed_up.clone())], &world(&json!({})), request.clone()).await;
    let answer = answer.unwrap();
    assert!(answer.check_login && !answer.look.done && !answer.live);
    assert_eq!(actions(&sent), CHECKS);
    request["loginChecked"] = json!(true);
    assert_moved(look_with(&[instance(backed_up)], &world(&json!({})), request.clone()).await.0);

    // Applications may be at work in it.
    request["loginChecked"] = json!(false);
    let lived = Tag::builder().key("snapferry:last-live").value("2026-11-20T18:00:00Z").build();
    let lived = proven(made_by_run(IDENTIFIER)).backup_retention_period(0).tag_list(lived);
    assert_moved(look_with(&[instance(lived)], &world(&json!({})), request).await.0);
}

#[tokio::test]
async fn the_quarantines_parameter_group_is_replaced_by_a_change_and_a_reboot() {
    let mut request = request_to_promote();
    request["dbParameterGroupName"] = json!("ours");
    let copy = |group: &str, status: &str| {
        let group = DbParameterGroupStatus::builder().db_parameter_group_name(group);
        let group = group.parameter_apply_status(status).build();
        instance(proven(made_by_run(IDENTIFIER)).db_parameter_groups(group))
    };
    let changed = || {
        mock!(aws_sdk_rds::Client::modify_db_instance)
            .then_output(|| ModifyDbInstanceOutput::builder().build())
    };
    let rules = [copy("quarantine", "in-sync"), changed()];
    let (answer, sent) = look_with(&rules, &world(&json!({})), request.clone()).await;
    assert_waits(answer);
    let expected = json!({
        "Action": "ModifyDBInstance", "DBInstanceIdentifier": IDENTIFIER, "DBParameterGroupName": "ours",
    });
    assert_eq!(sent[4], expected);

    let rebooted = mock!(aws_sdk_rds::Client::reboot_db_instance)
        .then_output(|| RebootDbInstanceOutput::builder().build());
    let (answer, sent) =
        look_with(&[copy("ours", "pending-reboot"), rebooted], &world(&json!({})), request.clone()).await;
    assert_waits(answer);
    assert_eq!(sent[4], json!({"Action": "RebootDBInstance", "DBInstanceIdentifier": IDENTIFIER}));
    assert_moved(look_with(&[copy("ours", "in-sync")], &world(&json!({})), request.clone()).await.0);

    let missing = mock!(aws_sdk_rds::Client::modify_db_instance)
        .then_http_response(|| rds_fault("DBParameterGroupNotFound"));
    let (answer, _) = look_with(&[copy("quarantine", "in-sync"), missing], &world(&json!({})), request).await;
    assert_fails(answer, "Snapferry.ParameterGroupNotFound", "ours");
}
