//! What acts by itself in MySQL and MariaDB: events, and replication from another server.

use super::{MySql, quoted};
use crate::survey::{Activity, NotStopped};
use replication::Active;
use sqlx::mysql::{MySqlDatabaseError, MySqlRow};
use sqlx::{Row, raw_sql};
use std::collections::BTreeSet;

/// ER_SPECIFIC_ACCESS_DENIED_ERROR.
const DENIED: u16 = 1227;

/// Whether a disabled event still has its definer.
#[derive(PartialEq, Eq)]
enum Definer {
    Kept,
    Lost,
}

impl MySql {
    /// Stops all of it but what is kept.
    pub(crate) async fn stop(&mut self, keep: &BTreeSet<Active>) -> Result<Activity, NotStopped> {
        let mut activity = Activity::default();
        self.stop_events(keep.contains(&Active::Events), &mut activity).await?;
        self.stop_replication(keep.contains(&Active::Replication), &mut activity).await?;
        Ok(activity)
    }

    async fn stop_events(&mut self, is_kept: bool, activity: &mut Activity) -> Result<(), NotStopped> {
        let sql = "SELECT CAST(event_schema AS CHAR), CAST(event_name AS CHAR), CAST(definer AS CHAR), CAST(status AS CHAR)
                   FROM information_schema.events WHERE event_schema NOT IN ('mysql', 'sys') ORDER BY 1, 2";
        let failed = NotStopped::of("events", "Grant the master user EVENT on *.* in the source");
        let events: Vec<(String, String, String, String)> =
            sqlx::query_as(sql).fetch_all(&mut self.connection).await.map_err(&failed)?;
        for (schema, name, definer, status) in events {
            let (mut what, is_enabled) = (format!("event {schema}.{name}"), status == "ENABLED");
            if is_kept {
                activity.kept.extend(is_enabled.then_some(what));
                continue;
            }
            if is_enabled {
                let cure = format!("Grant the master user EVENT on {}.* in the source", quoted(&schema));
                let disabled = self.disable(&schema, &name, &definer).await;
                if disabled.map_err(NotStopped::of(&what, &cure))? == Definer::Lost {
                    what.push_str(", whose definer is the master user now");
                }
            }
            activity.stopped.push(what);
        }
        Ok(())
    }

    /// Disables an event. The user who alters an event becomes its definer, and once it is enabled again, it acts with the
    /// definer's rights. So the definer is named. The master user of RDS for MariaDB may not name another user, but it may
    /// change the table of events: the server holds no event in memory that is disabled.
    /// Source: MySQL Reference Manual and MariaDB, "ALTER EVENT"; RDS User Guide, MariaDB.Concepts.UsersAndPrivileges.
    async fn disable(&mut self, schema: &str, name: &str, definer: &str) -> Result<Definer, sqlx::Error> {
        let disable = format!("EVENT {}.{} DISABLE", quoted(schema), quoted(name));
        if let Some((user, host)) = definer.rsplit_once('@') {
            let definer = format!("{}@{}", quoted(user), quoted(host));
            match self.execute(&format!("ALTER DEFINER = {definer} {disable}")).await {
                Ok(()) => return Ok(Definer::Kept),
                Err(error) if number(&error).is_none() => return Err(error),
                Err(_) => {}
            }
        }
        self.execute(&format!("ALTER {disable}")).await?;
        let again = sqlx::query("UPDATE mysql.event SET definer = ? WHERE db = ? AND name = ?");
        match again.bind(definer).bind(schema).bind(name).execute(&mut self.connection).await {
            Ok(_) => Ok(Definer::Kept),
            Err(error) if number(&error).is_none() => Err(error),
            // MySQL 8 has no such table.
            Err(_) => Ok(Definer::Lost),
        }
    }

    async fn stop_replication(&mut self, is_kept: bool, activity: &mut Activity) -> Result<(), NotStopped> {
        let failed = NotStopped::of(
            "replication from another server",
            "Let the master user run mysql.rds_stop_replication, or STOP REPLICA",
        );
        for row in self.replicas().await.map_err(&failed)? {
            let text = |names: [&str; 2]| {
                names
                    .iter()
                    .find_map(|name| row.try_get_unchecked::<String, _>(*name).ok())
                    .unwrap_or_default()
            };
            let what = format!("replication from {}", text(["Source_Host", "Master_Host"]));
            let is_running = text(["Replica_IO_Running", "Slave_IO_Running"]) != "No"
                || text(["Replica_SQL_Running", "Slave_SQL_Running"]) != "No";
            if is_kept {
                activity.kept.extend(is_running.then_some(what));
                continue;
            }
            if is_running {
                self.stop_replicas().await.map_err(&failed)?;
            }
            activity.stopped.push(what);
        }
        Ok(())
    }

    /// Where this server takes changes from. Without the right to know, it is no replica that the master user made.
    async fn replicas(&mut self) -> Result<Vec<MySqlRow>, sqlx::Error> {
        // MySQL before 8.0.22 knows the old word alone.
        let words: &[&'static str] = match self.is_mariadb {
            true => &["SHOW ALL SLAVES STATUS"],
            false => &["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"],
        };
        let mut last = Ok(Vec::new());
        for word in words {
            last = raw_sql(*word).fetch_all(&mut self.connection).await;
            match &last {
                Ok(_) => break,
                Err(error) if number(error) == Some(DENIED) => return Ok(Vec::new()),
                Err(_) => {}
            }
        }
        last
    }

    async fn stop_replicas(&mut self) -> Result<(), sqlx::Error> {
        let is_rds: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM information_schema.routines
             WHERE routine_schema = 'mysql' AND routine_name = 'rds_stop_replication'",
        )
        .fetch_one(&mut self.connection)
        .await?;
        let stop = match (is_rds > 0, self.is_mariadb) {
            (true, _) => "CALL mysql.rds_stop_replication",
            (false, true) => "STOP ALL SLAVES",
            (false, false) => "STOP REPLICA",
        };
        self.execute(stop).await
    }
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}
