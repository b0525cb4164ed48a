//! `Verify`, run as Lambda runs it, against a real PostgreSQL over TLS.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(dead_code, reason = "the other engine's support")]

mod support;

use anyhow::Result;
use local_aws::tls_front::Authority;
use serde_json::{Value, json};
use std::time::Instant;
use support::postgres::Server;
use support::{PASSWORD, World};
use tokio::net::TcpListener;

async fn world() -> Result<(World, Server)> {
    let world = World::new().await?;
    let server = Server::start(&world).await?;
    world.lead_to("postgres", server.port());
    Ok((world, server))
}

fn one(sql: &str, expectation: Value) -> Value {
    let mut assertion = json!({"name": "a", "sql": sql});
    assertion.as_object_mut().unwrap().extend(expectation.as_object().unwrap().clone());
    json!({"assertions": [assertion], "statementTimeoutSeconds": 1})
}

#[tokio::test]
async fn assertions_on_a_real_postgresql_hold_or_fail_by_name() -> Result<()> {
    let (world, server) = world().await?;
    let answer = world.verified(json!({})).await;
    assert_eq!(answer["proof"]["checkedBy"], "sql");
    assert_eq!(answer["proof"]["tls"], "certificate and host name verified");
    assert!(answer["dataAgeSeconds"].as_i64().is_some(), "{answer}");

    let assertions = json!([
        {"name": "orders are there", "sql": "SELECT count(*) FROM orders; -- all", "atLeast": 12},
        {"name": "they add up", "sql": "SELECT sum(total) FROM orders", "equals": 78},
        {"name": "all are paid", "sql": "SELECT bool_and(paid) FROM orders", "equals": true},
        {"name": "they are fresh", "sql": "SELECT max(placed_at) FROM orders", "newerThanMinutes": 10},
        {"name": "the version", "sql": "SHOW server_encoding", "equals": "UTF8"},
    ]);
    let answer = world.verified(json!({ "assertions": assertions })).await;
    assert_eq!(
        answer["proof"]["assertions"][0],
        json!({"name": "orders are there", "found": "12", "passed": true})
    );
    assert_eq!(answer["proof"]["assertions"].as_array().map(Vec::len), Some(5));
    assert!(answer["reason"].as_str().unwrap().contains("5 assertions hold"), "{answer}");

    for (sql, expectation, says) in [
        ("SELECT count(*) FROM orders", json!({"atLeast": 13}), "\"a\" wants at least 13, found 12"),
        (
            "SELECT max(placed_at) FROM orders WHERE id > 5",
            json!({"newerThanMinutes": 5}),
            "the last 5 minutes",
        ),
        ("SELECT id FROM orders", json!({"atLeast": 1}), "more than one row"),
        ("SELECT id, total FROM orders LIMIT 1", json!({"atLeast": 1}), "more than one column"),
        ("SELECT id FROM orders WHERE id < 0", json!({"atLeast": 1}), "no row"),
        ("SELECT max(id) FROM orders WHERE id < 0", json!({"atLeast": 1}), "NULL"),
        (
            "SELECT count(*) FROM customers",
            json!({"atLeast": 1}),
            "42P01: relation \"customers\" does not exist",
        ),
        ("SELECT pg_sleep(30)", json!({"atLeast": 1}), "longer than statementTimeoutSeconds"),
        // Nothing is changed, whatever an assertion says.
        ("DELETE FROM orders RETURNING 1", json!({"atLeast": 1}), "25006"),
        ("SELECT 1; DELETE FROM orders", json!({"atLeast": 1}), "42601"),
        ("COMMIT; DELETE FROM orders", json!({"atLeast": 1}), "42601"),
        ("SET TRANSACTION READ WRITE", json!({"atLeast": 1}), "no row"),
        ("COMMIT", json!({"atLeast": 1}), "no row"),
    ] {
        let began = Instant::now();
        world.fails(one(sql, expectation), "Snapferry.VerificationFailed", says).await;
        assert!(began.elapsed().as_secs() < 10, "{sql}");
    }
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);

    // Every failed assertion is told, and what the database quotes of its rows is not.
    server.as_master("CREATE FUNCTION quote() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'a row', HINT = 'a hint'; END $$").await?;
    let assertions = json!([
        {"name": "one", "sql": "SELECT quote()", "atLeast": 1},
        {"name": "two", "sql": "SELECT 1", "atLeast": 1},
        {"name": "three", "sql": "SELECT 1", "atLeast": 2},
    ]);
    let told =
        world.fails(json!({"assertions": assertions}), "Snapferry.VerificationFailed", "\"one\"").await;
    assert!(told.contains("P0001: no") && told.contains("\"three\" wants at least 2, found 1"), "{told}");
    assert!(!told.contains("a row") && !told.contains("a hint") && !told.contains("two"), "{told}");
    Ok(())
}

