//! Sources of every kind: under every kind of key, busy, and with production's settings.

use crate::part::part;
use crate::world;
use anyhow::{Context, Result};
use aws_sdk_rds::types::Tag;
use executions::Execution;
use serde_json::{Value, json};
use tests::{World, eventually, handoff_of};

/// Replications with sources and secrets of their own, all at once in one world.
#[tokio::test]
async fn sources_of_every_kind_arrive() -> Result<()> {
    let mut world = world().await?;
    tokio::try_join!(
        part("sources under every kind of key arrive", sources_under_every_kind_of_key_arrive(&world)),
        part(
            "a busy source, a full queue and a new key only need patience",
            a_busy_source_a_full_queue_and_a_new_key_only_need_patience(&world)
        ),
        part(
            "the copy has every setting of production unless the target says otherwise",
            the_copy_has_every_setting_of_production_unless_the_target_says_otherwise(&world)
        ),
    )?;
    world.local_aws.stop().await
}

// Rule of AWS: a snapshot under an AWS managed key, or an automated one, is not shared.
async fn sources_under_every_kind_of_key_arrive(world: &World) -> Result<()> {
    let key = world.source_outputs.get("ShareableKeyArn")?.to_owned();
    let owned = Tag::builder().key("local-aws:storage-encryption-type").value("sse-rds").build();
    // The name of 63 characters is the longest that RDS takes.
    let long = format!("customer-managed-{}", "x".repeat(46));
    tokio::try_join!(
        world.create_instance("unencrypted", |create| create.storage_encrypted(false)),
        world.create_instance("aws-managed", |create| create.storage_encrypted(true)),
        world.create_instance("aws-owned", |create| create.tags(owned)),
        world.create_instance(&long, |create| create.storage_encrypted(true).kms_key_id(&key)),
    )?;
    let declared = json!([key]);
    let copied = tokio::try_join!(
        copied_when_replicated(world, "none", "unencrypted", None),
        copied_when_replicated(world, "managed", "aws-managed", None),
        copied_when_replicated(world, "owned", "aws-owned", None),
        copied_when_replicated(world, "customer", &long, Some(declared)),
    )?;
    // Only the snapshot under the declared key is shared as it is.
    assert_eq!(copied, (true, true, true, false));
    Ok(())
}

/// Replicates one source, and answers whether the source account made a re-encrypted copy to share.
async fn copied_when_replicated(
    world: &World,
    name: &str,
    instance: &str,
    shareable: Option<Value>,
) -> Result<bool> {
    let secret =
        world.create_application_secret(&format!("application-{name}"), Some("{}".to_owned())).await?;
    let mut settings = world.settings_for(instance);
    settings["applicationSecretArn"] = json!(secret);
    world.put_settings_of(name, &settings).await?;
    let mut input = world.input_for(name, instance);
    input["shareableKeys"] = shareable.unwrap_or_else(|| json!([]));
    let execution = world.start_run(&input).await?;
    let (run, source, _) =
        world.finish_run(&execution).await.with_context(|| format!("replication {name}"))?;

    let live = world.secret(&secret).await?;
    assert_eq!(live.db_instance_identifier, format!("{name}-{run}"));
    assert_eq!(live.connect().await?.fingerprint().await?.len(), 3);
    let restored = world.target.instance(&live.db_instance_identifier).await?;
    assert_eq!(restored.kms_key_id(), Some(world.target_outputs.get("CopyKeyArn")?), "{name}");
    let handoff = handoff_of(&source)?;
    Ok(handoff["dbSnapshotArn"].as_str().unwrap_or_default().ends_with("-copy"))
}

async fn a_busy_source_a_full_queue_and_a_new_key_only_need_patience(world: &World) -> Result<()> {
    world.create_source().await?;
    for (account, operation, times, code, message) in [
        // The source is backing up for somebody else.
        (
            "111111111111",
            "CreateDBSnapshot",
            1,
            "InvalidDBInstanceState",
            "Database instance is not in available state.",
        ),
        (
            "111111111111",
            "CopyDBSnapshot",
            1,
            "SnapshotQuotaExceeded",
            "Cannot copy more than 20 snapshots across regions",
        ),
        (
            "222222222222",
            "CopyDBSnapshot",
            2,
            "KMSKeyNotAccessibleFault",
            "The target KMS key does not exist, is not enabled or you do not have permissions",
        ),
    ] {
        let how = json!({"refused": {"code": code, "message": message, "status": 400}});
        let call = json!({"who": format!("{account}/*"), "service": "rds", "operation": operation,
            "resource": "*orders-20*", "times": times, "how": how});
        world.local_aws.fault(&call).await?;
    }
    let execution = world.start_run(&world.input()).await?;
    let (_, source, target) = world.finish_run(&execution).await?;
    let looks = |execution: &Execution, step: &str| {
        execution.steps.iter().find(|it| it.step == step).map(|it| it.looks)
    };
    assert!(looks(&source, "Snapshot") > Some(2));
    assert!(looks(&target, "CopyAndReencrypt") > Some(3));
    Ok(())
}

