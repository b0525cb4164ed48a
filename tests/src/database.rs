//! A real database: the tables of a shop, and what it takes to say that two databases hold the same rows.

use anyhow::Result;
use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, Row};

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// How many rows.
    pub rows: i64,
    /// A checksum of all rows, whatever their order.
    pub checksum: String,
    /// Whether it is UNLOGGED: then it is empty in every copy.
    pub unlogged: bool,
}

/// Every table of a database, by name.
pub type Fingerprint = Vec<Table>;

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
/// than the initial one a name says its database.
pub async fn fingerprint_of_server(
    host: &str,
    port: u16,
    (username, password): &(String, String),
    initial: &str,
) -> Result<Fingerprint> {
    let options = PgConnectOptions::new_without_pgpass().host(host).port(port).username(username);
    let options = options.password(password).ssl_mode(PgSslMode::Prefer);
    let mut connection = PgConnection::connect_with(&options.clone().database(initial)).await?;
    let mut tables = fingerprint(&mut connection).await?;
    let others = "SELECT datname::text FROM pg_database
                  WHERE datallowconn AND NOT datistemplate AND datname <> current_database() ORDER BY 1";
    let others: Vec<String> = sqlx::query_scalar(others).fetch_all(&mut connection).await?;
    for database in others {
        let mut connection = PgConnection::connect_with(&options.clone().database(&database)).await?;
        let of_it = fingerprint(&mut connection).await?;
        tables.extend(of_it.into_iter().map(|it| Table { name: format!("{database}/{}", it.name), ..it }));
    }
    Ok(tables)
}

/// The tables of `orders-prod`.
#[derive(Debug)]
pub struct Orders(PgConnection);

impl Orders {
    /// Logs in.
    pub async fn connect(
        host: &str,
        port: u16,
        username: &str,
        password: &str,
        dbname: &str,
    ) -> Result<Self> {
        let options = PgConnectOptions::new()
            .host(host)
            .port(port)
            .username(username)
            .password(password)
            .database(dbname)
            .ssl_mode(PgSslMode::Prefer);
        Ok(Self(PgConnection::connect_with(&options).await?))
    }

    /// Makes the tables: text, numbers, times, JSON and bytes, with keys between them.
    pub async fn create_tables(&mut self) -> Result<()> {
        let sql = "
            CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, joined_at timestamptz NOT NULL, profile jsonb);
            CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, total numeric(12, 2) NOT NULL, note text);
            CREATE TABLE receipts (order_id bigint PRIMARY KEY REFERENCES orders, scan bytea NOT NULL);
            CREATE INDEX orders_by_customer ON orders (customer_id);";
        sqlx::raw_sql(sql).execute(&mut self.0).await?;
        Ok(())
    }

    /// Adds `count` customers from `first` on, each with two orders and a receipt.
    pub async fn add(&mut self, first: i64, count: i64) -> Result<()> {
        for sql in [
            "INSERT INTO customers SELECT i, 'Customer ' || i || ' Ünï', timestamptz '2026-01-01' + i * interval '1 minute', jsonb_build_object('tier', i % 3, 'tags', jsonb_build_array('a', i)) FROM generate_series($1, $1 + $2 - 1) i",
            "INSERT INTO orders SELECT 2 * i + n, i, (i * 7919 % 100000) / 100.0 + n, CASE WHEN i % 5 = 0 THEN NULL ELSE repeat('note ', (i % 7)::int) END FROM generate_series($1, $1 + $2 - 1) i, generate_series(0, 1) n",
            "INSERT INTO receipts SELECT 2 * i, decode(md5(i::text), 'hex') FROM generate_series($1, $1 + $2 - 1) i",
        ] {
            sqlx::query(sql).bind(first).bind(count).execute(&mut self.0).await?;
        }
        Ok(())
    }

    /// What it holds now.
    pub async fn fingerprint(&mut self) -> Result<Fingerprint> {
        fingerprint(&mut self.0).await
    }
}
