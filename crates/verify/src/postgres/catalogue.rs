//! What PostgreSQL's catalogue tells of a server and its databases.

use super::Postgres;
use crate::cure::Table;
use crate::survey::{Entry, Facts};
use sqlx::Row;

/// RDS's own database, and the templates that every server has: no rows of anybody's are in them.
macro_rules! nobodys {
    () => {
        "('rdsadmin', 'template0', 'template1')"
    };
}

impl Postgres {
    /// Every database, and whether the master user can connect to it.
    pub(crate) async fn databases(&mut self) -> Result<Vec<Entry>, sqlx::Error> {
        let sql = concat!(
            "SELECT d.datname::text,
                    CASE WHEN NOT d.datallowconn THEN 'it accepts no connections'
                         WHEN NOT pg_catalog.has_database_privilege(d.oid, 'CONNECT')
                             THEN 'the master user lacks CONNECT on it' END,
                    EXISTS (SELECT FROM pg_catalog.pg_subscription s WHERE s.subdbid = d.oid)
             FROM pg_catalog.pg_database d WHERE d.datname NOT IN ",
            nobodys!(),
            " ORDER BY 1"
        );
        let rows = sqlx::query(sql).fetch_all(&mut self.connection).await?;
        let entry = |row: sqlx::postgres::PgRow| {
            Ok(Entry { name: row.try_get(0)?, closed: row.try_get(1)?, has_subscriptions: row.try_get(2)? })
        };
        rows.into_iter().map(entry).collect()
    }

    /// What is to be told of the database that the session is in.
    pub(crate) async fn facts(&mut self) -> Result<Facts, sqlx::Error> {
        let tables = sqlx::query_as(
            "SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, c.relpersistence = 'u'
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND c.relpersistence <> 't'
               AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                               WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
             ORDER BY 1",
        );
        let tables: Vec<(String, bool)> = tables.fetch_all(&mut self.connection).await?;
        let links: Vec<String> = sqlx::query_scalar(
            "SELECT 'foreign server ' || s.srvname || ' (' || w.fdwname
                    || coalesce((SELECT ', host ' || o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o
                                 WHERE o.option_name = 'host'), '')
                    || coalesce((SELECT ', user mappings ' || pg_catalog.string_agg(m.usename, ', ' ORDER BY m.usename)
                                 FROM pg_catalog.pg_user_mappings m WHERE m.srvid = s.oid), '')
                    || ')'
             FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
             UNION ALL SELECT 'extension dblink' FROM pg_catalog.pg_extension WHERE extname = 'dblink'
             ORDER BY 1",
        )
        .fetch_all(&mut self.connection)
        .await?;
        let count = tables.len();
        let emptied = tables.into_iter().filter(|(_, is_emptied)| *is_emptied).map(|(name, _)| name);
        Ok(Facts { tables: count, emptied_tables: emptied.collect(), links })
    }

    /// The table of this name that a refusal is most likely about.
    pub(crate) async fn table(&mut self, name: &str) -> Result<Option<Table>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), o.rolname::text, c.relrowsecurity,
                    c.relforcerowsecurity, pg_catalog.pg_has_role(session_user, o.oid, 'MEMBER')
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
             WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
             ORDER BY c.relrowsecurity DESC, pg_catalog.pg_table_is_visible(c.oid) DESC LIMIT 1",
        );
        let row = row.bind(name.to_owned()).fetch_optional(&mut self.connection).await?;
        row.map(|row| {
            Ok(Table {
                name: row.try_get(0)?,
                owner: row.try_get(1)?,
                is_row_secured: row.try_get(2)?,
                is_forced: row.try_get(3)?,
                is_owner_allowed: row.try_get(4)?,
            })
        })
        .transpose()
    }
}
