//! Nothing goes live unproven.

use crate::part::part;
use crate::rollback::{ROTATED, rotate_password};
use crate::{next_report, roll_back, world};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, raw_sql};
use tests::{SOURCE_INSTANCE, SecretSays, World, eventually, handoff_of, start};

// P0-9: the source's password works in the copy.
// Rule of AWS: a DB instance offers TLS by a certificate that an authority vouches for.
#[tokio::test]
async fn a_copy_that_fails_an_assertion_is_kept_but_not_live_and_goes_live_once_it_holds() -> Result<()> {
    let mut world = world().await?;
    world.create_source().await?;
    let reporting = SecretSays {
        username: "reporting".to_owned(),
        password: "of the source".to_owned(),
        ..world.login(SOURCE_INSTANCE).await?
    };
    let mut source = world.login(SOURCE_INSTANCE).await?.session().await?;
    raw_sql("CREATE ROLE reporting LOGIN PASSWORD 'of the source'").execute(&mut source).await?;
    give_it_what_snapshots_bring(&world).await?;
    let reports = world.target.listen(world.target_outputs.get("OperationsTopicArn")?, "operations").await?;
    let mut settings = world.settings();
    settings["verification"] = json!({
        "logins": "rotate",
        "postRestoreSql": [
            "UPDATE customers SET name = 'Customer ' || id",
            "CREATE TABLE IF NOT EXISTS marks (mark int)",
            "INSERT INTO marks VALUES (1)",
        ],
        "assertions": [
            {"name": "customers are masked", "sql": "SELECT count(*) FROM customers WHERE name LIKE '% Ünï'", "equals": 0},
            {"name": "orders are there", "sql": "SELECT count(*) FROM orders", "atLeast": 1_000_000},
            {"name": "receipts are there", "sql": "SELECT count(*) FROM receipts", "atLeast": 1},
        ],
    });
    world.put_settings(&settings).await?;
    let execution = world.start_run(&world.input()).await?;
    let handoff = handoff_of(&world.source.succeeded(&execution).await?)?;
    let name = format!("orders-{}", handoff["run"].as_str().context("a run has a name")?);
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let arn = world.target.execution_named(machine, &name).await?;

    let refused = world.target.ended(&arn).await?;
    let says = "assertion \"orders are there\" wants at least 1000000, found 2000";
    assert_eq!(refused.error.as_deref(), Some("Snapferry.VerificationFailed"), "{:?}", refused.cause);
    assert!(refused.cause.as_ref().is_some_and(|cause| cause.contains("found 2000")), "{:?}", refused.cause);
    assert_eq!(refused.steps.last().map(|it| it.step.as_str()), Some("Verify"));
    // A policy would hide rows: that is no proof, and it is said.
    let cause = refused.cause.as_deref().unwrap_or_default();
    assert!(
        cause.contains("42501") && cause.contains("public.receipts NO FORCE ROW LEVEL SECURITY"),
        "{cause}"
    );
    let (_, report) = next_report(&world.target, &reports).await?;
    assert_eq!(
        (&report["executionArn"], &report["error"]),
        (&json!(arn), &json!("Snapferry.VerificationFailed"))
    );
    assert!(report["cause"].as_str().is_some_and(|cause| cause.contains(says)), "{report}");

    // Applications see nothing of it, and the copy is there to be looked at.
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let answer = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    assert_eq!(answer.secret_string(), Some("{}"));
    clean_up(&world).await?;
    world.target.instance_in(&name, "available").await?;

    let described = world.target.states.describe_execution().execution_arn(&arn).send().await?;
    let mut input: Value = serde_json::from_str(described.input().context("an execution has an input")?)?;
    let assertions = &mut input["settings"]["verification"]["assertions"];
    assertions[1]["atLeast"] = json!(2000);
    assertions.as_array_mut().context("they are a list")?.pop();
    let resume = world.target.states.start_execution().state_machine_arn(machine).name(format!("{name}-r2"));
    let arn = resume.input(input.to_string()).send().await?.execution_arn;
    world.target.succeeded(&arn).await?;
    let (_, report) = next_report(&world.target, &reports).await?;
    assert_eq!((&report["outcome"], &report["live"]), (&json!("SUCCEEDED"), &json!(true)), "{report}");
    assert!(report["dataAgeSeconds"].as_i64().is_some_and(|age| (0..600).contains(&age)), "{report}");
    let verified = json!({
        "checkedBy": "sql", "tls": "certificate and host name verified", "loginsChanged": 1,
        "assertions": [
            {"name": "customers are masked", "found": "0", "passed": true},
            {"name": "orders are there", "found": "2000", "passed": true},
        ],
        "databases": [
            {"name": "crm", "statements": 0, "assertions": 0, "tables": 1},
            {"name": "postgres", "statements": 0, "assertions": 0, "tables": 0},
            {"name": "shop", "statements": 3, "assertions": 2, "tables": 5, "emptiedTables": ["carts"]},
        ],
        "notLookedInto": [{"name": "crm", "reason": "no assertion and no statement names it"}],
        "stopped": ["subscription of_production in database shop"],
    });
    assert_eq!(report["verified"], verified);

    // The other login has a password of its own, and not that of the source.
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, name);
    live.connect().await?;
    let own =
        world.target.secrets.get_secret_value().secret_id(name.replacen("orders-", "snapferry/orders/", 1));
    let own: Value = serde_json::from_str(own.send().await?.secret_string().unwrap_or_default())?;
    let password = own["logins"]["reporting"].as_str().context("the copy's secret has the login")?;
    let in_the_copy = |password: &str| SecretSays {
        username: reporting.username.clone(),
        password: password.to_owned(),
        ..live.clone()
    };
    in_the_copy(password).session().await?;
    let refused =
        in_the_copy(&reporting.password).session().await.expect_err("the source's password opens the copy");
    assert!(refused.to_string().contains("password authentication failed"), "{refused}");
    part(
        "a live copy is left alone, even if its password was rotated",
        a_live_copy_is_left_alone_even_if_its_password_was_rotated(&world, &name, &input),
    )
    .await?;
    world.local_aws.stop().await
}

