//! Every failure has a name: it ends the execution within three looks of its cause, tells the operator what to do, is
//! reported to the operations topic, and leaves the application's secret alone.

use crate::part::part;
use crate::{next_report, world};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::cell::Cell;
use tests::{Account, REGION, REPLICATION, SOURCE_ACCOUNT, SOURCE_INSTANCE, World, eventually, handoff_of};

/// The DB instance whose key the target account may not use.
const GUARDED: &str = "orders-guarded";

/// One failure: how it is provoked is up to the caller.
struct Failure<'a> {
    account: &'a Account,
    reports: &'a str,
    machine: &'a str,
    /// How many there were so far.
    seen: Cell<usize>,
}

impl Failure<'_> {
    /// Starts an execution, and checks that it ends by this name and that its cause says this; answers the report's
    /// subject, and what it says.
    async fn ends(&self, input: &Value, name: &str, says: &str) -> Result<(String, Value)> {
        let start =
            self.account.states.start_execution().state_machine_arn(self.machine).input(input.to_string());
        let arn = start.send().await?.execution_arn;
        let execution = self.account.ended(&arn).await?;
        let cause = execution.cause.unwrap_or_default();
        assert_eq!(execution.error.as_deref(), Some(name), "{cause}");
        assert!(cause.contains(says), "{name}: {cause:?} does not say {says:?}");
        let last = execution.steps.last().context("an execution has steps")?;
        // Of a snapshot that fails half-way, the looks before that are no looks at the failure.
        let looks = if name == "Snapferry.SnapshotFailed" { 12 } else { 3 };
        assert!(last.looks <= looks, "{name}: {last:?}");

        let (subject, message) = next_report(self.account, self.reports).await?;
        assert_eq!(message["executionArn"], json!(arn), "{name}");
        assert_eq!(message["error"], json!(name));
        println!("{name}: {}", message["cause"].as_str().unwrap_or_default());
        self.seen.set(self.seen.get() + 1);
        Ok((subject, message))
    }

    /// Every failure so far was followed by a clean-up, which succeeded.
    async fn all_are_cleaned_up(&self, clean_up: &str) -> Result<()> {
        let list = || self.account.states.list_executions().state_machine_arn(clean_up).send();
        let all = eventually("every clean-up", || async {
            let all = list().await?.executions;
            Ok((all.len() >= self.seen.get()).then_some(all))
        });
        let all = all.await?;
        assert_eq!(all.len(), self.seen.get());
        for it in all {
            self.account.succeeded(&it.execution_arn).await?;
        }
        Ok(())
    }
}

/// The document with another value at a path such as `/source/dbInstanceIdentifier`.
fn with(document: &Value, path: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let (parent, key) = path.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[key] = value;
    changed
}

/// The next such call of the target account's functions is refused by RDS.
async fn refuse_once(world: &World, operation: &str, code: &str, message: &str) -> Result<()> {
    let how = json!({"refused": {"code": code, "message": message, "status": 400}});
    let call = json!({"who": "222222222222/*", "service": "rds", "operation": operation, "how": how});
    world.local_aws.fault(&call).await
}

async fn secret_is_untouched(world: &World) -> Result<()> {
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let answer = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    assert_eq!(answer.secret_string(), Some("{}"));
    Ok(())
}

#[tokio::test]
async fn failures_of_the_source_account_have_names() -> Result<()> {
    let mut world = world().await?;
    let guarded = key_without_grants(&world).await?;
    tokio::try_join!(
        world.create_source(),
        world.create_instance(GUARDED, |create| create.storage_encrypted(true).kms_key_id(&guarded)),
    )?;
    let reports = world.source.listen(world.source_outputs.get("OperationsTopicArn")?, "operations").await?;
    let machine = world.source_outputs.get("SourceAccountStateMachineArn")?;
    let failure = Failure { account: &world.source, reports: &reports, machine, seen: Cell::new(0) };
    part(
        "a failed snapshot is reported to the operations topic",
        a_failed_snapshot_is_reported_to_the_operations_topic(&world, &failure),
    )
    .await?;
    part(
        "a key that the target may not use fails in the source account",
        a_key_that_the_target_may_not_use_fails_in_the_source_account(&world, &failure, &guarded),
    )
    .await?;
    part(
        "what is wrong with the source account or the input has a name",
        what_is_wrong_with_the_source_account_or_the_input_has_a_name(&world, &failure),
    )
    .await?;
    part("each failure is cleaned up", async {
        failure.all_are_cleaned_up(world.source_outputs.get("CleanUpStateMachineArn")?).await
    })
    .await?;
    world.local_aws.stop().await
}

