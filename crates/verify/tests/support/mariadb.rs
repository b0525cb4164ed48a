//! A real MariaDB with TLS.

use super::{MASTER, PASSWORD, World, eventually, folder_of, libraries};
use anyhow::{Context, Result, ensure};
use local_aws::privileges::Privileges;
use local_aws::process::free_port;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, Connection, raw_sql};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A running server with the database `shop`.
pub struct Server {
    pub port: u16,
    _child: Child,
}

impl Server {
    /// `None`, and a word about it, on a machine that has no MariaDB.
    pub async fn start(world: &World) -> Result<Option<Self>> {
        let Some(usr) = folder_of("SNAPFERRY_MARIADB") else {
            println!("SKIPPED: this machine has no MariaDB");
            return Ok(None);
        };
        let folder = world.folder.path();
        let (certificate, key) = world.authority.server_pems();
        std::fs::write(folder.join("server.pem"), certificate)?;
        std::fs::write(folder.join("server.key"), key)?;
        std::fs::create_dir(folder.join("mariadb"))?;

        let share = usr.join("share/mysql");
        let mut tables = String::from("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n");
        for file in
            ["mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"]
        {
            tables.push_str(&std::fs::read_to_string(share.join(file))?);
        }
        let mut bootstrap = mariadbd(&usr, folder);
        let mut bootstrap =
            bootstrap.arg("--bootstrap").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let mut input = bootstrap.stdin.take().context("it reads")?;
        input.write_all(tables.as_bytes()).await?;
        drop(input);
        ensure!(bootstrap.wait().await?.success(), "{}", log(folder));

        let users = folder.join("users.sql");
        let grants = format!(
            "CREATE DATABASE shop;\nCREATE USER {MASTER}@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO {MASTER}@'%' WITH GRANT OPTION;\n"
        );
        std::fs::write(&users, grants)?;
        let port = free_port()?;
        let mut command = mariadbd(&usr, folder);
        command.args([
            "--port",
            &port.to_string(),
            "--bind-address=127.0.0.1",
            "--require-secure-transport=ON",
        ]);
        for (option, name) in [
            ("socket", "socket"),
            ("init-file", "users.sql"),
            ("ssl-cert", "server.pem"),
            ("ssl-key", "server.key"),
        ] {
            command.arg(format!("--{option}={}", folder.join(name).display()));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let server = Self { port, _child: child };
        let connected = eventually("MariaDB", async || server.connect(MASTER, PASSWORD).await).await;
        connected.with_context(|| log(folder))?;
        server.execute("CREATE TABLE orders (id int PRIMARY KEY, placed_at datetime, paid boolean, total decimal(12, 2)) ENGINE=InnoDB").await?;
        server.execute("INSERT INTO orders SELECT seq, UTC_TIMESTAMP() - INTERVAL seq MINUTE, true, seq FROM seq_1_to_12").await?;
        Ok(Some(server))
    }

    pub async fn connect(&self, user: &str, password: &str) -> Result<MySqlConnection> {
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.port).database("shop");
        let options = options.username(user).password(password).ssl_mode(MySqlSslMode::Required);
        Ok(MySqlConnection::connect_with(&options).await?)
    }

    /// Runs a statement as the master user.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        let mut connection = self.connect(MASTER, PASSWORD).await?;
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
        Ok(())
    }

    /// One number, as the master user sees it.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        let mut connection = self.connect(MASTER, PASSWORD).await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?)
    }
}

fn mariadbd(usr: &Path, folder: &Path) -> Command {
    let program: PathBuf = usr.join("sbin/mariadbd");
    let mut command = Privileges::Plain.command(&program, "KILL");
    // It refuses to be root unless it is told so.
    if Privileges::detect() != Privileges::Plain {
        command.args(["--no-defaults", "--user=root"]);
    } else {
        command.arg("--no-defaults");
    }
    let share = usr.join("share/mysql").display().to_string();
    command.args([format!("--lc-messages-dir={share}"), format!("--character-sets-dir={share}/charsets")]);
    command.arg(format!("--datadir={}", folder.join("mariadb").display()));
    // A server that starts removes the temporary tables of others in a folder that they share.
    command.arg(format!("--tmpdir={}", folder.display()));
    command.arg(format!("--log-error={}", folder.join("mariadb.log").display()));
    command.args(["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", "--skip-log-bin"]);
    if usr != Path::new("/usr") {
        command.env("LD_LIBRARY_PATH", libraries(usr));
    }
    command.stderr(Stdio::null());
    command
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("mariadb.log")).unwrap_or_default()
}
