//! What a snapshot brings, on a real PostgreSQL over TLS: policies, databases, defaults of roles, and what acts by itself.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(dead_code, reason = "the other engine's support")]

mod support;

use anyhow::Result;
use serde_json::{Value, json};
use support::postgres::Server;
use support::{MASTER, World};

async fn world() -> Result<(World, Server)> {
    let world = World::new().await?;
    let server = Server::start(&world).await?;
    world.lead_to("postgres", server.port());
    Ok((world, server))
}

const CUSTOMERS: &str = "CREATE TABLE customers (id int, tenant text, email text);
     INSERT INTO customers SELECT i, 'a', i || '@real.example' FROM generate_series(1, 90) i;
     ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
     CREATE POLICY own ON customers USING (tenant = current_setting('app.tenant', true));";
const MASK: &str = "UPDATE customers SET email = 'nobody@example.com'";

fn no_real_address(more: Value) -> Value {
    let mut assertion = json!({
        "name": "no real address", "equals": 0,
        "sql": "SELECT count(*) FROM customers WHERE email LIKE '%@real.example'",
    });
    assertion.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assertion
}

// Archmonger/django-dbbackup#496: the masking changed no row, and the assertion found none.
#[tokio::test]
async fn row_level_security_raises_in_place_of_hiding_rows() -> Result<()> {
    let (world, server) = world().await?;
    let real = "SELECT count(*) FROM customers WHERE email LIKE '%@real.example'";
    server.as_master(CUSTOMERS).await?;
    server.as_master("ALTER TABLE customers FORCE ROW LEVEL SECURITY").await?;
    let masked = json!({"postRestoreSql": [MASK], "assertions": [no_real_address(json!({}))]});
    let told = world.fails(masked, "Snapferry.PostRestoreSqlFailed", "postRestoreSql[0] failed: 42501").await;
    assert!(told.contains("ALTER TABLE public.customers NO FORCE ROW LEVEL SECURITY"), "{told}");
    let asserted = json!({ "assertions": [no_real_address(json!({}))] });
    let told = world.fails(asserted, "Snapferry.VerificationFailed", "no answer: 42501").await;
    assert!(told.contains("public.customers") && told.contains("BYPASSRLS"), "{told}");
    assert_eq!(server.number(real).await?, 90);

    // A role that sees all rows; and the way without one.
    server.execute("shop", &format!("CREATE ROLE auditor BYPASSRLS; GRANT auditor TO {MASTER}; GRANT SELECT, UPDATE ON customers TO auditor")).await?;
    let auditor = json!({"role": "auditor"});
    let seen = json!({"assertions": [no_real_address(auditor.clone())]});
    world.fails(seen, "Snapferry.VerificationFailed", "wants 0, found 90").await;
    let unforced = json!([
        "ALTER TABLE customers NO FORCE ROW LEVEL SECURITY",
        MASK,
        "ALTER TABLE customers FORCE ROW LEVEL SECURITY",
    ]);
    world.verified(json!({"postRestoreSql": unforced, "assertions": [no_real_address(auditor)]})).await;
    assert_eq!(server.number(real).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_statement_and_an_assertion_act_as_the_role_that_they_name() -> Result<()> {
    let (world, server) = world().await?;
    server.execute("shop", "CREATE ROLE app; GRANT ALL ON SCHEMA public TO app").await?;
    server.execute("shop", &format!("SET ROLE app; {CUSTOMERS}")).await?;
    server.execute("shop", &format!("GRANT SELECT, UPDATE ON customers TO {MASTER}")).await?;

    // The owner sees all rows, but the master user may not be the owner.
    let as_owner = json!({
        "postRestoreSql": [{"sql": MASK, "role": "app"}],
        "assertions": [no_real_address(json!({"role": "app"}))],
    });
    let told =
        world.fails(json!({"postRestoreSql": [MASK]}), "Snapferry.PostRestoreSqlFailed", "42501").await;
    assert!(told.contains(&format!("GRANT \"app\" TO \"{MASTER}\" in the source")), "{told}");
    let told = world.fails(as_owner.clone(), "Snapferry.PostRestoreSqlFailed", "permission denied").await;
    assert!(told.contains("GRANT \"app\" TO"), "{told}");
    server.execute("shop", &format!("GRANT app TO {MASTER}")).await?;
    world.verified(as_owner).await;
    assert_eq!(server.number("SELECT count(*) FROM customers WHERE email = 'nobody@example.com'").await?, 90);

    // Each role is for its own statement alone, and a hostile name is a name.
    let who =
        |role: Value, is: &str| json!({"name": is, "sql": "SELECT current_user", "role": role, "equals": is});
    let roles =
        json!([who(json!("app"), "app"), {"name": "m", "sql": "SELECT current_user", "equals": MASTER}]);
    let statements = json!([
        {"sql": "CREATE TABLE of_app (id int)", "role": "app"},
        "CREATE TABLE of_master (id int)",
        "DO $$ BEGIN ASSERT (SELECT tableowner FROM pg_tables WHERE tablename = 'of_app') = 'app'; ASSERT current_user = session_user; END $$",
    ]);
    world.verified(json!({"postRestoreSql": statements, "assertions": roles})).await;
    let hostile = "x\"; DROP TABLE orders; --'\\";
    let told = world
        .fails(
            json!({"postRestoreSql": [{"sql": "SELECT 1", "role": hostile}]}),
            "Snapferry.PostRestoreSqlFailed",
            "does not exist",
        )
        .await;
    assert!(told.contains("postRestoreSql[0]"), "{told}");
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);
    Ok(())
}

// greenplum-db/gpbackup#176, and all defaults of its kind.
#[tokio::test]
async fn no_default_of_a_role_or_database_changes_what_sql_means() -> Result<()> {
    let (world, server) = world().await?;
    server.execute("shop", "CREATE ROLE app LOGIN PASSWORD 'of the source'; CREATE ROLE weak").await?;
    server.execute("shop", &format!("GRANT weak TO {MASTER}; CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC; CREATE TABLE evil.orders (id int, placed_at timestamptz, paid boolean, total numeric); CREATE FUNCTION evil.count(name) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'; GRANT SELECT ON evil.orders TO PUBLIC")).await?;
    for default in [
        "default_transaction_read_only = on",
        "default_transaction_isolation = serializable",
        "search_path = evil, pg_catalog",
        "lock_timeout = 1",
        "statement_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
        "row_security = on",
        "session_replication_role = replica",
        "TimeZone = 'Asia/Tokyo'",
        "DateStyle = 'German'",
        "IntervalStyle = 'iso_8601'",
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
        "extra_float_digits = -5",
        "transform_null_equals = on",
        "lc_numeric = 'C'",
    ] {
        server
            .execute(
                "postgres",
                &format!("ALTER DATABASE shop SET {default}; ALTER ROLE {MASTER} SET {default}"),
            )
            .await?;
    }
    server.execute("postgres", &format!("ALTER ROLE {MASTER} SET role = 'weak'")).await?;
    // On RDS the master user may set it, by rds_superuser.
    server
        .execute("postgres", &format!("GRANT SET ON PARAMETER session_replication_role TO {MASTER}"))
        .await?;
    let is = |name: &str, sql: &str, value: Value| json!({"name": name, "sql": sql, "equals": value});
    let assertions = json!([
        is("user", "SELECT current_user", json!(MASTER)),
        is("table", "SELECT count(*) FROM orders", json!(12)),
        is("zone", "SELECT '2026-11-20 12:00:00+00'::timestamptz::text", json!("2026-11-20 12:00:00+00")),
        is("interval", "SELECT '1 day'::interval::text", json!("1 day")),
        is("bytes", "SELECT '\\x41'::bytea::text", json!("\\x41")),
        is("strings", "SELECT 'a\\b'", json!("a\\b")),
        is("nulls", "SELECT count(*) FROM orders WHERE (id = NULL)", json!(0)),
        is("triggers", "SELECT current_setting('session_replication_role')", json!("origin")),
        is("isolation", "SELECT current_setting('transaction_isolation')", json!("read committed")),
        is("slow", "SELECT 1 FROM pg_sleep(0.05)", json!(1)),
        is("policies", "SELECT current_setting('row_security')", json!("off")),
    ]);
    let statements = json!(["UPDATE orders SET total = 5 WHERE total > 5", "SELECT pg_sleep(0.05)"]);
    let verification = json!({"logins": "lock", "postRestoreSql": statements, "assertions": assertions});
    world.verified(verification).await;
    server.execute("postgres", "ALTER DATABASE shop RESET ALL").await?;
    assert_eq!(server.number("SELECT sum(total)::bigint FROM public.orders").await?, 50);

    // What one statement sets is not there for an assertion.
    let statements = json!([
        "SET search_path = evil",
        "SET ROLE weak",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET row_security = on",
        "RESET search_path"
    ]);
    let assertions = json!([
        is("table", "SELECT count(*) FROM orders", json!(12)),
        is("zone", "SHOW TimeZone", json!("UTC"))
    ]);
    world.verified(json!({"postRestoreSql": statements, "assertions": assertions})).await;

    // Where the master user may not override a default, that is said.
    server
        .execute("shop", &format!("REVOKE SET ON PARAMETER session_replication_role FROM {MASTER}"))
        .await?;
    world.fails(json!({}), "Snapferry.SessionNotSet", "session_replication_role").await;
    Ok(())
}

// alphagov/govuk-helm-charts#1268: the second database was neither masked nor asserted nor named.
#[tokio::test]
async fn every_database_is_looked_into_or_named() -> Result<()> {
    let (world, server) = world().await?;
    server.execute("postgres", &format!("CREATE DATABASE crm OWNER {MASTER}")).await?;
    server.execute("postgres", &format!("CREATE DATABASE \"h\"\"r; --\" OWNER {MASTER}")).await?;
    server
        .execute("postgres", "CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        .await
        .unwrap_err();
    server.execute("postgres", "CREATE DATABASE closed").await?;
    server.execute("postgres", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC").await?;
    for database in ["crm", "h\"r; --"] {
        server.execute(database, &format!("CREATE TABLE people (id int, email text); INSERT INTO people VALUES (1, 'a@real.example'); GRANT ALL ON people TO {MASTER}")).await?;
    }
    server.execute("shop", "CREATE UNLOGGED TABLE carts (id int)").await?;
    server.execute("crm", "CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw; CREATE SERVER production FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.prod.internal'); CREATE USER MAPPING FOR PUBLIC SERVER production OPTIONS (user 'u', password 'hunter2')").await?;

    let mask = "UPDATE people SET email = 'nobody@example.com'";
    let read = "SELECT count(*) FROM people WHERE email LIKE '%@real.example'";
    let verification = json!({
        "postRestoreSql": [{"sql": mask, "database": "crm"}, "UPDATE orders SET total = 5 WHERE total > 5"],
        "assertions": [
            {"name": "crm is masked", "sql": read, "database": "crm", "equals": 0},
            {"name": "orders are there", "sql": "SELECT count(*) FROM orders", "atLeast": 12},
        ],
    });
    let answer = world.verified(verification).await;
    let (proof, reason) = (&answer["proof"], answer["reason"].as_str().unwrap());
    let link = "foreign server production (postgres_fdw, host db.prod.internal, user mappings public)";
    assert_eq!(
        proof["databases"],
        json!([
            {"name": "crm", "statements": 1, "assertions": 1, "tables": 1, "links": ["extension dblink", link]},
            {"name": "h\"r; --", "statements": 0, "assertions": 0, "tables": 1},
            {"name": "postgres", "statements": 0, "assertions": 0, "tables": 0},
            {"name": "shop", "statements": 1, "assertions": 1, "tables": 2, "emptiedTables": ["carts"]},
        ])
    );
    assert_eq!(
        proof["notLookedInto"],
        json!([
            {"name": "closed", "reason": "the master user lacks CONNECT on it"},
            {"name": "h\"r; --", "reason": "no assertion and no statement names it"},
        ])
    );
    for says in ["not looked into: closed", "h\"r; --", "UNLOGGED or MEMORY): carts", "db.prod.internal"] {
        assert!(reason.contains(says), "{reason} lacks {says}");
    }
    assert!(!answer.to_string().contains("hunter2"), "{answer}");

    // All or none, over databases; and a database that is not there is said.
    let statements = json!([
        {"sql": "DELETE FROM people", "database": "crm"}, "DELETE FROM orders", {"sql": "SELECT 1/0", "database": "h\"r; --"},
    ]);
    let failing = json!({ "postRestoreSql": statements });
    world.fails(failing, "Snapferry.PostRestoreSqlFailed", "postRestoreSql[2] failed: 22012").await;
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);
    let statements = json!([{"sql": "SELECT 1", "database": "nowhere"}]);
    let failing = json!({ "postRestoreSql": statements });
    world.fails(failing, "Snapferry.PostRestoreSqlFailed", "the copy has no database \"nowhere\"").await;
    let read = json!({"name": "a", "sql": "SELECT count(*) FROM people", "database": "crm", "equals": 0});
    world.fails(json!({"assertions": [read]}), "Snapferry.VerificationFailed", "found 1").await;
    Ok(())
}

// dimagi/commcare-connect#1388: the copy took the source's slot.
#[tokio::test]
async fn subscriptions_are_stopped_in_every_database_unless_they_are_kept() -> Result<()> {
    let (world, server) = world().await?;
    server.execute("postgres", &format!("CREATE DATABASE crm OWNER {MASTER}")).await?;
    let subscribe = |name: &str| {
        format!(
            "CREATE SUBSCRIPTION {name} CONNECTION 'host=127.0.0.1 port=1 dbname=x user=u password=hunter2' PUBLICATION p WITH (connect = false, slot_name = 'of_production')"
        )
    };
    // A subscription of the master user: before version 16 only a superuser makes one.
    server.execute("shop", &format!("ALTER ROLE {MASTER} SUPERUSER")).await?;
    for (database, name) in [("shop", "\"o\"\"r; --\""), ("crm", "people")] {
        let mut connection = server.connect(MASTER, support::PASSWORD, database).await?;
        for sql in [subscribe(name), format!("ALTER SUBSCRIPTION {name} ENABLE")] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
    }
    server.execute("shop", &format!("ALTER ROLE {MASTER} NOSUPERUSER")).await?;

    let acting = "SELECT count(*) FROM pg_subscription WHERE subenabled OR subslotname IS NOT NULL";
    let answer = world.verified(json!({"keepActive": ["subscriptions"]})).await;
    let names = ["subscription o\"r; -- in database shop", "subscription people in database crm"];
    assert_eq!(answer["proof"]["keptActive"], json!(names), "{answer}");
    assert_eq!(server.number(acting).await?, 2);
    for _ in 0..2 {
        let answer = world.verified(json!({})).await;
        assert_eq!(answer["proof"]["stopped"], json!(names), "{answer}");
        assert!(answer["reason"].as_str().unwrap().contains("stopped: subscription o"), "{answer}");
        assert!(!answer.to_string().contains("hunter2"));
        assert_eq!(server.number(acting).await?, 0);
        assert_eq!(server.number("SELECT count(*) FROM pg_subscription").await?, 2);
    }

    // What somebody else owns cannot be stopped, and that fails before anything else is done.
    server.execute("crm", &subscribe("other")).await?;
    server.execute("crm", "ALTER SUBSCRIPTION other ENABLE").await?;
    let statements = json!({"postRestoreSql": ["DELETE FROM orders"]});
    let told =
        world.fails(statements, "Snapferry.ActivityNotStopped", "subscription other in database crm").await;
    assert!(told.contains("verification.keepActive") && told.contains("GRANT \"rdsadmin\""), "{told}");
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);
    server.execute("crm", "ALTER SUBSCRIPTION other DISABLE").await?;
    server.execute("crm", "ALTER SUBSCRIPTION other SET (slot_name = NONE)").await?;
    world.verified(json!({})).await;
    Ok(())
}

/// As pg_cron makes them: each role sees its own jobs alone.
const CRON: &str = "CREATE SCHEMA cron;
     CREATE TABLE cron.job (jobid bigint PRIMARY KEY, schedule text, command text, username text DEFAULT current_user, active boolean DEFAULT true);
     GRANT SELECT, INSERT, UPDATE ON cron.job TO public;
     ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY;
     CREATE POLICY cron_job_policy ON cron.job USING (username = current_user);";

#[tokio::test]
async fn jobs_of_pg_cron_are_stopped_where_they_lie() -> Result<()> {
    let (world, server) = world().await?;
    server.execute("postgres", &format!("{CRON} CREATE ROLE app LOGIN; CREATE ROLE bystander LOGIN; GRANT app TO {MASTER}; GRANT USAGE ON SCHEMA cron TO {MASTER}, app")).await?;
    for (job, role) in [(1, MASTER), (2, MASTER), (3, "app")] {
        server
            .execute("postgres", &format!("SET ROLE {role}; INSERT INTO cron.job (jobid) VALUES ({job})"))
            .await?;
    }
    let active = async || {
        let mut connection = server.connect("rdsadmin", support::PASSWORD, "postgres").await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM cron.job WHERE active")
            .fetch_one(&mut connection)
            .await?;
        anyhow::Ok(count)
    };
    let answer = world.verified(json!({"keepActive": ["scheduledJobs"]})).await;
    assert_eq!(answer["proof"]["keptActive"], json!(["jobs of pg_cron in database postgres"]));
    assert_eq!(active().await?, 3);
    let answer = world.verified(json!({})).await;
    assert_eq!(answer["proof"]["stopped"], json!(["3 jobs of pg_cron in database postgres"]));
    assert_eq!(active().await?, 0);

    // A role whose jobs the master user cannot see may have some.
    server.execute("postgres", "GRANT USAGE ON SCHEMA cron TO bystander").await?;
    let told =
        world.fails(json!({}), "Snapferry.ActivityNotStopped", "jobs of pg_cron in database postgres").await;
    assert!(told.contains("GRANT \"bystander\" TO"), "{told}");
    world.verified(json!({"keepActive": ["scheduledJobs"]})).await;
    Ok(())
}
