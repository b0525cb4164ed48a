//! What acts by itself in a database of PostgreSQL: subscriptions, and jobs of pg_cron.

use super::{LAY_DOWN, Postgres, quoted, take_on};
use crate::cure::for_role;
use crate::survey::{Activity, NotStopped};
use replication::Active;
use std::collections::BTreeSet;

const SCHEDULED: &str = "UPDATE cron.job SET active = false WHERE active";
/// What pg_cron offers where its table may not be written.
const BY_PG_CRON: &str =
    "SELECT count(cron.alter_job(job_id := jobid, active := false)) FROM cron.job WHERE active";

impl Postgres {
    /// Stops all of it in the database of the session but what is kept.
    pub(crate) async fn stop(&mut self, keep: &BTreeSet<Active>) -> Result<Activity, NotStopped> {
        let mut activity = Activity::default();
        let listing = NotStopped::of("what acts by itself", "Let the master user read the catalogue");
        let database: String = sqlx::query_scalar("SELECT pg_catalog.current_database()::text")
            .fetch_one(&mut self.connection)
            .await
            .map_err(&listing)?;
        let is_kept = keep.contains(&Active::Subscriptions);
        self.stop_subscriptions(&database, is_kept, &mut activity).await?;
        if self.has_column("pglogical", "subscription", "sub_enabled").await.map_err(&listing)? {
            self.stop_pglogical(&database, is_kept, &mut activity).await?;
        }
        if self.has_column("cron", "job", "active").await.map_err(&listing)? {
            let what = format!("jobs of pg_cron in database {database}");
            if keep.contains(&Active::ScheduledJobs) {
                activity.kept.push(what);
            } else {
                let stopped = self.stop_jobs(&what).await?;
                activity.stopped.extend((stopped > 0).then(|| format!("{stopped} {what}")));
            }
        }
        Ok(activity)
    }

    /// Never `DROP SUBSCRIPTION`: with a slot it drops the slot of production.
    async fn stop_subscriptions(
        &mut self,
        database: &str,
        is_kept: bool,
        activity: &mut Activity,
    ) -> Result<(), NotStopped> {
        let rows = sqlx::query_as(
            "SELECT s.subname::text, s.subenabled, s.subslotname IS NOT NULL, o.rolname::text
             FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
             JOIN pg_catalog.pg_roles o ON o.oid = s.subowner
             WHERE d.datname = pg_catalog.current_database() ORDER BY 1",
        );
        let failed =
            NotStopped::of("subscriptions", "Let the master user read the catalogue pg_subscription");
        let rows: Vec<(String, bool, bool, String)> =
            rows.fetch_all(&mut self.connection).await.map_err(failed)?;
        for (name, is_enabled, has_slot, owner) in rows {
            let what = format!("subscription {name} in database {database}");
            if is_kept {
                activity.kept.extend(is_enabled.then_some(what));
                continue;
            }
            let failed = NotStopped::of(&what, &for_role(&owner, &self.master));
            if is_enabled {
                let disable = format!("ALTER SUBSCRIPTION {} DISABLE", quoted(&name));
                self.execute(&disable).await.map_err(&failed)?;
            }
            if has_slot {
                let part = format!("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", quoted(&name));
                self.execute(&part).await.map_err(&failed)?;
            }
            activity.stopped.push(what);
        }
        Ok(())
    }

    async fn stop_pglogical(
        &mut self,
        database: &str,
        is_kept: bool,
        activity: &mut Activity,
    ) -> Result<(), NotStopped> {
        let failed = NotStopped::of(
            &format!("subscriptions of pglogical in database {database}"),
            "Grant the master user the schema pglogical in the source",
        );
        let rows = "SELECT sub_name::text, sub_enabled FROM pglogical.subscription ORDER BY 1";
        let rows: Vec<(String, bool)> =
            sqlx::query_as(rows).fetch_all(&mut self.connection).await.map_err(&failed)?;
        for (name, is_enabled) in rows {
            let what = format!("pglogical subscription {name} in database {database}");
            if is_kept {
                activity.kept.extend(is_enabled.then_some(what));
                continue;
            }
            if is_enabled {
                let disable = "SELECT pglogical.alter_subscription_disable($1::name, true)";
                sqlx::query(disable).bind(name).execute(&mut self.connection).await.map_err(&failed)?;
            }
            activity.stopped.push(what);
        }
        Ok(())
    }

    /// How many jobs do not run any more. pg_cron shows each role its own jobs alone, by row-level security: then they
    /// are stopped as each role that may have some.
    async fn stop_jobs(&mut self, what: &str) -> Result<i64, NotStopped> {
        let failed = NotStopped::of(what, "Grant the master user UPDATE on cron.job in the source");
        match self.execute(SCHEDULED).await {
            Ok(()) => return self.count_jobs().await.map_err(failed),
            Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42501") => {}
            Err(error) => return Err(failed(error)),
        }
        let roles = sqlx::query_as(
            "SELECT r.rolname::text, pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
             FROM pg_catalog.pg_roles r, pg_catalog.pg_namespace n
             WHERE n.nspname = 'cron' AND r.rolcanlogin AND r.rolname NOT LIKE 'rds%'
               AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE') ORDER BY 1",
        );
        let mut stopped = 0;
        let mut unseen = Vec::new();
        let roles: Vec<(String, bool)> = roles.fetch_all(&mut self.connection).await.map_err(&failed)?;
        for (role, is_allowed) in roles {
            if !is_allowed {
                unseen.push(for_role(&role, &self.master));
                continue;
            }
            let failed = NotStopped::of(what, &for_role(&role, &self.master));
            self.execute(&format!("SET row_security = on; {}", take_on(&role))).await.map_err(&failed)?;
            if self.execute(SCHEDULED).await.is_err() {
                self.execute(BY_PG_CRON).await.map_err(&failed)?;
            }
            stopped += self.count_jobs().await.map_err(&failed)?;
            self.execute(&format!("{LAY_DOWN}; SET row_security = off")).await.map_err(&failed)?;
        }
        match unseen.is_empty() {
            true => Ok(stopped),
            false => Err(NotStopped::because(
                what,
                "pg_cron hides from the master user the jobs of other roles",
                &unseen.join(". "),
            )),
        }
    }

    async fn count_jobs(&mut self) -> Result<i64, sqlx::Error> {
        let sql = "SELECT count(*) FROM cron.job WHERE NOT active";
        sqlx::query_scalar(sql).fetch_one(&mut self.connection).await
    }

    async fn has_column(&mut self, schema: &str, table: &str, column: &str) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND c.relkind = 'r')",
        )
        .bind(schema.to_owned())
        .bind(table.to_owned())
        .bind(column.to_owned())
        .fetch_one(&mut self.connection)
        .await
    }
}
