//! The shop in MariaDB.

use super::{Fingerprint, Table};
use crate::SecretSays;
use anyhow::Result;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, Connection, raw_sql};

pub(super) async fn connect(login: &SecretSays) -> Result<MySqlConnection> {
    let options = MySqlConnectOptions::new()
        .host(&login.address().await?.to_string())
        .port(login.port)
        .username(&login.username)
        .password(&login.password)
        .database(&login.dbname)
        .ssl_mode(MySqlSslMode::Preferred);
    Ok(MySqlConnection::connect_with(&options).await?)
}

pub(super) async fn create_tables(connection: &mut MySqlConnection) -> Result<()> {
    for sql in [
        "CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(200) CHARACTER SET utf8mb4 NOT NULL, joined_at datetime NOT NULL, profile json) ENGINE=InnoDB",
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, total decimal(12, 2) NOT NULL, note text, FOREIGN KEY orders_by_customer (customer_id) REFERENCES customers (id)) ENGINE=InnoDB",
        "CREATE TABLE receipts (order_id bigint PRIMARY KEY, scan varbinary(100) NOT NULL, FOREIGN KEY (order_id) REFERENCES orders (id)) ENGINE=InnoDB",
    ] {
        raw_sql(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn add(connection: &mut MySqlConnection, first: i64, count: i64) -> Result<()> {
    let numbers = format!("seq_{first}_to_{}", first + count - 1);
    for sql in [
        format!(
            "INSERT INTO customers SELECT seq, concat('Customer ', seq, ' Ünï'), TIMESTAMP '2026-01-01 00:00:00' + INTERVAL seq MINUTE, json_object('tier', seq % 3, 'tags', json_array('a', seq)) FROM {numbers}"
        ),
        format!(
            "INSERT INTO orders SELECT 2 * i.seq + n.seq, i.seq, (i.seq * 7919 % 100000) / 100 + n.seq, if(i.seq % 5 = 0, NULL, repeat('note ', i.seq % 7)) FROM {numbers} i, seq_0_to_1 n"
        ),
        format!("INSERT INTO receipts SELECT 2 * seq, unhex(md5(seq)) FROM {numbers}"),
    ] {
        // Safe: there are only numbers in it.
        raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Counts and sums up every table of every database that is not MariaDB's own. Outside the database of the login a name
/// says its database.
pub(super) async fn fingerprint(connection: &mut MySqlConnection) -> Result<Fingerprint> {
    let names: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT CAST(if(table_schema = database(), table_name, concat(table_schema, '/', table_name)) AS CHAR),
                CAST(table_schema AS CHAR), CAST(table_name AS CHAR), engine = 'MEMORY'
         FROM information_schema.tables
         WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
         ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut tables = Vec::new();
    for (name, database, table, unlogged) in names {
        let columns = "SELECT CAST(column_name AS CHAR) FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position";
        let columns: Vec<String> =
            sqlx::query_scalar(columns).bind(&database).bind(&table).fetch_all(&mut *connection).await?;
        let value = |column: &String| format!("coalesce(hex(CAST({} AS BINARY)), 'NULL')", quoted(column));
        let values = columns.iter().map(value).collect::<Vec<_>>().join(", ");
        let half = |end: &str| format!("coalesce(sum(CAST(conv({end}(h, 15), 16, 10) AS UNSIGNED)), 0)");
        let sql = format!(
            "SELECT count(*), CAST(concat({}, '-', {}) AS CHAR) FROM (SELECT md5(concat_ws(',', {values})) h FROM {}.{}) x",
            half("left"),
            half("right"),
            quoted(&database),
            quoted(&table)
        );
        // Safe: the names come from the catalogue, and are quoted.
        let (rows, checksum) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
        tables.push(Table { name, rows, checksum, unlogged });
    }
    Ok(tables)
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
