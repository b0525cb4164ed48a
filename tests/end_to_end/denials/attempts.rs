//! Each action as a thief of a role's credentials would try it: under Snapferry's names, with Snapferry's tags.

use super::strangers::{RUN, Stranger, rds_tags, tags};
use anyhow::{Result, bail};
use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::types::Tag;
use serde_json::json;
use tests::{Account, Kind};

const TAG: &str = "snapferry:made-by";
/// Nobody's account.
const SOMEBODY: &str = "333333333333";

/// Tries it in every way that a policy may tell apart; answers how each ended: `done`, or the service's code.
pub async fn attempt(role: &Account, action: &str, on: &Stranger) -> Result<Vec<String>> {
    match on.kind {
        Kind::Instance => instance(role, action, on).await.map(|code| vec![code]),
        Kind::Snapshot => snapshot(role, action, on).await,
        Kind::Secret => secret(role, action, on).await,
        Kind::Key => key(role, action, on).await.map(|code| vec![code]),
        Kind::LogGroup => log_group(role, action, on).await.map(|code| vec![code]),
        Kind::TargetGroup => target_group(role, action, on).await.map(|code| vec![code]),
    }
}

async fn instance(role: &Account, action: &str, on: &Stranger) -> Result<String> {
    let rds = &role.rds;
    Ok(match action {
        "rds:AddTagsToResource" => {
            ended(rds.add_tags_to_resource().resource_name(&on.arn).set_tags(Some(rds_tags())).send().await)
        }
        "rds:CreateDBSnapshot" => {
            let create = rds.create_db_snapshot().db_instance_identifier(&on.name);
            let create = create.db_snapshot_identifier(identifier("20261102", on)).set_tags(Some(rds_tags()));
            ended(create.send().await)
        }
        "rds:DeleteDBInstance" => {
            let delete = rds.delete_db_instance().db_instance_identifier(&on.name);
            ended(delete.skip_final_snapshot(true).delete_automated_backups(true).send().await)
        }
        "rds:ModifyDBInstance" => {
            let modify = rds.modify_db_instance().db_instance_identifier(&on.name);
            ended(modify.master_user_password("stolen-1d9f").apply_immediately(true).send().await)
        }
        "rds:RebootDBInstance" => {
            ended(rds.reboot_db_instance().db_instance_identifier(&on.name).send().await)
        }
        "rds:RemoveTagsFromResource" => {
            ended(rds.remove_tags_from_resource().resource_name(&on.arn).tag_keys(TAG).send().await)
        }
        "rds:StartDBInstance" => ended(rds.start_db_instance().db_instance_identifier(&on.name).send().await),
        "rds:StopDBInstance" => ended(rds.stop_db_instance().db_instance_identifier(&on.name).send().await),
        _ => bail!("{action} of a DB instance is not tried"),
    })
}

async fn snapshot(role: &Account, action: &str, on: &Stranger) -> Result<Vec<String>> {
    let rds = &role.rds;
    Ok(vec![match action {
        "rds:AddTagsToResource" => {
            ended(rds.add_tags_to_resource().resource_name(&on.arn).set_tags(Some(rds_tags())).send().await)
        }
        "rds:CopyDBSnapshot" => {
            let mut codes = Vec::new();
            for ending in ["", "-copy"] {
                let copy = rds.copy_db_snapshot().source_db_snapshot_identifier(&on.name);
                let to = format!("{}{ending}", identifier("20261103", on));
                let copy = copy.target_db_snapshot_identifier(to).set_tags(Some(rds_tags()));
                codes.push(ended(copy.send().await));
            }
            return Ok(codes);
        }
        "rds:DeleteDBSnapshot" => {
            ended(rds.delete_db_snapshot().db_snapshot_identifier(&on.name).send().await)
        }
        "rds:ModifyDBSnapshotAttribute" => {
            let modify = rds.modify_db_snapshot_attribute().db_snapshot_identifier(&on.name);
            ended(modify.attribute_name("restore").values_to_add(SOMEBODY).send().await)
        }
        "rds:RemoveTagsFromResource" => {
            ended(rds.remove_tags_from_resource().resource_name(&on.arn).tag_keys(TAG).send().await)
        }
        "rds:RestoreDBInstanceFromDBSnapshot" => {
            let restore = rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(&on.name);
            let restore = restore.db_instance_identifier(identifier("20261104", on));
            ended(restore.set_tags(Some(rds_tags())).send().await)
        }
        _ => bail!("{action} of a DB snapshot is not tried"),
    }])
}