#[tokio::test]
async fn only_a_trusted_postgresql_is_logged_in_to() -> Result<()> {
    let (mut world, server) = world().await?;
    world.set("password", "wrong");
    world.waits("28P01").await;
    world.set("password", PASSWORD);
    world.set("dbname", "nowhere");
    world.fails(json!({}), "Snapferry.LoginRefused", "3D000").await;
    world.set("dbname", "shop");

    world.a_path_is_proven_by_its_name(server.port()).await;

    // By another name the certificate is not the server's.
    world.set("host", "localhost");
    world.verified(json!({})).await;
    let elsewhere = TcpListener::bind("127.0.0.2:0").await?;
    let (port, there) = (elsewhere.local_addr()?.port(), server.port());
    let detour = tokio::spawn(async move {
        let (mut client, _) = elsewhere.accept().await?;
        let mut server = tokio::net::TcpStream::connect(("127.0.0.1", there)).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    });
    world.lead_to("postgres", port);
    world.set("host", "127.0.0.2");
    world.fails(json!({}), "Snapferry.TlsNotTrusted", "not valid for name").await;
    detour.abort();
    world.lead_to("postgres", server.port());

    let other = world.folder.path().join("other.pem");
    Authority::new()?.write(&other).await?;
    // One of the same name with another key, and those of RDS alone.
    let rds = world.folder.path().join("rds-authorities.pem");
    std::fs::write(&rds, rds_authorities::PEM).unwrap();
    let ours = std::mem::replace(&mut world.authority_file, other);
    world.fails(json!({}), "Snapferry.TlsNotTrusted", "BadSignature").await;
    world.authority_file = rds;
    world.fails(json!({}), "Snapferry.TlsNotTrusted", "UnknownIssuer").await;
    world.authority_file = ours;
    world.verified(json!({})).await;

    // A server that says no to TLS is not spoken to at all.
    let plain = TcpListener::bind("127.0.0.1:0").await?;
    world.lead_to("postgres", plain.local_addr()?.port());
    let refusing = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut client, _) = plain.accept().await?;
        client.read_exact(&mut [0; 8]).await?;
        client.write_all(b"N").await?;
        let mut more = Vec::new();
        client.read_to_end(&mut more).await?;
        anyhow::Ok(more)
    });
    world.fails(json!({}), "Snapferry.TlsNotTrusted", "does not support TLS").await;
    assert_eq!(refusing.await??, b"");
    drop(server);
    Ok(())
}

#[tokio::test]
async fn a_server_that_hangs_or_is_not_there_is_waited_for() -> Result<()> {
    let world = World::new().await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    for engine in ["postgres", "mysql"] {
        world.lead_to(engine, silent.local_addr()?.port());
        let began = Instant::now();
        world.waits("does not answer within 5 s").await;
        assert!(began.elapsed().as_secs() < 10);
    }
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    for engine in ["postgres", "mariadb", "oracle-ee"] {
        world.lead_to(engine, closed);
        world.waits("refused").await;
        world.set("host", "no-such-host.invalid");
        world.waits("no-such-host.invalid").await;
    }
    // Nobody can make it answer by words alone.
    world.lead_to("sqlserver-se", silent.local_addr()?.port());
    assert_eq!(world.verified(json!({})).await["proof"]["checkedBy"], "tcp only");
    Ok(())
}

const HOSTILE: &str = "x\"; DROP TABLE orders; --'\\";

#[tokio::test]
async fn other_logins_of_postgresql_stay_or_are_locked() -> Result<()> {
    let (world, server) = world().await?;
    make_logins(&server).await?;
    let answer = world.verified(json!({"logins": "keep"})).await;
    assert_eq!(answer["proof"]["loginsChanged"], 0);
    server.connect("app", "of the source", "shop").await?;

    assert_eq!(world.verified(json!({"logins": "lock"})).await["proof"]["loginsChanged"], 2);
    for login in ["app", HOSTILE] {
        let refused = server.connect(login, "of the source", "shop").await.unwrap_err();
        assert!(refused.to_string().contains("not permitted to log in"), "{refused}");
    }
    // The master's own login and RDS's are as before, and so is the rest.
    assert_eq!(world.verified(json!({"logins": "lock"})).await["proof"]["loginsChanged"], 0);
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);

    server.execute("shop", "CREATE ROLE boss SUPERUSER LOGIN").await?;
    world
        .fails(
            json!({"logins": "lock"}),
            "Snapferry.LoginsNotChanged",
            "login boss could not be changed: 42501",
        )
        .await;
    Ok(())
}