// P0-2: pruning only after success fills the quotas.
async fn a_failed_snapshot_is_reported_to_the_operations_topic(
    world: &World,
    failure: &Failure<'_>,
) -> Result<()> {
    let failing = json!({"snapshotFails": {"dbInstanceIdentifier": SOURCE_INSTANCE, "atPercent": 40}});
    world.local_aws.misbehave(&failing).await?;
    let (subject, message) =
        failure.ends(&world.input(), "Snapferry.SnapshotFailed", "start a new run").await?;
    assert_eq!(subject, "Snapferry: orders failed with Snapferry.SnapshotFailed");
    assert_eq!(message["outcome"], "FAILED");
    assert!(message["cause"].as_str().is_some_and(|cause| cause.contains("is failed")), "{message}");
    failure.all_are_cleaned_up(world.source_outputs.get("CleanUpStateMachineArn")?).await?;
    secret_is_untouched(world).await
}

/// A key of the source account whose policy gives the target account everything but kms:CreateGrant.
async fn key_without_grants(world: &World) -> Result<String> {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{SOURCE_ACCOUNT}:root")}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": ["kms:DescribeKey", "kms:Decrypt"], "Resource": "*"}
    ]});
    let key = world.source.kms.create_key().policy(policy.to_string()).send().await?;
    key.key_metadata.and_then(|it| it.arn).context("a key has an ARN")
}

// P1-10: the source cannot see whether the target may use a key.
async fn a_key_that_the_target_may_not_use_fails_in_the_source_account(
    world: &World,
    failure: &Failure<'_>,
    key: &str,
) -> Result<()> {
    let input = with(&world.input_for(REPLICATION, GUARDED), "/shareableKeys", json!([key]));
    failure.ends(&input, "Snapferry.KeyNotShared", "kms:CreateGrant").await?;
    secret_is_untouched(world).await
}

// R1: errors are swallowed, and the cause is only in logs.
// R22: clusters are promised and fail at the first step.
// P0-7: an execution's input shares any database with any account.
async fn what_is_wrong_with_the_source_account_or_the_input_has_a_name(
    world: &World,
    failure: &Failure<'_>,
) -> Result<()> {
    let input = world.input();

    let long = with(&input, "/replication", json!("a".repeat(33)));
    failure.ends(&long, "Snapferry.InvalidRequest", "input.replication").await?;
    failure.ends(&with(&input, "/retain", json!(3)), "Snapferry.InvalidRequest", "input.retain").await?;
    let few = with(&input, "/retention", json!({"runs": 0}));
    failure.ends(&few, "Snapferry.InvalidRequest", "input.retention.runs").await?;
    let cluster = with(&input, "/source", json!({"dbClusterIdentifier": "orders"}));
    failure.ends(&cluster, "Snapferry.ClusterNotServed", "only DB instances").await?;
    let missing = with(&input, "/source/dbInstanceIdentifier", json!("nowhere"));
    failure.ends(&missing, "Snapferry.SourceNotFound", "nowhere").await?;

    // The snapshot is under the AWS managed key, so it cannot be shared as it is.
    failure
        .ends(&with(&input, "/forceCopy", json!(false)), "Snapferry.SnapshotNotShareable", "forceCopy")
        .await?;
    let stranger = with(&input, "/targetAccountId", json!("333333333333"));
    failure.ends(&stranger, "Snapferry.AccountNotAllowed", "AllowedTargetAccounts").await?;
    let key = world.source_outputs.get("ShareableKeyArn")?;
    world.source.kms.disable_key().key_id(key).send().await?;
    failure.ends(&input, "Snapferry.KeyNotUsable", key).await?;
    world.source.kms.enable_key().key_id(key).send().await?;

    world.source.rds.stop_db_instance().db_instance_identifier(SOURCE_INSTANCE).send().await?;
    world.source.instance_in(SOURCE_INSTANCE, "stopped").await?;
    failure.ends(&input, "Snapferry.SourceNotAvailable", "stopped").await?;
    secret_is_untouched(world).await
}

