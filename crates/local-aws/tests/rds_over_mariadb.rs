//! RDS over real MariaDB, driven over HTTP through the real binary. Where the machine lacks it, these tests say so.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::json;
use sqlx::{
    AssertSqlSafe, Connection, MySqlConnection, Row,
    mysql::{MySqlConnectOptions, MySqlRow, MySqlSslMode},
    raw_sql,
};
use support::{Account, LocalAws, mariadb, shared, text, until};

const ACCOUNT: &str = "111111111111";
const PASSWORD: &str = "it's-$afe\\%s%L";
/// 300 seconds of RDS in 0.3 s.
const FAST: &str = "0.001";

/// Whether there is MariaDB.
fn is_there() -> bool {
    let there = mariadb().is_some();
    if !there {
        println!("SKIPPED: this machine has no MariaDB");
    }
    there
}

async fn ask_for(account: Account<'_>, identifier: &str, more: &[(&str, &str)]) -> Result<String, String> {
    let parameters = [
        ("DBInstanceIdentifier", identifier),
        ("DBInstanceClass", "db.t4g.micro"),
        ("Engine", "mariadb"),
        ("MasterUsername", "Orders_Master"),
        ("MasterUserPassword", PASSWORD),
        ("DBName", "orders"),
        ("BackupRetentionPeriod", "0"),
    ];
    account.rds("CreateDBInstance", &[&parameters[..], more].concat()).await
}

async fn create(account: Account<'_>, identifier: &str) -> String {
    ask_for(account, identifier, &[]).await.unwrap();
    account.instance(identifier).await
}

async fn log_in(aws: &LocalAws, instance: &str, password: &str) -> sqlx::Result<MySqlConnection> {
    let endpoint = text(instance, "Endpoint").unwrap();
    let host = text(&endpoint, "Address").unwrap();
    let options = MySqlConnectOptions::new()
        .host(&aws.address(&host).unwrap_or(host))
        .port(text(&endpoint, "Port").unwrap().parse().unwrap())
        .username("Orders_Master")
        .password(password)
        .database("orders")
        .ssl_mode(MySqlSslMode::Disabled);
    MySqlConnection::connect_with(&options).await
}

