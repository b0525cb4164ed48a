//! What the catalogue of MySQL and MariaDB tells of a server and its databases.

use super::MySql;
use crate::survey::Facts;
use std::collections::BTreeMap;

/// The engine's own, and RDS's.
macro_rules! nobodys {
    () => {
        "('mysql', 'information_schema', 'performance_schema', 'sys', 'innodb', 'tmp')"
    };
}

/// These read another server at each look.
const LINKING: &[&str] = &["FEDERATED", "CONNECT", "SPIDER"];

impl MySql {
    /// Every database with what is to be told of it.
    pub(crate) async fn databases(&mut self) -> Result<BTreeMap<String, Facts>, sqlx::Error> {
        let schemas = concat!(
            "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata WHERE schema_name NOT IN ",
            nobodys!()
        );
        let schemas: Vec<String> = sqlx::query_scalar(schemas).fetch_all(&mut self.connection).await?;
        let mut databases: BTreeMap<String, Facts> =
            schemas.into_iter().map(|name| (name, Facts::default())).collect();
        let tables = concat!(
            "SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR), CAST(coalesce(engine, '') AS CHAR)
             FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ",
            nobodys!(),
            " ORDER BY 1, 2"
        );
        let tables: Vec<(String, String, String)> =
            sqlx::query_as(tables).fetch_all(&mut self.connection).await?;
        for (database, table, engine) in tables {
            let facts = databases.entry(database).or_default();
            facts.tables += 1;
            let engine = engine.to_uppercase();
            if engine == "MEMORY" {
                facts.emptied_tables.push(table);
            } else if LINKING.contains(&engine.as_str()) {
                facts.links.push(format!("table {table} (engine {engine})"));
            }
        }
        Ok(databases)
    }
}
