//! The source database: a shop of our own, or the user's SQL dump.

use ::tests::{Fingerprint, Orders, SOURCE_INSTANCE, SecretSays, Tools, World, fingerprint};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

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
pub async fn create(tools: &Tools, world: &World, sql: Option<&Path>) -> Result<Source> {
    world.request_instance(SOURCE_INSTANCE, |create| create.storage_encrypted(true)).await?;
    while status(world).await?.as_deref() != Some("available") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let login = world.login(SOURCE_INSTANCE).await?;
    let Some(file) = sql else {
        let mut orders = login.connect().await?;
        orders.create_tables().await?;
        orders.add(1, 1000).await?;
        return Ok(Source::Shop(orders));
    };
    let mut connection = connect(&login).await?;
    create_roles(&mut connection, &roles_named_in(file)?).await?;
    load(tools, &login, file).await?;
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

    /// What it holds now.
    pub async fn fingerprint(&mut self) -> Result<Fingerprint> {
        match self {
            Self::Shop(orders) => orders.fingerprint().await,
            Self::Dump(connection) => fingerprint(connection).await,
        }
    }
}

async fn status(world: &World) -> Result<Option<String>> {
    let describe = world.source.rds.describe_db_instances().db_instance_identifier(SOURCE_INSTANCE);
    let instances = describe.send().await?.db_instances.unwrap_or_default();
    Ok(instances.into_iter().next().and_then(|it| it.db_instance_status))
}

async fn connect(login: &SecretSays) -> Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass().host(&login.host).port(login.port);
    let options = options.username(&login.username).password(&login.password).database(&login.dbname);
    Ok(PgConnection::connect_with(&options).await?)
}

/// Runs the file with psql, up to its first error.
async fn load(tools: &Tools, login: &SecretSays, file: &Path) -> Result<()> {
    let mut psql = Command::new(tools.postgres_bin.join("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file"]).arg(file);
    psql.args(["--host", &login.host, "--port", &login.port.to_string()]);
    psql.args(["--username", &login.username, "--dbname", &login.dbname]);
    psql.env("PGPASSWORD", &login.password).env("PGOPTIONS", "--client-min-messages=warning");
    psql.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = psql.output().await.context("cannot run psql")?;
    if !output.status.success() {
        bail!("cannot load the SQL file: {}", first_error(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(())
}

/// psql's first error and what it adds to it, on one line.
fn first_error(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_error =
        |line: &&str| line.contains("ERROR:") || line.contains("FATAL:") || line.contains("error:");
    let first = lines.iter().position(is_error).unwrap_or_default();
    let more = lines
        .iter()
        .skip(first + 1)
        .filter(|line| line.starts_with("DETAIL:") || line.starts_with("HINT:") || line.starts_with("Use "));
    let words = lines.iter().skip(first).take(1).chain(more);
    let words = words.flat_map(|line| line.split_whitespace()).collect::<Vec<_>>();
    words.join(" ")
}

/// Roles that a dump gives objects or privileges to: they are not in the dump, and without them it does not load.
///
/// A word too many only makes a role that nobody uses, one too few is psql's error.
fn roles_named_in(file: &Path) -> Result<BTreeSet<String>> {
    let cannot_read = || format!("cannot read the SQL file {}", file.display());
    let mut roles = BTreeSet::new();
    for line in BufReader::new(File::open(file).with_context(cannot_read)?).split(b'\n') {
        let line = line.with_context(cannot_read)?;
        if ["ALTER ", "GRANT ", "REVOKE "].iter().any(|word| line.starts_with(word.as_bytes())) {
            roles.extend(roles_in(&String::from_utf8_lossy(&line)));
        }
    }
    Ok(roles)
}

fn roles_in(statement: &str) -> impl Iterator<Item = String> {
    let places: &[&str] = match statement.split_whitespace().next() {
        Some("GRANT") => &[" TO "],
        Some("REVOKE") => &[" FROM "],
        _ => &[" OWNER TO ", " FOR ROLE ", " TO ", " FROM "],
    };
    places.iter().filter_map(|place| Some(statement.rsplit_once(place)?.1)).filter_map(identifier)
}

/// The SQL identifier that a text begins with, as the catalogue has it; none for a word that is no role.
fn identifier(text: &str) -> Option<String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let name = quoted.replace("\"\"", "\u{0}");
        return Some(name.split_once('"')?.0.replace('\u{0}', "\""));
    }
    let word =
        text.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == '$')).next()?.to_lowercase();
    let no_role = ["", "public", "current_user", "current_role", "session_user"].contains(&word.as_str());
    (!no_role && !word.starts_with("pg_")).then_some(word)
}

/// Makes the roles that are missing, as roles that nobody can log in as. The master user belongs to each of them, and
/// each may make objects, so that it may be given any: neither follows by itself, since the master is no superuser.
async fn create_roles(connection: &mut PgConnection, names: &BTreeSet<String>) -> Result<()> {
    for name in names {
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(name)
            .fetch_one(&mut *connection)
            .await?;
        if known {
            continue;
        }
        let sql: String = sqlx::query_scalar(
            "SELECT format('CREATE ROLE %1$I; GRANT %1$I TO CURRENT_USER; GRANT CREATE ON DATABASE %2$I TO %1$I; GRANT CREATE, USAGE ON SCHEMA public TO %1$I', $1, current_database())",
        )
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
        // Safe: the server itself quoted the names.
        let create = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
        create.with_context(|| format!("cannot make the role {name}, which the SQL file names"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_where_pg_dump_names_them() {
        let check = |statement: &str, expected: &[&str]| {
            assert!(roles_in(statement).eq(expected.iter().copied()), "{statement}");
        };
        check("ALTER TABLE public.a OWNER TO alice;", &["alice", "alice"]);
        check("ALTER TABLE public.a OWNER TO \"Al \"\"x\"\" ice\";", &["Al \"x\" ice", "Al \"x\" ice"]);
        check("GRANT SELECT ON TABLE public.a TO reader;", &["reader"]);
        check("GRANT ALL ON SCHEMA public TO PUBLIC;", &[]);
        check("REVOKE ALL ON SCHEMA public FROM owner_1;", &["owner_1"]);
        check("ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (id);", &[]);
        check(
            "ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA public GRANT SELECT ON TABLES TO reader;",
            &["boss", "reader"],
        );
    }

    #[test]
    fn the_first_error_of_psql_is_one_line() {
        let stderr = "psql:a.sql:1: WARNING:  odd\npsql:a.sql:3: ERROR:  syntax error at or near \"CRATE\"\nLINE 1: CRATE TABLE\n        ^\nHINT:  None.\n";
        let error = "psql:a.sql:3: ERROR: syntax error at or near \"CRATE\" HINT: None.";
        assert_eq!(first_error(stderr), error);
    }
}
