//! The shop in PostgreSQL.

use super::{Fingerprint, Table};
use crate::SecretSays;
use anyhow::Result;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

pub(super) async fn create_tables(connection: &mut PgConnection) -> Result<()> {
    let sql = "
            CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, joined_at timestamptz NOT NULL, profile jsonb);
            CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, total numeric(12, 2) NOT NULL, note text);
            CREATE TABLE receipts (order_id bigint PRIMARY KEY REFERENCES orders, scan bytea NOT NULL);
            CREATE INDEX orders_by_customer ON orders (customer_id);";
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}

pub(super) async fn add(connection: &mut PgConnection, first: i64, count: i64) -> Result<()> {
    for sql in [
        "INSERT INTO customers SELECT i, 'Customer ' || i || ' Ünï', timestamptz '2026-01-01' + i * interval '1 minute', jsonb_build_object('tier', i % 3, 'tags', jsonb_build_array('a', i)) FROM generate_series($1, $1 + $2 - 1) i",
        "INSERT INTO orders SELECT 2 * i + n, i, (i * 7919 % 100000) / 100.0 + n, CASE WHEN i % 5 = 0 THEN NULL ELSE repeat('note ', (i % 7)::int) END FROM generate_series($1, $1 + $2 - 1) i, generate_series(0, 1) n",
        "INSERT INTO receipts SELECT 2 * i, decode(md5(i::text), 'hex') FROM generate_series($1, $1 + $2 - 1) i",
    ] {
        sqlx::query(sql).bind(first).bind(count).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Counts and sums up every table that is not PostgreSQL's own. Outside the schema `public` a name says its schema.
pub async fn fingerprint(connection: &mut PgConnection) -> Result<Fingerprint> {
    let names = sqlx::query(
        "SELECT CASE schemaname WHEN 'public' THEN '' ELSE quote_ident(schemaname) || '.' END || quote_ident(tablename),
                quote_ident(schemaname) || '.' || quote_ident(tablename),
                (SELECT relpersistence = 'u' FROM pg_class WHERE oid = format('%I.%I', schemaname, tablename)::regclass)
         FROM pg_tables
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg\\_%'
         ORDER BY 1",
    );
    let names = names.fetch_all(&mut *connection).await?;
    let mut tables = Vec::new();
    for name in names {
        let (name, qualified, unlogged): (String, String, bool) =
            (name.try_get(0)?, name.try_get(1)?, name.try_get(2)?);
        // `(t.*)`, not `t`: that may also be a column.
        let sql = format!(
            "SELECT count(*), coalesce(md5(string_agg(h, '' ORDER BY h)), '') FROM (SELECT md5((t.*)::text) h FROM {qualified} t) x"
        );
        // Safe: the name comes quoted from the catalogue.
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
        tables.push(Table { name, rows: row.try_get(0)?, checksum: row.try_get(1)?, unlogged });
    }
    Ok(tables)
}

/// Every table of every database of a server, as its administrator sees them: no policy hides a row. In another database
/// than the login's a name says its database.
pub(super) async fn fingerprint_of_server(
    login: &SecretSays,
    (username, password): &(String, String),
) -> Result<Fingerprint> {
    let administrator =
        SecretSays { username: username.clone(), password: password.clone(), ..login.clone() };
    let mut connection = administrator.session().await?;
    let mut tables = fingerprint(&mut connection).await?;
    let others = "SELECT datname::text FROM pg_database
                  WHERE datallowconn AND NOT datistemplate AND datname <> current_database() ORDER BY 1";
    let others: Vec<String> = sqlx::query_scalar(others).fetch_all(&mut connection).await?;
    for database in others {
        let login = SecretSays { dbname: database.clone(), ..administrator.clone() };
        let of_it = fingerprint(&mut login.session().await?).await?;
        tables.extend(of_it.into_iter().map(|it| Table { name: format!("{database}/{}", it.name), ..it }));
    }
    Ok(tables)
}