#[tokio::test]
async fn failures_of_the_target_account_have_names() -> Result<()> {
    let mut world = world().await?;
    let reports = world.target.listen(world.target_outputs.get("OperationsTopicArn")?, "operations").await?;
    world.request_instance(SOURCE_INSTANCE, |create| create.storage_encrypted(true)).await?;
    part(
        "a hand-off that is forged or broken is reported and starts nothing",
        a_hand_off_that_is_forged_or_broken_is_reported_and_starts_nothing(&world, &reports),
    )
    .await?;
    world.fill_instance(SOURCE_INSTANCE).await?;
    part(
        "what is wrong with the target account or its settings has a name",
        what_is_wrong_with_the_target_account_or_its_settings_has_a_name(&world, &reports),
    )
    .await?;
    world.local_aws.stop().await
}

// R17: a binary secret crashes the update.
// P0-6: the first version of a secret is live at once.
// P1-13: the source deletes what the target still copies.
async fn what_is_wrong_with_the_target_account_or_its_settings_has_a_name(
    world: &World,
    reports: &str,
) -> Result<()> {
    // The hand-off of this run is taken over: the target account has no settings that accept it.
    world.target.ssm.delete_parameter().name("/snapferry/replications/orders").send().await?;
    let source = world.start_run(&world.input()).await?;
    let source = world.source.succeeded(&source).await?;
    let (_, refused) = next_report(&world.target, reports).await?;
    assert_eq!(refused["error"], "Snapferry.InvalidSettings");
    let handoff = handoff_of(&source)?;

    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let failure = Failure { account: &world.target, reports, machine, seen: Cell::new(0) };
    let input = json!({"handoff": handoff, "settings": world.merged_settings(&handoff)?});

    let snapshot = handoff["dbSnapshotArn"].as_str().unwrap_or_default();
    let share = |add: bool| {
        let modify = world.source.rds.modify_db_snapshot_attribute().attribute_name("restore");
        let modify = modify.db_snapshot_identifier(snapshot.rsplit(':').next().unwrap_or_default());
        if add { modify.values_to_add("222222222222") } else { modify.values_to_remove("222222222222") }
            .send()
    };
    share(false).await?;
    failure.ends(&input, "Snapferry.SnapshotNoLongerShared", "no longer shared").await?;
    share(true).await?;
    let other = with(&input, "/handoff/dbInstanceIdentifier", json!("payroll"));
    failure.ends(&other, "Snapferry.HandoffRefused", "payroll").await?;

    for (setting, name) in [
        ("dbSubnetGroupName", "Snapferry.SubnetGroupNotFound"),
        ("dbParameterGroupName", "Snapferry.ParameterGroupNotFound"),
        ("optionGroupName", "Snapferry.OptionGroupNotFound"),
    ] {
        let input = with(&input, &format!("/settings/placement/{setting}"), json!("missing"));
        failure.ends(&input, name, setting).await?;
    }
    let class = with(&input, "/settings/dbInstance/dbInstanceClass", json!("db.m3.large"));
    failure.ends(&class, "Snapferry.ClassNotOrderable", "dbInstanceClass").await?;

    refuse_once(world, "RestoreDBInstanceFromDBSnapshot", "InstanceQuotaExceeded", "Instance quota exceeded")
        .await?;
    failure.ends(&input, "Snapferry.InstanceQuotaExceeded", "quota").await?;
    refuse_once(world, "ModifyDBInstance", "InvalidParameterValue", "MasterUserPassword is not valid")
        .await?;
    failure.ends(&input, "Snapferry.PasswordRefused", "snapferry/orders/").await?;

    for (secret, value, name) in [
        ("without-version", None, "Snapferry.SecretNotInitialised"),
        ("not-json", Some("hunter2".to_owned()), "Snapferry.SecretNotJson"),
        ("large", Some(json!({"padding": "x".repeat(65_500)}).to_string()), "Snapferry.SecretTooLarge"),
    ] {
        let arn = world.create_application_secret(secret, value).await?;
        failure.ends(&with(&input, "/settings/applicationSecretArn", json!(arn)), name, secret).await?;
    }
    let arn = world.create_application_secret("binary", None).await?;
    let bytes = aws_sdk_secretsmanager::primitives::Blob::new([0xff, 0xfe]);
    world.target.secrets.put_secret_value().secret_id(&arn).secret_binary(bytes).send().await?;
    failure
        .ends(&with(&input, "/settings/applicationSecretArn", json!(arn)), "Snapferry.SecretBinary", "binary")
        .await?;
    secret_is_untouched(world).await
}

