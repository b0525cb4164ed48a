//! Loads a PostgreSQL dump as teams have it into the source database, or says in one sentence why that cannot be.

use ::tests::{SecretSays, Tools};
use anyhow::{Context, Result, bail};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use tempfile::NamedTempFile;
use tokio::process::Command;

/// Runs the file with psql, up to its first error.
pub async fn load(
    tools: &Tools,
    login: &SecretSays,
    connection: &mut PgConnection,
    file: &Path,
) -> Result<()> {
    let parameters: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pg_settings").fetch_all(&mut *connection).await?;
    create_roles(connection, &roles_to_make(file)?).await?;
    let readable = what_a_server_with(&parameters, file)?;

    let mut psql = Command::new(tools.postgres_bin.join("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file"])
        .arg(readable.path());
    psql.env("PGHOSTADDR", login.address().await?.to_string());
    psql.args(["--host", &login.host, "--port", &login.port.to_string()]);
    psql.args(["--username", &login.username, "--dbname", &login.dbname]);
    psql.env("PGPASSWORD", &login.password).env("PGOPTIONS", "--client-min-messages=warning");
    psql.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = psql.output().await.context("cannot run psql")?;
    if !output.status.success() {
        let error = first_error(&String::from_utf8_lossy(&output.stderr));
        let error = error.replace(&readable.path().display().to_string(), &file.display().to_string());
        bail!("cannot load the SQL file: {}{}", error.trim_end_matches('.'), cure(&error));
    }
    Ok(())
}

/// Why a file with this beginning is not the SQL of PostgreSQL, and what to do about it.
pub fn other_kind(beginning: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(beginning);
    let begins = |bytes: &[u8]| beginning.starts_with(bytes);
    if begins(b"PGDMP") {
        Some("it is in pg_dump's custom format: make SQL of it with `pg_restore --file=dump.sql FILE`")
    } else if begins(b"\x1f\x8b") {
        Some("it is compressed: unpack it with gunzip")
    } else if begins(b"\xfd7zXZ") {
        Some("it is compressed: unpack it with unxz")
    } else if begins(b"\x28\xb5\x2f\xfd") {
        Some("it is compressed: unpack it with unzstd")
    } else if begins(b"BZh") {
        Some("it is compressed: unpack it with bunzip2")
    } else if begins(b"PK\x03\x04") {
        Some("it is an archive: unpack it with unzip")
    } else if begins(b"toc.dat") {
        Some("it is in pg_dump's tar format: make SQL of it with `pg_restore --file=dump.sql FILE`")
    } else if text.contains("-- MySQL dump")
        || text.contains("-- MariaDB dump")
        || text.contains("/*!40101 SET")
    {
        Some(
            "it is a dump of MySQL or MariaDB: give a dump of PostgreSQL, or rehearse MariaDB's own tables with --engine mariadb",
        )
    } else if beginning.contains(&0) {
        Some("it is no text: give the SQL that pg_dump writes by default")
    } else {
        None
    }
}

/// Refuses a file that psql cannot read.
pub fn check_kind(file: &Path) -> Result<()> {
    let mut beginning = Vec::new();
    let cannot_read = || format!("cannot read the SQL file {}", file.display());
    File::open(file).and_then(|it| it.take(4096).read_to_end(&mut beginning)).with_context(cannot_read)?;
    match other_kind(&beginning) {
        Some(kind) => bail!("cannot load {}: {kind}", file.display()),
        None => Ok(()),
    }
}

/// A copy of the file that a server with these parameters takes: some lines fail here though they change nothing.
/// They become empty or shorter, so that the numbers of lines stay.
fn what_a_server_with(parameters: &[String], file: &Path) -> Result<NamedTempFile> {
    let mut copy = NamedTempFile::with_suffix(".sql").context("cannot make a temporary file")?;
    let mut is_data = false;
    for line in lines(file)? {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        if is_data {
            is_data = text.trim_end() != "\\.";
            copy.write_all(&line)?;
        } else {
            is_data = text.starts_with("COPY ") && text.trim_end().ends_with("FROM stdin;");
            // A comment on an extension takes its owner, on RDS too.
            let left_out = text.starts_with("COMMENT ON EXTENSION ") || sets_unknown(&text, parameters);
            match without_attributes(&text) {
                _ if left_out => {}
                Some(statement) => copy.write_all(statement.as_bytes())?,
                None => copy.write_all(&line)?,
            }
        }
        copy.write_all(b"\n")?;
    }
    copy.flush()?;
    Ok(copy)
}

/// A statement that makes or alters a role, without the attributes that only a superuser may name, though each of them
/// says what is so anyway. pg_dumpall writes them.
fn without_attributes(statement: &str) -> Option<String> {
    const ATTRIBUTES: [&str; 3] = [" NOSUPERUSER", " NOREPLICATION", " NOBYPASSRLS"];
    let is_of_role = ["CREATE ROLE ", "ALTER ROLE "].iter().any(|it| statement.starts_with(it));
    is_of_role
        .then(|| ATTRIBUTES.iter().fold(statement.to_owned(), |statement, it| statement.replace(it, "")))
}

