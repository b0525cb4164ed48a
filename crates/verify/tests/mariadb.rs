//! `Verify`, run as Lambda runs it, against a real MariaDB over TLS.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(dead_code, reason = "the other engine's support")]

mod support;

use anyhow::Result;
use local_aws::tls_front::Authority;
use serde_json::json;
use sqlx::Row;
use std::time::Instant;
use support::mariadb::{HOST, Server};
use support::{MASTER, PASSWORD, World};

async fn world() -> Result<Option<(World, Server)>> {
    let world = World::new().await?;
    let Some(server) = Server::start(&world).await? else { return Ok(None) };
    world.lead_to("mariadb", server.port);
    world.set("host", HOST);
    Ok(Some((world, server)))
}

#[tokio::test]
async fn assertions_on_a_real_mariadb_hold_or_fail_by_name() -> Result<()> {
    let Some((world, server)) = world().await? else { return Ok(()) };
    let assertions = json!([
        {"name": "orders are there", "sql": "SELECT count(*) FROM orders", "atLeast": 12},
        {"name": "they add up", "sql": "SELECT sum(total) FROM orders", "equals": 78},
        {"name": "all are paid", "sql": "SELECT min(paid) FROM orders", "equals": true},
        {"name": "they are fresh", "sql": "SELECT max(placed_at) FROM orders", "newerThanMinutes": 10},
        {"name": "pipes are the server's", "sql": "SELECT 1 || 0", "equals": 1},
        {"name": "text", "sql": "SELECT 'ünï'", "equals": "ünï"},
    ]);
    let answer = world.verified(json!({ "assertions": assertions })).await;
    assert_eq!(
        answer["proof"]["assertions"][1],
        json!({"name": "they add up", "found": "78.00", "passed": true})
    );
    assert_eq!(answer["proof"]["tls"], "certificate and host name verified");

    for (sql, least, says) in [
        ("SELECT count(*) FROM orders", 13, "\"a\" wants at least 13, found 12"),
        ("SELECT id FROM orders", 1, "more than one row"),
        ("SELECT id FROM orders WHERE id < 0", 1, "no row"),
        ("SELECT max(id) FROM orders WHERE id < 0", 1, "NULL"),
        ("SELECT count(*) FROM customers", 1, "42S02"),
        (
            "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b",
            1,
            "longer than statementTimeoutSeconds",
        ),
        // Nothing is changed, whatever an assertion says.
        ("DELETE FROM orders", 1, "25006"),
        ("DROP TABLE orders", 1, "25006"),
        ("SELECT 1; DELETE FROM orders", 1, "42000"),
        ("COMMIT; DELETE FROM orders", 1, "42000"),
    ] {
        let began = Instant::now();
        let assertion = json!({"name": "a", "sql": sql, "atLeast": least});
        let verification = json!({"assertions": [assertion], "statementTimeoutSeconds": 1});
        world.fails(verification, "Snapferry.VerificationFailed", says).await;
        assert!(began.elapsed().as_secs() < 10, "{sql}");
    }
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);
    Ok(())
}

#[tokio::test]
async fn only_a_trusted_mariadb_is_logged_in_to() -> Result<()> {
    let Some((mut world, server)) = world().await? else { return Ok(()) };
    world.a_path_is_proven_by_its_name(server.port).await;
    world.verified(json!({})).await;
    world.set("password", "wrong");
    world.waits("28000").await;
    world.set("password", PASSWORD);
    world.set("dbname", "nowhere");
    world.fails(json!({}), "Snapferry.LoginRefused", "42000").await;
    world.set("dbname", "shop");
    let other = world.folder.path().join("other.pem");
    Authority::new()?.write(&other).await?;
    world.authority_file = other;
    world.fails(json!({}), "Snapferry.TlsNotTrusted", "BadSignature").await;
    Ok(())
}

const HOSTILE: &str = "x`@`%`; DROP TABLE shop.orders; --'\\";