// R18: a message delivered twice restores twice, a lost one is lost.
// P0-8: one source hands off in another's name.
// P1-20: a lost hand-off looks like success.
async fn a_hand_off_that_is_forged_or_broken_is_reported_and_starts_nothing(
    world: &World,
    reports: &str,
) -> Result<()> {
    let topic = world.source_outputs.get("HandoffTopicArn")?;
    let handoff = json!({
        "version": 1, "replication": "orders", "run": "20261120t160812z-3f9a", "sourceAccountId": SOURCE_ACCOUNT,
        "sourceRegion": REGION, "dbInstanceIdentifier": SOURCE_INSTANCE,
        "dbSnapshotArn": format!("arn:aws:rds:{REGION}:{SOURCE_ACCOUNT}:snapshot:orders-20261120t160812z-3f9a-copy"),
        "engine": "postgres", "engineVersion": "16.14", "allocatedStorage": 20,
        "dataCurrentAt": "2026-11-20T16:08:12Z", "masterUsername": "shopkeeper"
    });
    let foreign = format!("arn:aws:rds:{REGION}:333333333333:snapshot:orders-20261120t160812z-3f9a");
    for (message, name, says) in [
        (
            with(&handoff, "/sourceAccountId", json!("333333333333")).to_string(),
            "Snapferry.HandoffRefused",
            "sourceAccountId",
        ),
        (
            with(&handoff, "/dbSnapshotArn", json!(foreign)).to_string(),
            "Snapferry.HandoffRefused",
            "dbSnapshotArn's account",
        ),
        (
            with(&handoff, "/dbInstanceIdentifier", json!("payroll")).to_string(),
            "Snapferry.HandoffRefused",
            "dbInstanceIdentifier",
        ),
        (with(&handoff, "/version", json!(2)).to_string(), "Snapferry.HandoffVersionUnknown", "version 2"),
        ("not JSON".to_owned(), "Snapferry.HandoffNotReadable", "not a notification"),
        (
            with(&handoff, "/engine", json!("x".repeat(40_000))).to_string(),
            "Snapferry.HandoffTooLarge",
            "32768",
        ),
        (
            with(&handoff, "/replication", json!("unknown"))
                .to_string()
                .replace("snapshot:orders", "snapshot:unknown"),
            "Snapferry.InvalidSettings",
            "/snapferry/replications/unknown",
        ),
    ] {
        world.source.sns.publish().topic_arn(topic).message(message).send().await?;
        let (_, report) = next_report(&world.target, reports).await?;
        let cause = report["cause"].as_str().unwrap_or_default();
        assert_eq!(report["error"], name, "{cause}");
        assert!(cause.contains(says), "{cause:?} does not say {says:?}");
        println!("{name}: {cause}");
    }

    // Another topic's message, by whatever way it came into the queue.
    let envelope = json!({"Type": "Notification", "TopicArn": format!("{topic}-forged"), "Message": handoff.to_string()});
    let queue = world.target_outputs.get("HandoffQueueUrl")?;
    world.target.sqs.send_message().queue_url(queue).message_body(envelope.to_string()).send().await?;
    let (_, report) = next_report(&world.target, reports).await?;
    assert!(report["cause"].as_str().is_some_and(|it| it.contains("not among those")), "{report}");

    // Settings of the target that are unknown, out of range or of no use, with their path.
    for (path, value) in [
        ("/placement/subnet", json!("x")),
        ("/retention", json!({"copies": 11})),
        ("/dbInstance", json!({"port": 80})),
        ("/placement/tags", json!({"rds:team": "x"})),
        // Of the hand-off's snapshot, which has 20 GiB.
        ("/dbInstance", json!({"maxAllocatedStorage": 21})),
        ("/verification", json!({"assertions": [{"name": "orders", "sql": "SELECT 1"}]})),
        (
            "/verification",
            json!({"postRestoreSql": ["SELECT 1", "SELECT 2", "SELECT 3"], "statementTimeoutSeconds": 300}),
        ),
    ] {
        world.put_settings(&with(&world.settings(), path, value)).await?;
        world.source.sns.publish().topic_arn(topic).message(handoff.to_string()).send().await?;
        let (_, report) = next_report(&world.target, reports).await?;
        assert_eq!(report["error"], "Snapferry.InvalidSettings", "{report}");
        let says = path.trim_start_matches('/').replace('/', ".");
        assert!(report["cause"].as_str().is_some_and(|it| it.contains(&says)), "{report}");
    }

    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let executions =
        world.target.states.list_executions().state_machine_arn(machine).send().await?.executions;
    assert!(executions.is_empty(), "{executions:?}");
    Ok(())
}