/// `SET transaction_timeout = 0;` on a server that has no such parameter.
fn sets_unknown(line: &str, parameters: &[String]) -> bool {
    let name = line.strip_prefix("SET ").and_then(|it| it.split_once(" = ")).map(|(name, _)| name.trim());
    name.is_some_and(|it| {
        let is_word = it.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_word && !parameters.iter().any(|known| known.eq_ignore_ascii_case(it))
    })
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

/// What to do about an error that says more of this server than of the dump.
fn cure(error: &str) -> &'static str {
    if error.contains("is not available") || error.contains("could not open extension control file") {
        ". The PostgreSQL of this rehearsal lacks the extension. Install it for that PostgreSQL, or take the extension and what needs it out of the file"
    } else if error.contains("permission denied to create extension") {
        ". RDS lets its master user make this extension, the PostgreSQL of this rehearsal does not. Take it out of the file"
    } else if error.contains("must be superuser") || error.contains("Only roles with the SUPERUSER attribute")
    {
        ". RDS has no superusers either. Take the statement out of the file"
    } else if error.contains("ICU is not supported") {
        ". The PostgreSQL of this rehearsal is built without ICU. Install Debian's package postgresql, which has it"
    } else {
        ""
    }
}

fn lines(file: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>>>> {
    let cannot_read = format!("cannot read the SQL file {}", file.display());
    let opened = File::open(file).with_context(|| cannot_read.clone())?;
    Ok(BufReader::new(opened).split(b'\n').map(move |line| line.with_context(|| cannot_read.clone())))
}

/// Roles that a dump gives objects or privileges to but does not make: without them it does not load.
///
/// A word too many only makes a role that nobody uses, one too few is psql's error.
fn roles_to_make(file: &Path) -> Result<BTreeSet<String>> {
    let (mut named, mut made) = (BTreeSet::new(), BTreeSet::new());
    for line in lines(file)? {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        if ["ALTER ", "GRANT ", "REVOKE "].iter().any(|word| text.starts_with(word)) {
            named.extend(roles_in(&text));
        }
        made.extend(role_made_by(&text));
    }
    Ok(named.difference(&made).cloned().collect())
}

/// The role that `CREATE ROLE` and its like make.
fn role_made_by(statement: &str) -> Option<String> {
    let made =
        ["CREATE ROLE ", "CREATE USER ", "CREATE GROUP "].iter().find_map(|it| statement.strip_prefix(it));
    identifier(made?)
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
    fn a_file_of_another_kind_gets_a_sentence() {
        let check = |beginning: &[u8], expected: Option<&str>| match (other_kind(beginning), expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
            (found, _) => panic!("{found:?}, not {expected:?}"),
        };
        check(b"PGDMP\x01", Some("pg_restore"));
        check(b"\x1f\x8b\x08", Some("gunzip"));
        check(b"-- MySQL dump 10.13  Distrib 8.0", Some("MySQL"));
        check(b"/*M!999999 enable the sandbox mode */\n-- MariaDB dump 10.19", Some("MariaDB"));
        check(b"toc.dat\0\0\0", Some("tar format"));
        check(b"SQLite format 3\0", Some("no text"));
        check(b"--\n-- PostgreSQL database dump\n--\n", None);
        check("CREATE TABLE größe ()".as_bytes(), None);
    }

    #[test]
    fn lines_that_only_a_newer_server_takes_are_left_out_but_no_data_is() {
        let mut file = NamedTempFile::new().unwrap();
        let dump = "ALTER ROLE a WITH NOSUPERUSER INHERIT NOREPLICATION NOBYPASSRLS;\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\nCOMMENT ON EXTENSION plpgsql IS 'x';\n\
                    SET app.tenant = '1';\nCOPY public.a (t) FROM stdin;\nSET transaction_timeout = 0;\n\\.\n\
                    SET transaction_timeout = 0;\n";
        file.write_all(dump.as_bytes()).unwrap();
        let copy = what_a_server_with(&["statement_timeout".to_owned()], file.path()).unwrap();
        let expected = "ALTER ROLE a WITH INHERIT;\nSET statement_timeout = 0;\n\n\nSET app.tenant = '1';\nCOPY public.a (t) FROM stdin;\n\
                        SET transaction_timeout = 0;\n\\.\n\n";
        assert_eq!(std::fs::read_to_string(copy.path()).unwrap(), expected);
    }

    #[test]
    fn roles_that_the_file_makes_itself_are_left_to_it() {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(b"CREATE ROLE \"Own\";\nALTER ROLE \"Own\" WITH LOGIN;\nGRANT SELECT ON a TO \"Own\";\nGRANT SELECT ON a TO other;\n").unwrap();
        assert_eq!(roles_to_make(file.path()).unwrap(), BTreeSet::from(["other".to_owned()]));
    }

    #[test]
    fn the_first_error_of_psql_is_one_line() {
        let stderr = "psql:a.sql:1: WARNING:  odd\npsql:a.sql:3: ERROR:  syntax error at or near \"CRATE\"\nLINE 1: CRATE TABLE\n        ^\nHINT:  None.\n";
        let error = "psql:a.sql:3: ERROR: syntax error at or near \"CRATE\" HINT: None.";
        assert_eq!(first_error(stderr), error);
    }
}