async fn secret(role: &Account, action: &str, on: &Stranger) -> Result<Vec<String>> {
    let secrets = &role.secrets;
    Ok(vec![match action {
        "secretsmanager:DeleteSecret" => ended(secrets.delete_secret().secret_id(&on.arn).send().await),
        "secretsmanager:GetSecretValue" => ended(secrets.get_secret_value().secret_id(&on.arn).send().await),
        "secretsmanager:PutSecretValue" => {
            ended(secrets.put_secret_value().secret_id(&on.arn).secret_string("{}").send().await)
        }
        "secretsmanager:TagResource" => {
            let tag = |(key, value)| Tag::builder().key(key).value(value).build();
            let run = tags().map(tag).to_vec();
            let [pin, application] =
                [("snapferry:pinned", RUN), ("snapferry:application-secret", "true")].map(|it| vec![tag(it)]);
            let mut codes = Vec::new();
            for tags in [run, pin, application] {
                codes
                    .push(ended(secrets.tag_resource().secret_id(&on.arn).set_tags(Some(tags)).send().await));
            }
            return Ok(codes);
        }
        "secretsmanager:UntagResource" => {
            let mut codes = Vec::new();
            for key in [TAG, "snapferry:pinned"] {
                codes.push(ended(secrets.untag_resource().secret_id(&on.arn).tag_keys(key).send().await));
            }
            return Ok(codes);
        }
        "secretsmanager:UpdateSecretVersionStage" => {
            let [before, current] = &on.versions;
            let update = secrets.update_secret_version_stage().secret_id(&on.arn).version_stage("AWSCURRENT");
            ended(update.remove_from_version_id(current).move_to_version_id(before).send().await)
        }
        _ => bail!("{action} of a secret is not tried"),
    }])
}

async fn key(role: &Account, action: &str, on: &Stranger) -> Result<String> {
    let kms = &role.kms;
    let somebody = format!("arn:aws:iam::{SOMEBODY}:root");
    Ok(match action {
        "kms:CreateGrant" => {
            let grant = kms.create_grant().key_id(&on.arn).grantee_principal(somebody);
            ended(grant.operations(aws_sdk_kms::types::GrantOperation::Decrypt).send().await)
        }
        "kms:PutKeyPolicy" => {
            let policy = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": somebody}, "Action": "kms:*", "Resource": "*"}
            ]});
            let put = kms.put_key_policy().key_id(&on.arn).policy(policy.to_string());
            ended(put.bypass_policy_lockout_safety_check(true).send().await)
        }
        "kms:ScheduleKeyDeletion" => {
            ended(kms.schedule_key_deletion().key_id(&on.arn).pending_window_in_days(7).send().await)
        }
        _ => bail!("{action} of a key is not tried"),
    })
}

async fn log_group(role: &Account, action: &str, on: &Stranger) -> Result<String> {
    Ok(match action {
        "logs:DeleteLogGroup" => {
            let deleted = role.logs.call("DeleteLogGroup", &json!({ "logGroupName": on.name })).await;
            deleted.map_or_else(|failed| failed.code, |_| "done".to_owned())
        }
        _ => bail!("{action} of a log group is not tried"),
    })
}

async fn target_group(role: &Account, action: &str, on: &Stranger) -> Result<String> {
    let target = TargetDescription::builder().id("127.0.0.9").port(5432).build();
    Ok(match action {
        "elasticloadbalancing:DeregisterTargets" => {
            let deregister = role.elb.deregister_targets().target_group_arn(&on.arn);
            ended(deregister.targets(target).send().await)
        }
        "elasticloadbalancing:RegisterTargets" => {
            ended(role.elb.register_targets().target_group_arn(&on.arn).targets(target).send().await)
        }
        _ => bail!("{action} of a target group is not tried"),
    })
}

/// A name under which Snapferry would make it.
fn identifier(day: &str, on: &Stranger) -> String {
    format!("orders-{day}t000000z-{:04x}", on.looks as u8)
}

fn ended<T, E: ProvideErrorMetadata, R>(answer: Result<T, SdkError<E, R>>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(error) => error.code().unwrap_or("no answer").to_owned(),
    }
}