// P0-9: the source's password works in the copy.
#[tokio::test]
async fn other_logins_of_mariadb_are_locked_or_get_passwords_of_their_own() -> Result<()> {
    let Some((world, server)) = world().await? else { return Ok(()) };
    let hostile = HOSTILE.replace('`', "``");
    server
        .execute(&format!(
            "CREATE USER app@'%' IDENTIFIED BY 'of the source'; CREATE USER `{hostile}`@`%` IDENTIFIED BY 'of the source';
             CREATE ROLE readers;
             CREATE USER machine@localhost IDENTIFIED VIA unix_socket;
             GRANT SELECT ON shop.* TO app@'%'; GRANT SELECT ON shop.* TO `{hostile}`@`%`"
        ))
        .await?;
    world.verified(json!({"logins": "keep"})).await;
    server.connect("app", "of the source").await?;

    world.verified(json!({"logins": "rotate"})).await;
    let logins = world.secret.lock().unwrap().value["logins"].clone();
    assert!(logins.get("machine@localhost").is_none(), "it has no password");
    for login in ["app", HOSTILE] {
        server.connect(login, "of the source").await.unwrap_err();
        let password = logins[format!("{login}@%")].as_str().unwrap();
        server.connect(login, password).await?;
    }
    world.verified(json!({"logins": "rotate"})).await;
    assert_eq!(world.secret.lock().unwrap().value["logins"], logins);

    for _ in 0..2 {
        world.verified(json!({"logins": "lock"})).await;
    }
    for login in ["app", HOSTILE] {
        let password = logins[format!("{login}@%")].as_str().unwrap();
        let refused = server.connect(login, password).await.unwrap_err();
        assert!(refused.to_string().contains("locked"), "{refused}");
    }
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);
    let locked = "SELECT count(*) FROM mysql.global_priv WHERE user IN ('rdsadmin', 'mariadb.sys', 'readers') AND JSON_VALUE(priv, '$.account_locked') = 'true'";
    assert!(server.number(locked).await? <= 1, "mariadb.sys alone is locked, as it always is");
    Ok(())
}

#[tokio::test]
async fn statements_after_the_restore_of_mariadb_come_before_the_assertions() -> Result<()> {
    let Some((world, server)) = world().await? else { return Ok(()) };
    let assertions = json!([{"name": "masked", "sql": "SELECT max(total) FROM orders", "equals": 5}]);
    let statements = json!(["UPDATE orders SET total = 5 WHERE total > 5"]);
    for _ in 0..2 {
        world.verified(json!({"postRestoreSql": statements, "assertions": assertions})).await;
    }
    let statements = json!(["DELETE FROM orders", "UPDATE customers SET name = 'secret'"]);
    let verification = json!({ "postRestoreSql": statements });
    world.fails(verification, "Snapferry.PostRestoreSqlFailed", "postRestoreSql[1] failed: 42S02").await;
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);
    Ok(())
}

#[tokio::test]
async fn events_of_mariadb_are_stopped_unless_they_are_kept() -> Result<()> {
    let Some((world, server)) = world().await? else { return Ok(()) };
    server.execute("CREATE EVENT tidy ON SCHEDULE EVERY 1 HOUR DO DELETE FROM orders").await?;
    server.execute("CREATE EVENT `a``b; --` ON SCHEDULE EVERY 1 HOUR DO DELETE FROM orders").await?;
    server.execute("CREATE TABLE carts (id int) ENGINE=MEMORY").await?;
    server.execute("CREATE DATABASE crm").await?;
    server.execute("CREATE TABLE crm.people (email text) ENGINE=InnoDB").await?;
    let enabled = "SELECT count(*) FROM information_schema.events WHERE status = 'ENABLED'";
    let names = json!(["event shop.a`b; --", "event shop.tidy"]);
    let answer = world.verified(json!({"keepActive": ["events"]})).await;
    assert_eq!(answer["proof"]["keptActive"], names, "{answer}");
    assert_eq!(server.number(enabled).await?, 2);
    for _ in 0..2 {
        let answer = world.verified(json!({})).await;
        assert_eq!(answer["proof"]["stopped"], names, "{answer}");
        assert_eq!(server.number(enabled).await?, 0);
        assert_eq!(answer["proof"]["databases"][1]["emptiedTables"], json!(["carts"]), "{answer}");
        assert_eq!(answer["proof"]["notLookedInto"][0]["name"], "crm", "{answer}");
    }
    Ok(())
}

// A user who alters an event becomes its definer. Once the event is enabled again, it acts with that user's rights.
#[tokio::test]
async fn an_event_that_is_stopped_keeps_its_definer_whatever_the_master_user_may_do() -> Result<()> {
    let Some((world, server)) = world().await? else { return Ok(()) };
    let clerk = HOSTILE.replace('`', "``");
    server.execute(&format!("CREATE USER `{clerk}`@`%` IDENTIFIED BY 'p'")).await?;
    server.execute(&format!("GRANT EVENT ON shop.* TO `{clerk}`@`%`")).await?;
    let mut as_clerk = server.connect(HOSTILE, "p").await?;
    let tidy = "CREATE EVENT tidy ON SCHEDULE EVERY 1 HOUR DO DELETE FROM orders";
    sqlx::raw_sql(tidy).execute(&mut as_clerk).await?;
    let events = "SELECT CAST(concat(definer, ' ', status) AS CHAR) FROM information_schema.events";
    let stopped = format!("{HOSTILE}@% DISABLED");
    // By the table of events; by the right to name another definer; by neither.
    for (rights, expected, told) in [
        ("DO 1", stopped.as_str(), "event shop.tidy"),
        (
            "GRANT SET USER ON *.* TO shopkeeper; REVOKE UPDATE ON *.* FROM shopkeeper",
            &stopped,
            "event shop.tidy",
        ),
        (
            "REVOKE SET USER ON *.* FROM shopkeeper",
            "shopkeeper@% DISABLED",
            "event shop.tidy, whose definer is the master user now",
        ),
    ] {
        server.administer(rights).await?;
        sqlx::raw_sql("ALTER EVENT tidy ENABLE").execute(&mut as_clerk).await?;
        let answer = world.verified(json!({})).await;
        assert_eq!(server.text(events).await?, expected, "{rights}");
        assert_eq!(answer["proof"]["stopped"], json!([told]), "{answer}");
    }
    Ok(())
}