/// A table with a policy, a second database, a table that is empty in every copy, and a subscription to production.
async fn give_it_what_snapshots_bring(world: &World) -> Result<()> {
    let login = world.login(SOURCE_INSTANCE).await?;
    let (username, password) = world.local_aws.administrator().await?;
    let administrator = SecretSays { username, password, ..login.clone() };
    let master = &login.username;
    let mut as_administrator = administrator.session().await?;
    // Before version 16 of PostgreSQL only a superuser makes a subscription.
    let mut run = async |sql: String| raw_sql(AssertSqlSafe(sql)).execute(&mut as_administrator).await;
    run(format!("CREATE DATABASE crm OWNER {master}")).await?;
    run(format!("ALTER ROLE {master} SUPERUSER")).await?;
    let mut as_master = login.session().await?;
    for sql in [
        "ALTER TABLE receipts ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE receipts FORCE ROW LEVEL SECURITY",
        "CREATE UNLOGGED TABLE carts (id int)",
        "CREATE SUBSCRIPTION of_production CONNECTION 'host=127.0.0.1 port=1 dbname=shop' PUBLICATION changes WITH (connect = false, slot_name = 'of_production')",
        "ALTER SUBSCRIPTION of_production ENABLE",
    ] {
        raw_sql(sql).execute(&mut as_master).await?;
    }
    run(format!("ALTER ROLE {master} NOSUPERUSER")).await?;
    let mut crm = SecretSays { dbname: "crm".to_owned(), ..login }.session().await?;
    raw_sql("CREATE TABLE people (id int)").execute(&mut crm).await?;
    Ok(())
}

/// A run that is resumed, and a rollback to where applications are already, change nothing of the live copy.
async fn a_live_copy_is_left_alone_even_if_its_password_was_rotated(
    world: &World,
    name: &str,
    input: &Value,
) -> Result<()> {
    let run = name.trim_start_matches("orders-");
    let before = marks(world).await?;
    assert!(before > 0);
    rotate_password(world, run).await?;
    let refused = json!({"refused": {"code": "InvalidParameter", "message": "refused once", "status": 400}});
    let who = format!("{}/*Report*", world.target.id);
    let call = json!({"who": who, "service": "sns", "operation": "Publish", "how": refused});
    world.local_aws.fault(&call).await?;
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let resume = |name: String| start(&world.target, machine, Some(name), input);
    let failed = world.target.ended(&resume(format!("{name}-r3")).await?).await?;
    assert_eq!(failed.error.as_deref(), Some("Snapferry.SnsRefused"), "{:?}", failed.cause);
    world.target.succeeded(&resume(format!("{name}-r4")).await?).await?;
    for to in [run, "latest"] {
        roll_back(world, to).await?;
    }
    let live = world.application_secret().await?;
    assert_eq!(live.password, ROTATED);
    assert_eq!(marks(world).await?, before, "the statements after the restore ran again");
    Ok(())
}

/// How often the statements after the restore of the live copy were run.
async fn marks(world: &World) -> Result<i64> {
    let mut connection = world.application_secret().await?.session().await?;
    Ok(sqlx::query_scalar("SELECT count(*) FROM marks").fetch_one(&mut connection).await?)
}

/// Waits until the first clean-up of the target account has gone through.
async fn clean_up(world: &World) -> Result<()> {
    let machine = world.target_outputs.get("CleanUpStateMachineArn")?;
    let arn = eventually("a clean-up", || async {
        let list = world.target.states.list_executions().state_machine_arn(machine).send().await?.executions;
        Ok(list.into_iter().next().map(|it| it.execution_arn))
    });
    world.target.succeeded(&arn.await?).await?;
    Ok(())
}