async fn number(connection: &mut MySqlConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// 4,000 accounts of 1,000 each, and a book of what went from one to another. They are more than the server holds in
/// memory, so it reads and writes its files all the time.
async fn open_the_bank(connection: &mut MySqlConnection) {
    for sql in [
        "CREATE TABLE accounts (id int PRIMARY KEY, amount bigint, transfers bigint, notes varchar(4000)) ENGINE=InnoDB",
        "CREATE TABLE book (id bigint AUTO_INCREMENT PRIMARY KEY, payer int, payee int) ENGINE=InnoDB",
        "INSERT INTO accounts SELECT seq, 1000, 0, repeat('-', 4000) FROM seq_1_to_4000",
    ] {
        raw_sql(sql).execute(&mut *connection).await.unwrap();
    }
}

/// Moves money from one account to another, in a transaction.
async fn transfer(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    let sql = "SET @payer = 1 + floor(rand() * 4000), @payee = 1 + floor(rand() * 4000), @notes = repeat(char(65 + rand() * 26), 4000);
        BEGIN;
        UPDATE accounts SET amount = amount - 1, transfers = transfers + 1, notes = @notes WHERE id = @payer;
        INSERT INTO book (payer, payee) VALUES (@payer, @payee);
        UPDATE accounts SET amount = amount + 1, notes = @notes WHERE id = @payee;
        COMMIT";
    raw_sql(sql).execute(connection).await.map(drop)
}

/// Moves money until the connection ends, for as long as it is polled.
async fn move_money(connection: &mut MySqlConnection) {
    while transfer(connection).await.is_ok() {}
}

/// The tables are sound, the money is all there, and the book says where; answers how often it was moved.
async fn audit(connection: &mut MySqlConnection) -> i64 {
    let checks = raw_sql("CHECK TABLE accounts, book EXTENDED").fetch_all(&mut *connection).await.unwrap();
    let sound = |row: &MySqlRow| row.get_unchecked::<String, _>("Msg_text") == "OK";
    assert!(checks.len() == 2 && checks.iter().all(sound), "{checks:?}");
    let now = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
    raw_sql(now).execute(&mut *connection).await.unwrap();
    let booked = number(connection, "SELECT count(*) FROM book").await;
    let moved = number(connection, "SELECT CAST(sum(transfers) AS SIGNED) FROM accounts").await;
    assert_eq!(moved, booked);
    assert_eq!(number(connection, "SELECT CAST(sum(amount) AS SIGNED) FROM accounts").await, 4_000_000);
    raw_sql("COMMIT").execute(connection).await.unwrap();
    booked
}

// Rule of AWS: a DB snapshot is of one moment, also of a database that is written to.
// Rule of AWS: a restored DB instance keeps the master password of the snapshot.
// Rule of AWS: a password change takes time, then only the new password opens.
#[tokio::test]
async fn a_snapshot_that_is_taken_amid_writes_is_of_one_moment_and_passwords_travel_with_it() {
    if !is_there() {
        return;
    }
    let aws = LocalAws::start(FAST);
    let account = aws.account(ACCOUNT);
    let orders = create(account, "orders").await;
    let mut writer = log_in(&aws, &orders, PASSWORD).await.unwrap();
    open_the_bank(&mut writer).await;
    let mut moved = 0;
    for n in 1..=3 {
        let (snapshot, copy) = (format!("orders-{n}"), format!("copy-{n}"));
        let taken = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            account.take("orders", &snapshot).await
        };
        tokio::select! {
            _ = taken => {}
            () = move_money(&mut writer) => panic!("the writer lost its connection"),
        }
        writer = log_in(&aws, &orders, PASSWORD).await.unwrap();
        transfer(&mut writer).await.unwrap();
        account.restore(&snapshot, &copy, &[]).await.unwrap();
        let copy = account.instance(&copy).await;
        let in_copy = audit(&mut log_in(&aws, &copy, PASSWORD).await.unwrap()).await;
        assert!(moved < in_copy, "{moved} then, {in_copy} in the copy");
        moved = audit(&mut writer).await;
        assert!(in_copy < moved, "{in_copy} in the copy, {moved} now");
    }

    let modify = [("DBInstanceIdentifier", "copy-1"), ("MasterUserPassword", "another'one")];
    account.rds("ModifyDBInstance", &modify).await.unwrap();
    let copy = account.instance("copy-1").await;
    log_in(&aws, &copy, PASSWORD).await.expect_err("the old password is refused");
    log_in(&aws, &copy, "another'one").await.unwrap();
    log_in(&aws, &orders, PASSWORD).await.expect("the source goes on, with its own password");

    let delete = [("DBInstanceIdentifier", "copy-1"), ("FinalDBSnapshotIdentifier", "last")];
    account.rds("DeleteDBInstance", &delete).await.unwrap();
    until(async || account.rds("DescribeDBInstances", &delete[..1]).await.err()).await;
    account.restore("last", "copy-4", &[]).await.unwrap();
    log_in(&aws, &account.instance("copy-4").await, "another'one").await.unwrap();
}

