//! The source database: a shop of our own, or the user's SQL dump.

use crate::arguments::Replications;
use crate::dump;
use ::tests::{Orders, SOURCE_INSTANCE, Tools, World, fingerprint};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use std::time::Duration;

/// How many rows are written after each run's snapshot.
const LATE_ROWS: i64 = 100;

/// A connection to the source database, by what is in it.
#[derive(Debug)]
pub enum Source {
    /// The built-in tables.
    Shop(Orders),
    /// Whatever was loaded, and our own table of marks beside it.
    Dump(PgConnection),
}

/// Makes the source DB instance and fills it.
pub async fn create(tools: &Tools, world: &World, replications: &Replications) -> Result<Source> {
    let engine = replications.engine.name();
    world.request_instance(SOURCE_INSTANCE, |create| create.storage_encrypted(true).engine(engine)).await?;
    while status(world).await?.as_deref() != Some("available") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let login = world.login(SOURCE_INSTANCE).await?;
    let Some(file) = replications.sql.as_deref() else {
        let mut orders = login.connect().await?;
        orders.create_tables().await?;
        orders.add(1, 1000).await?;
        return Ok(Source::Shop(orders));
    };
    let mut connection = login.session().await?;
    dump::load(tools, &login, &mut connection, file).await?;
    if fingerprint(&mut connection).await?.is_empty() {
        bail!("{} made no table in the database {}", file.display(), login.dbname);
    }
    let sql = "CREATE TABLE IF NOT EXISTS public.snapferry_rehearsal_marks (run bigint, mark bigint, written_at timestamptz DEFAULT now())";
    sqlx::raw_sql(sql).execute(&mut connection).await.context("cannot make a table of marks")?;
    Ok(Source::Dump(connection))
}

impl Source {
    /// Writes rows that a snapshot taken before must not hold.
    pub async fn write(&mut self, run: i64) -> Result<()> {
        match self {
            Self::Shop(orders) => orders.add(1 + run * 1000, LATE_ROWS).await,
            Self::Dump(connection) => {
                let sql = "INSERT INTO public.snapferry_rehearsal_marks SELECT $1, generate_series(1, $2)";
                sqlx::query(sql).bind(run).bind(LATE_ROWS).execute(connection).await?;
                Ok(())
            }
        }
    }

    /// What those rows are, in words.
    pub fn late_rows(&self) -> String {
        match self {
            Self::Shop(_) => format!("{LATE_ROWS} customers, with their orders and receipts,"),
            Self::Dump(_) => format!("{LATE_ROWS} rows of snapferry_rehearsal_marks"),
        }
    }

    /// The target's settings, with an assertion that every good copy holds.
    pub fn settings(&self, world: &World) -> Value {
        let (name, sql, least) = match self {
            Self::Shop(_) => ("orders are there", "SELECT count(*) FROM orders", 1000),
            Self::Dump(_) => ("tables are there", "SELECT count(*) FROM pg_stat_user_tables", 1),
        };
        let mut settings = world.settings();
        settings["verification"] = json!({ "assertions": [{ "name": name, "sql": sql, "atLeast": least }] });
        settings
    }
}

async fn status(world: &World) -> Result<Option<String>> {
    let describe = world.source.rds.describe_db_instances().db_instance_identifier(SOURCE_INSTANCE);
    let instances = describe.send().await?.db_instances.unwrap_or_default();
    Ok(instances.into_iter().next().and_then(|it| it.db_instance_status))
}