async fn the_copy_has_every_setting_of_production_unless_the_target_says_otherwise(
    world: &World,
) -> Result<()> {
    world
        .create_instance("production", |create| {
            create
                .storage_encrypted(true)
                .multi_az(true)
                .storage_type("gp3")
                .allocated_storage(400)
                .iops(12_000)
                .storage_throughput(500)
                .max_allocated_storage(450)
                .enable_iam_database_authentication(true)
                .enable_cloudwatch_logs_exports("postgresql")
                .backup_retention_period(14)
                .preferred_backup_window("03:00-03:30")
                .preferred_maintenance_window("sun:05:00-sun:06:00")
                .auto_minor_version_upgrade(false)
                .copy_tags_to_snapshot(true)
                .deletion_protection(true)
        })
        .await?;
    // It has grown almost to its ceiling, which RDS refuses for a copy of that size.
    let grow = world.source.rds.modify_db_instance().db_instance_identifier("production");
    grow.allocated_storage(440).apply_immediately(true).send().await?;
    // RDS takes this window for the copy, and never shows it.
    let window = json!({"dbInstanceIdentifier": "production-*", "parameter": "PreferredMaintenanceWindow"});
    world.local_aws.misbehave(&json!({ "settingIsNeverShown": window })).await?;
    eventually("the larger source", || async {
        let grown = world.source.instance_in("production", "available").await?;
        Ok((grown.allocated_storage() == Some(440)).then_some(()))
    })
    .await?;
    let secret = world.create_application_secret("application-production", Some("{}".to_owned())).await?;
    let mut settings = world.settings_for("production");
    settings["applicationSecretArn"] = json!(secret);
    settings["dbInstance"] =
        json!({"multiAz": false, "dbInstanceClass": "db.r6g.large", "backupRetentionPeriod": 2});
    let live_group = &world.network.copies_group;
    settings["placement"]["vpcSecurityGroupIds"] = json!([live_group]);
    settings["placement"]["tags"] = json!({"team": "staging"});
    world.put_settings_of("production", &settings).await?;
    let execution = world.start_run(&world.input_for("production", "production")).await?;
    let (_, _, target) = world.finish_run(&execution).await?;
    let restore = target.steps.iter().find(|it| it.step == "Restore").map(|it| it.looks);
    assert!(restore.is_some_and(|looks| looks < 20), "the setting is not asked for again: {restore:?}");

    let live = world.secret(&secret).await?;
    let copy = world.target.instance(&live.db_instance_identifier).await?;
    // As the target says.
    assert_eq!((copy.multi_az(), copy.backup_retention_period()), (Some(false), Some(2)));
    assert_eq!(copy.db_instance_class(), Some("db.r6g.large"));
    let groups: Vec<_> =
        copy.vpc_security_groups().iter().filter_map(|it| it.vpc_security_group_id()).collect();
    assert_eq!(groups, [live_group]);
    assert_eq!(copy.db_subnet_group().and_then(|it| it.db_subnet_group_name()), Some("private"));
    assert!(copy.tag_list().iter().any(|it| it.key() == Some("team") && it.value() == Some("staging")));
    assert_eq!(copy.publicly_accessible(), Some(false));
    // As the source is.
    assert_eq!(
        (copy.storage_type(), copy.iops(), copy.storage_throughput()),
        (Some("gp3"), Some(12_000), Some(500))
    );
    assert_eq!((copy.allocated_storage(), copy.max_allocated_storage()), (Some(440), None));
    assert_eq!(copy.iam_database_authentication_enabled(), Some(true));
    // What RDS bills or breaks in another place stays behind.
    assert!(copy.enabled_cloudwatch_logs_exports().is_empty());
    assert_eq!(copy.preferred_backup_window(), Some("03:00-03:30"));
    assert_eq!((copy.auto_minor_version_upgrade(), copy.copy_tags_to_snapshot()), (Some(false), Some(true)));
    assert_eq!(copy.deletion_protection(), Some(true));
    Ok(())
}