// Rule of AWS: RDS starts a crashed server again, and takes DB snapshots meanwhile.
#[tokio::test]
async fn what_was_committed_outlives_a_crash_also_amid_a_snapshot() {
    if !is_there() {
        return;
    }
    let aws = LocalAws::start(FAST);
    let account = aws.account(ACCOUNT);
    let orders = create(account, "orders").await;
    let mut writer = log_in(&aws, &orders, PASSWORD).await.unwrap();
    open_the_bank(&mut writer).await;
    let crash = json!({"accountId": ACCOUNT, "region": "eu-central-1", "dbInstanceIdentifier": "orders"});
    for n in 1..=3 {
        let snapshot = format!("orders-{n}");
        let names = [("DBInstanceIdentifier", "orders"), ("DBSnapshotIdentifier", &*snapshot)];
        let crashed = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            account.rds("CreateDBSnapshot", &names).await.unwrap();
            aws.own("crash", crash.clone()).await
        };
        let ((status, _), ()) = tokio::join!(crashed, move_money(&mut writer));
        assert_eq!(status, 204);
        writer = until(async || log_in(&aws, &orders, PASSWORD).await.ok()).await;
        let moved = audit(&mut writer).await;
        account.snapshot(&snapshot).await;
        account.instance("orders").await;
        account.restore(&snapshot, &format!("copy-{n}"), &[]).await.unwrap();
        let copy = account.instance(&format!("copy-{n}")).await;
        assert!(audit(&mut log_in(&aws, &copy, PASSWORD).await.unwrap()).await <= moved);
    }
}

// Rule of AWS: a stopped DB instance keeps its data and its endpoint, and a reboot closes connections.
#[tokio::test]
async fn rows_outlive_a_stop_a_reboot_and_a_new_name() {
    if !is_there() {
        return;
    }
    let account = shared().account("120000000001");
    let orders = create(account, "orders").await;
    let mut connection = log_in(shared(), &orders, PASSWORD).await.unwrap();
    open_the_bank(&mut connection).await;
    let named = [("DBInstanceIdentifier", "orders")];
    account.rds("RebootDBInstance", &named).await.unwrap();
    account.instance("orders").await;
    connection.ping().await.unwrap_err();
    account.rds("StopDBInstance", &named).await.unwrap();
    account.instance_in("orders", "stopped").await;
    log_in(shared(), &orders, PASSWORD).await.unwrap_err();
    account.rds("StartDBInstance", &named).await.unwrap();
    let started = account.instance("orders").await;
    assert_eq!(text(&started, "Endpoint"), text(&orders, "Endpoint"));
    let rename = [named[0], ("NewDBInstanceIdentifier", "orders-old"), ("ApplyImmediately", "true")];
    account.rds("ModifyDBInstance", &rename).await.unwrap();
    audit(&mut log_in(shared(), &account.instance("orders-old").await, PASSWORD).await.unwrap()).await;
}

// Rule of AWS: the master user has no SUPER, and a new DB instance has no login of a root.
#[tokio::test]
async fn the_master_user_is_no_superuser_and_there_is_no_root() {
    if !is_there() {
        return;
    }
    let account = shared().account("120000000002");
    let mut connection = log_in(shared(), &create(account, "orders").await, PASSWORD).await.unwrap();
    let grants: Vec<String> = sqlx::query_scalar("SHOW GRANTS").fetch_all(&mut connection).await.unwrap();
    let [all] = &grants[..] else { panic!("{grants:?}") };
    assert!(all.contains("CREATE USER, EVENT, TRIGGER") && all.ends_with("WITH GRANT OPTION"), "{all}");
    assert!(["SUPER", "SET USER", "ADMIN"].iter().all(|it| !all.contains(it)), "{all}");
    for refused in [
        "SET GLOBAL event_scheduler = OFF",
        "GRANT SUPER ON *.* TO Orders_Master",
        "CREATE DEFINER = rdsadmin@localhost EVENT orders.e ON SCHEDULE EVERY 1 DAY DO DO 1",
    ] {
        raw_sql(AssertSqlSafe(refused)).execute(&mut connection).await.expect_err(refused);
    }
    let logins = "SELECT CAST(group_concat(concat(user, '@', host) ORDER BY 1 SEPARATOR ' ') AS CHAR) FROM mysql.global_priv";
    let logins: String = sqlx::query_scalar(logins).fetch_one(&mut connection).await.unwrap();
    assert_eq!(logins, "Orders_Master@% mariadb.sys@localhost rdsadmin@localhost");
}