// A copy of a replica would take changes from the replica's source.
#[tokio::test]
async fn replication_of_mariadb_is_stopped_unless_it_is_kept() -> Result<()> {
    let Some((world, server)) = world().await? else { return Ok(()) };
    let source = "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'r', MASTER_PASSWORD = 'p'";
    server.administer(source).await?;
    let names = json!(["replication from 127.0.0.1"]);
    let start = "DO 1; START SLAVE";
    server.administer(start).await?;
    let answer = world.verified(json!({"keepActive": ["replication"]})).await;
    assert_eq!(answer["proof"]["keptActive"], names, "{answer}");
    assert!(replicates(&server).await?);
    for rights in [
        // By RDS's procedure.
        "DO 1",
        "DROP PROCEDURE mysql.rds_stop_replication; GRANT REPLICATION SLAVE ADMIN ON *.* TO shopkeeper",
    ] {
        server.administer(&format!("{rights}; {start}")).await?;
        for _ in 0..2 {
            let answer = world.verified(json!({})).await;
            assert_eq!(answer["proof"]["stopped"], names, "{answer}");
            assert!(!replicates(&server).await?, "{rights}");
        }
    }
    server.administer(&format!("REVOKE REPLICATION SLAVE ADMIN ON *.* FROM shopkeeper; {start}")).await?;
    world.fails(json!({}), "Snapferry.ActivityNotStopped", "replication from another server").await;
    assert!(replicates(&server).await?);
    Ok(())
}

/// Whether the server takes changes from another one. It goes on trying to connect, as there is none.
async fn replicates(server: &Server) -> Result<bool> {
    let mut connection = server.connect(MASTER, PASSWORD).await?;
    let row = sqlx::raw_sql("SHOW ALL SLAVES STATUS").fetch_one(&mut connection).await?;
    let runs = ["Slave_IO_Running", "Slave_SQL_Running"].map(|it| row.get_unchecked::<String, _>(it));
    Ok(runs.iter().any(|it| it != "No"))
}

#[tokio::test]
async fn statements_and_assertions_of_mariadb_name_their_database_and_role() -> Result<()> {
    let Some((world, server)) = world().await? else { return Ok(()) };
    server.execute("CREATE DATABASE crm").await?;
    server.execute("CREATE TABLE crm.people (email text) ENGINE=InnoDB").await?;
    server.execute("INSERT INTO crm.people VALUES ('a@real.example')").await?;
    server.execute("CREATE ROLE masker").await?;
    let mask = "UPDATE people SET email = 'nobody@example.com'";
    let verification = json!({
        "postRestoreSql": [
            {"sql": mask, "database": "crm", "role": "masker"},
            "UPDATE orders SET total = 5 WHERE total > 5",
            "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+09:00', foreign_key_checks = 0",
        ],
        "assertions": [
            {"name": "masked", "sql": "SELECT count(*) FROM people WHERE email LIKE '%real%'", "database": "crm", "equals": 0},
            {"name": "role", "sql": "SELECT CURRENT_ROLE()", "role": "masker", "equals": "masker"},
            {"name": "no role", "sql": "SELECT coalesce(CURRENT_ROLE(), 'none')", "equals": "none"},
            {"name": "orders", "sql": "SELECT count(*) FROM orders WHERE total > 5", "equals": 0},
            {"name": "zone", "sql": "SELECT @@time_zone", "equals": "+00:00"},
            {"name": "keys", "sql": "SELECT @@foreign_key_checks", "equals": 1},
            {"name": "quotes", "sql": "SELECT \"text\"", "equals": "text"},
        ],
    });
    let answer = world.verified(verification).await;
    assert_eq!(answer["proof"]["databases"][0]["statements"], 1, "{answer}");
    let nowhere = json!({"postRestoreSql": [{"sql": "SELECT 1", "database": "a`b"}]});
    world.fails(nowhere, "Snapferry.PostRestoreSqlFailed", "42000: Unknown database 'a`b'").await;
    Ok(())
}
