//! A real PostgreSQL with TLS: the server's own where there is one built with it, else in front of it.

use super::{MASTER, PASSWORD, World, eventually, folder_of};
use anyhow::{Result, ensure};
use local_aws::privileges::Privileges;
use local_aws::process::{free_port, libraries};
use local_aws::tls_front::{Front, Gate};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, raw_sql};
use std::path::{Path, PathBuf};
use tokio::process::Child;

/// A superuser by the name that RDS gives its own.
const ADMINISTRATOR: &str = "rdsadmin";

/// A running server with the database `shop`, whose master is no superuser, as on RDS.
pub struct Server {
    port: u16,
    front: Option<Front>,
    _child: Child,
}

impl Server {
    pub async fn start(world: &World) -> Result<Self> {
        let usr = folder_of("SNAPFERRY_POSTGRES_WITH_TLS");
        let binaries = match &usr {
            Some(usr) => newest(&usr.join("lib/postgresql"))?.join("bin"),
            None => PathBuf::from(std::env::var("SNAPFERRY_POSTGRES_BIN")?),
        };
        println!("{}", binaries.display());
        let folder = world.folder.path();
        let (data, privileges) = (folder.join("postgres"), Privileges::detect());
        let certificate = world.authority.issue(&["127.0.0.1", "localhost"])?;
        let (pem, key) = certificate.pems();
        std::fs::write(folder.join("password"), PASSWORD)?;
        std::fs::write(folder.join("server.pem"), pem)?;
        std::fs::write(folder.join("server.key"), key)?;
        std::fs::set_permissions(
            folder.join("server.key"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )?;
        std::fs::create_dir(&data)?;
        privileges.hand_over(folder)?;

        let mut initdb = privileges.command(&binaries.join("initdb"), "TERM");
        initdb.arg("--pgdata").arg(&data).arg("--pwfile").arg(folder.join("password"));
        initdb.args([
            "--username",
            ADMINISTRATOR,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]);
        let output = library_path(&mut initdb, usr.as_deref()).output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let port = free_port()?;
        let mut postgres = privileges.command(&binaries.join("postgres"), "INT");
        postgres.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "log_statement=all"]
        {
            postgres.args(["-c", setting]);
        }
        if usr.is_some() {
            let file = |name: &str| folder.join(name).display().to_string();
            postgres.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={}", file("server.pem"))]);
            postgres.args(["-c", &format!("ssl_key_file={}", file("server.key"))]);
        }
        let log = std::fs::File::create(folder.join("postgres.log"))?;
        let child =
            library_path(&mut postgres, usr.as_deref()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let front = match usr {
            Some(_) => None,
            None => {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
                Some(Front::open(listener, port, certificate, true, &Gate::open())?)
            }
        };
        let server = Self { port, front, _child: child };
        eventually("PostgreSQL", async || server.connect(ADMINISTRATOR, PASSWORD, "postgres").await).await?;
        let master = format!("CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'");
        server.execute("postgres", &master).await?;
        server.execute("postgres", &format!("CREATE DATABASE shop OWNER {MASTER}")).await?;
        server.as_master("CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamptz, paid boolean, total numeric(12, 2))").await?;
        server.as_master("INSERT INTO orders SELECT i, now() - i * interval '1 minute', true, i FROM generate_series(1, 12) i").await?;
        Ok(server)
    }

    /// Where TLS is offered.
    pub fn port(&self) -> u16 {
        self.front.as_ref().map_or(self.port, |front| front.address().port())
    }

    /// Where it may not be: the plain port of a server in front of which TLS is.
    pub async fn connect(&self, user: &str, password: &str, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        let options =
            options.username(user).password(password).database(database).ssl_mode(PgSslMode::Disable);
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// Runs a statement as the administrator.
    pub async fn execute(&self, database: &str, sql: &str) -> Result<()> {
        let mut connection = self.connect(ADMINISTRATOR, PASSWORD, database).await?;
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
        Ok(())
    }

    /// Runs a statement as the master user.
    pub async fn as_master(&self, sql: &str) -> Result<()> {
        let mut connection = self.connect(MASTER, PASSWORD, "shop").await?;
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
        Ok(())
    }

    /// One number, as the administrator sees it.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        let mut connection = self.connect(ADMINISTRATOR, PASSWORD, "shop").await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?)
    }
}

fn newest(versions: &Path) -> Result<PathBuf> {
    let mut versions: Vec<_> = std::fs::read_dir(versions)?.filter_map(|it| Some(it.ok()?.path())).collect();
    versions.sort_by_key(|path| path.file_name().and_then(|it| it.to_str()?.parse::<u32>().ok()));
    versions.pop().ok_or_else(|| anyhow::anyhow!("no PostgreSQL"))
}

fn library_path<'a>(
    command: &'a mut tokio::process::Command,
    usr: Option<&Path>,
) -> &'a mut tokio::process::Command {
    match usr.filter(|usr| *usr != Path::new("/usr")) {
        Some(usr) => command.env("LD_LIBRARY_PATH", libraries(usr)),
        None => command,
    }
}