// Rule of AWS: each engine has its versions, groups, licence, logs, port and limits.
#[tokio::test]
async fn mariadb_is_offered_and_refused_in_its_own_words() {
    if !is_there() {
        return;
    }
    let account = shared().account("120000000003");
    let offered =
        async |operation: &str, given: &[(&str, &str)]| account.rds(operation, given).await.unwrap();
    let newest = [("Engine", "mariadb"), ("DefaultOnly", "true")];
    let newest = offered("DescribeDBEngineVersions", &newest).await;
    let (version, major, family) = (
        text(&newest, "EngineVersion").unwrap(),
        text(&newest, "MajorEngineVersion").unwrap(),
        text(&newest, "DBParameterGroupFamily").unwrap(),
    );
    assert!(version.starts_with(&format!("{major}.")) && family == format!("mariadb{major}"), "{newest}");
    let options = [("Engine", "mariadb"), ("EngineVersion", &*version), ("DBInstanceClass", "db.t4g.micro")];
    let options = offered("DescribeOrderableDBInstanceOptions", &options).await;
    assert_eq!(text(&options, "LicenseModel").as_deref(), Some("general-public-license"));

    let group = [("DBParameterGroupName", "own"), ("DBParameterGroupFamily", &*family), ("Description", "d")];
    offered("CreateDBParameterGroup", &group).await;
    let wrong =
        [("DBParameterGroupName", "old"), ("DBParameterGroupFamily", "mariadb10"), ("Description", "d")];
    let refused = async |action: &str, given: &[(&str, &str)]| account.refused(action, given).await;
    assert_eq!(refused("CreateDBParameterGroup", &wrong).await.0, "InvalidParameterValue");
    let long = "x".repeat(42);
    for (more, code) in [
        (("DBParameterGroupName", "default.postgres16"), "DBParameterGroupNotFound"),
        (("MasterUserPassword", &*long), "InvalidParameterValue"),
        (("MasterUsername", "seventeen_letters"), "InvalidParameterValue"),
        (("EngineVersion", "10.4"), "InvalidParameterCombination"),
        (("LicenseModel", "postgresql-license"), "InvalidParameterCombination"),
        (("EnableCloudwatchLogsExports.member.1", "postgresql"), "InvalidParameterCombination"),
        // MariaDB does not stand in for MySQL.
        (("Engine", "mysql"), "InvalidParameterValue"),
    ] {
        assert_eq!(ask_for(account, "orders", &[more]).await.unwrap_err(), code, "{more:?}");
    }
    let more = [("DBParameterGroupName", "own"), ("EnableCloudwatchLogsExports.member.1", "slowquery")];
    ask_for(account, "orders", &more).await.unwrap();
    let orders = account.instance("orders").await;
    let dashed = major.replace('.', "-");
    for (element, expected) in [
        ("Engine", "mariadb"),
        ("EngineVersion", &*version),
        ("LicenseModel", "general-public-license"),
        ("DBParameterGroupName", "own"),
        ("OptionGroupName", &*format!("default:mariadb-{dashed}")),
        ("DbInstancePort", "3306"),
    ] {
        assert_eq!(text(&orders, element).as_deref(), Some(expected));
    }
    let long = [("DBInstanceIdentifier", "orders"), ("MasterUserPassword", &*long)];
    assert_eq!(refused("ModifyDBInstance", &long).await.0, "InvalidParameterValue");
}