// P0-9: the source's password works in the copy.
#[tokio::test]
async fn other_logins_of_postgresql_get_passwords_of_their_own_and_keep_them() -> Result<()> {
    let (world, server) = world().await?;
    make_logins(&server).await?;
    // Of two calls at once one stores its passwords; the other sets none of its own.
    world.secret.lock().unwrap().is_contended = true;
    let answer = world.verify(json!({"logins": "rotate"})).await.unwrap();
    assert_eq!(answer["done"], false, "{answer}");
    server.connect("app", "of the source", "shop").await?;

    assert_eq!(world.verified(json!({"logins": "rotate"})).await["proof"]["loginsChanged"], 2);
    let logins = world.secret.lock().unwrap().value["logins"].clone();
    assert_eq!(logins.as_object().map(serde_json::Map::len), Some(2), "{logins}");
    for login in ["app", HOSTILE] {
        server.connect(login, "of the source", "shop").await.unwrap_err();
        server.connect(login, logins[login].as_str().unwrap(), "shop").await?;
    }

    // Repeated, it sets what it stored; a login that came later gets its own.
    world.verified(json!({"logins": "rotate"})).await;
    assert_eq!(world.secret.lock().unwrap().value["logins"], logins);
    assert_eq!(world.secret.lock().unwrap().puts, 1);
    server.as_master("CREATE ROLE late LOGIN").await?;
    world.verified(json!({"logins": "rotate"})).await;
    let later = world.secret.lock().unwrap().value.clone();
    assert_eq!((&later["logins"]["app"], later["password"].as_str()), (&logins["app"], Some(PASSWORD)));
    server.connect("late", later["logins"]["late"].as_str().unwrap(), "shop").await?;

    // The server logs every statement here, and none of them holds a password.
    let log = std::fs::read_to_string(world.folder.path().join("postgres.log"))?;
    assert!(log.contains("SCRAM-SHA-256$4096:"), "the log has no ALTER ROLE");
    for password in later["logins"].as_object().unwrap().values() {
        assert!(!log.contains(password.as_str().unwrap()));
    }
    Ok(())
}

async fn make_logins(server: &Server) -> Result<()> {
    let hostile = HOSTILE.replace('"', "\"\"");
    let sql = format!(
        "CREATE ROLE app LOGIN PASSWORD 'of the source'; CREATE ROLE \"{hostile}\" LOGIN PASSWORD 'of the source'; CREATE ROLE readers NOLOGIN"
    );
    server.as_master(&sql).await
}

#[tokio::test]
async fn statements_after_the_restore_come_before_the_assertions_and_all_or_none_count() -> Result<()> {
    let (world, server) = world().await?;
    let assertions = json!([{"name": "no order is larger than 5", "sql": "SELECT max(total) <= 5 FROM orders", "equals": true}]);
    let statements = json!(["UPDATE orders SET total = 5 WHERE total > 5", "DO $$ BEGIN PERFORM 1; END $$"]);
    for _ in 0..2 {
        world.verified(json!({"postRestoreSql": statements, "assertions": assertions})).await;
    }
    assert_eq!(server.number("SELECT sum(total)::bigint FROM orders").await?, 50);

    let statements = json!(["DELETE FROM orders", "UPDATE customers SET name = 'secret'"]);
    let told = world
        .fails(
            json!({ "postRestoreSql": statements }),
            "Snapferry.PostRestoreSqlFailed",
            "postRestoreSql[1] failed: 42P01",
        )
        .await;
    assert!(!told.contains("secret"), "{told}");
    let slow =
        json!({"postRestoreSql": ["DELETE FROM orders", "SELECT pg_sleep(9)"], "statementTimeoutSeconds": 1});
    world.fails(slow, "Snapferry.PostRestoreSqlFailed", "postRestoreSql[1] failed: it took longer").await;
    assert_eq!(server.number("SELECT count(*) FROM orders").await?, 12);
    Ok(())
}