/// A Network Load Balancer with the security groups of the DB instance, which is its one target; answers its address.
async fn balance(account: Account<'_>, instance: &str) -> String {
    let elb = async |action: &str, parameters: &[(&str, &str)]| {
        account.query("elasticloadbalancing", action, parameters).await.unwrap()
    };
    let made = [("Name", "lane"), ("Protocol", "TCP"), ("Port", "3306"), ("TargetType", "ip")];
    let group = text(&elb("CreateTargetGroup", &made).await, "TargetGroupArn").unwrap();
    let own = text(instance, "VpcSecurityGroupId").unwrap();
    let made = [("Name", "lanes"), ("Type", "network"), ("SecurityGroups.member.1", &own)];
    let made = elb("CreateLoadBalancer", &made).await;
    let [balancer, name] = ["LoadBalancerArn", "DNSName"].map(|it| text(&made, it).unwrap());
    let forward = [
        ("LoadBalancerArn", &*balancer),
        ("Port", "3306"),
        ("Protocol", "TCP"),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &group),
    ];
    elb("CreateListener", &forward).await;
    let endpoint = text(instance, "Endpoint").unwrap();
    let [host, port] = ["Address", "Port"].map(|it| text(&endpoint, it).unwrap());
    let id = shared().address(&host).unwrap();
    let target =
        [("TargetGroupArn", &*group), ("Targets.member.1.Id", &id), ("Targets.member.1.Port", &port)];
    elb("RegisterTargets", &target).await;
    let named = [("TargetGroupArn", &*group)];
    until(async || elb("DescribeTargetHealth", &named).await.contains("<State>healthy<").then_some(())).await;
    shared().address(&name).unwrap()
}

// Rule of MariaDB: after 100 interrupted handshakes it blocks their address. Health checks are interrupted handshakes.
#[tokio::test]
async fn health_checks_have_a_load_balancer_blocked_and_nobody_else() {
    if !is_there() {
        return;
    }
    let account = shared().account("600000000009");
    let instance = create(account, "checked").await;
    let balancer = balance(account, &instance).await;
    let options = MySqlConnectOptions::new().host(&balancer).username("Orders_Master");
    let options = options.password("wrong-secret").ssl_mode(MySqlSslMode::Disabled);
    let refused = until(async || {
        let refused = MySqlConnection::connect_with(&options).await.unwrap_err().to_string();
        // 1045: the password is wrong. 1129: the host is blocked.
        (!refused.contains("1045")).then_some(refused)
    })
    .await;
    assert!(refused.contains("1129") && refused.contains(&balancer), "{refused}");
    log_in(shared(), &instance, PASSWORD).await.unwrap();
}

// Rule of AWS: a parameter group gives the server another value when it starts.
#[tokio::test]
async fn a_parameter_group_says_how_many_interrupted_handshakes_are_too_many() {
    if !is_there() {
        return;
    }
    let account = shared().account("600000000010");
    let group = ("DBParameterGroupName", "patient");
    let family = ("DBParameterGroupFamily", "mariadb10.11");
    account.rds("CreateDBParameterGroup", &[group, family, ("Description", "patient")]).await.unwrap();
    let set = async |name: &str, value: &str| {
        let parameter = ("Parameters.Parameter.1.ParameterName", name);
        let value = ("Parameters.Parameter.1.ParameterValue", value);
        let applied = ("Parameters.Parameter.1.ApplyMethod", "immediate");
        account.rds("ModifyDBParameterGroup", &[group, parameter, value, applied]).await
    };
    assert_eq!(set("max_connect_errors", "0").await.unwrap_err(), "InvalidParameterValue");
    assert_eq!(set("sql_mode", "ANSI").await.unwrap_err(), "InvalidParameterValue");
    set("max_connect_errors", "1000000").await.unwrap();
    ask_for(account, "patient", &[group]).await.unwrap();
    let instance = account.instance("patient").await;
    let mut connection = log_in(shared(), &instance, PASSWORD).await.unwrap();
    assert_eq!(
        number(&mut connection, "SELECT CAST(@@global.max_connect_errors AS SIGNED)").await,
        1_000_000
    );
    set("max_connect_errors", "2000000").await.unwrap();
    account.rds("RebootDBInstance", &[("DBInstanceIdentifier", "patient")]).await.unwrap();
    until(async || {
        let mut connection = log_in(shared(), &instance, PASSWORD).await.ok()?;
        let value = number(&mut connection, "SELECT CAST(@@global.max_connect_errors AS SIGNED)").await;
        (value == 2_000_000).then_some(())
    })
    .await;
}
