//! MariaDB servers: initialise, start, copy at a standstill, change a password.
//!
//! The programs are those of Debian's package `mariadb-server-core`, installed or unpacked. A directory holds the data in a
//! folder of its own, beside what the server needs: temporary files, its socket, its certificate.

use std::{
    fs::Permissions,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use sqlx::{
    AssertSqlSafe, Connection, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};
use tokio::{io::AsyncWriteExt, process::Command};

use super::{
    binlog,
    programs::{ADMINISTRATOR, Master, run, untar},
};
use crate::{
    privileges::Privileges,
    process, random_hex,
    tls_front::{Authority, Certificate},
};

const DATA: &str = "data";
const TEMPORARY: &str = "tmp";
const BACKUP: &str = "data.tar";

/// Besides the rights of the documentation those that `SHOW GRANTS` tells of a DB instance of 10.6 and later.
/// Source: RDS User Guide, UsingWithRDS.MasterAccounts.
const MASTER_RIGHTS: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, \
     SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, BINLOG MONITOR, CREATE VIEW, \
     SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, DELETE HISTORY, SLAVE MONITOR";

/// MariaDB's programs.
#[derive(Clone)]
pub struct MariaDb {
    usr: PathBuf,
    password: String,
    version: String,
    authority: Authority,
}

impl MariaDb {
    /// Asks the server below `usr` for its version. Servers have certificates of `authority`.
    pub async fn open(usr: &Path, authority: Authority) -> anyhow::Result<Self> {
        let this =
            Self { usr: usr.to_path_buf(), password: random_hex(24)?, version: String::new(), authority };
        let output = this.program().arg("--version").output().await;
        let output = output.with_context(|| format!("cannot run mariadbd in {}", usr.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = version(&text).context("`mariadbd --version` prints no version of MariaDB")?;
        tracing::info!("MariaDB {version} in {}", usr.display());
        Ok(Self { version: version.to_owned(), ..this })
    }

    /// The administrator's password.
    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// The version, such as `10.11.19`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Makes the system tables, as `mariadb-install-db` does, no login but the administrator's, and of RDS's procedures the
    /// one that ends replication from another server.
    pub async fn initialise(&self, directory: &Path) -> anyhow::Result<()> {
        make_folders(directory).await?;
        let share = self.share();
        let mut statements =
            String::from("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n");
        for file in
            ["mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"]
        {
            statements.push_str(&tokio::fs::read_to_string(share.join(file)).await?);
        }
        statements.push_str(&format!(
            "DELETE FROM global_priv WHERE User IN ('root', '');\nDELETE FROM proxies_priv;\nFLUSH PRIVILEGES;\n\
             CREATE USER {ADMINISTRATOR}@localhost IDENTIFIED BY '{}';\n\
             GRANT ALL ON *.* TO {ADMINISTRATOR}@localhost WITH GRANT OPTION;\n\
             CREATE DEFINER = {ADMINISTRATOR}@localhost PROCEDURE mysql.rds_stop_replication() STOP ALL SLAVES;\n",
            self.password
        ));
        let mut bootstrap = self.mariadbd(directory);
        let bootstrap =
            bootstrap.args(["--bootstrap", "--skip-log-bin"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut bootstrap = bootstrap.stderr(Stdio::piped()).spawn()?;
        let mut input = bootstrap.stdin.take().context("it reads")?;
        let written = input.write_all(statements.as_bytes()).await;
        drop(input);
        let output = bootstrap.wait_with_output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(written?)
    }

    /// Who issues the servers' certificates.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The command of a server on this port, with this certificate.
    pub(super) fn server(
        &self,
        directory: &Path,
        port: u16,
        certificate: &Certificate,
    ) -> std::io::Result<Command> {
        let (certificate_pem, key_pem) = certificate.pems();
        let [certificate, key] = ["server.pem", "server.key"].map(|name| directory.join(name));
        std::fs::write(&certificate, certificate_pem)?;
        let mut options = std::fs::File::options();
        let options = options.create(true).truncate(true).write(true).mode(0o600);
        std::io::Write::write_all(&mut options.open(&key)?, key_pem.as_bytes())?;
        let mut command = self.mariadbd(directory);
        // On RDS it is on while there are automated backups. Here it is always on, so that a copy needs no other settings
        // than its source to recover.
        command.args(["--log-bin=binlog", "--binlog-format=MIXED", "--log-bin-trust-function-creators=ON"]);
        command.arg(format!("--server-id={}", binlog::server_id(directory)));
        // The values of the DB instance's parameter group.
        let values = std::fs::read_to_string(directory.with_extension("parameters")).unwrap_or_default();
        command.args(values.lines());
        command.args(["--port", &port.to_string(), "--bind-address=127.0.0.1"]);
        command.arg(format!("--ssl-cert={}", certificate.display()));
        command.arg(format!("--ssl-key={}", key.display()));
        command.arg(format!("--pid-file={}", directory.join("pid").display()));
        // From the data's folder: the path of a socket must be short.
        command.args(["--socket=../socket", "--event-scheduler=ON"]);
        Ok(command)
    }

    /// Creates the master user as RDS does: no SUPER, and whatever it may do, it may grant.
    pub async fn create_master(&self, port: u16, master: &Master<'_>) -> anyhow::Result<()> {
        let mut connection = self.connect(port).await?;
        let mut statements =
            vec![("CREATE USER ?@'%' IDENTIFIED BY ?", vec![master.username, master.password])];
        let grant = format!("GRANT {MASTER_RIGHTS} ON *.* TO ?@'%' WITH GRANT OPTION");
        statements.push((&grant, vec![master.username]));
        // Safe: a name of a database has letters, digits and underscores only.
        let database = master.database.map(|name| format!("CREATE DATABASE `{name}`"));
        statements.extend(database.iter().map(|it| (it.as_str(), vec![])));
        for (statement, values) in statements {
            execute(&mut connection, statement, &values).await.context("cannot create the master user")?;
        }
        Ok(())
    }

    /// Changes the password of a user.
    pub async fn set_password(&self, port: u16, username: &str, password: &str) -> anyhow::Result<()> {
        let mut connection = self.connect(port).await?;
        execute(&mut connection, "ALTER USER ?@'%' IDENTIFIED BY ?", &[username, password]).await
    }

    /// Unpacks a copy into `directory`.
    pub async fn unpack(&self, backup: &Path, directory: &Path) -> anyhow::Result<()> {
        make_folders(directory).await?;
        untar(&backup.join(BACKUP), &directory.join(DATA)).await.context("cannot unpack the data")?;
        Ok(binlog::follow_nobody(&directory.join(DATA)).await?)
    }

    /// Logs in as the administrator. To the server this machine is `localhost`.
    pub async fn connect(&self, port: u16) -> sqlx::Result<MySqlConnection> {
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(port);
        let options = options.username(ADMINISTRATOR).password(&self.password);
        MySqlConnection::connect_with(&options.ssl_mode(MySqlSslMode::Disabled)).await
    }

    fn mariadbd(&self, directory: &Path) -> Command {
        let mut command = self.program();
        // It refuses to be root unless it is told so.
        if rustix::process::geteuid().is_root() {
            command.arg("--user=root");
        }
        let share = self.share().display().to_string();
        command
            .args([format!("--lc-messages-dir={share}"), format!("--character-sets-dir={share}/charsets")]);
        command.arg(format!("--datadir={}", directory.join(DATA).display()));
        // A server that starts removes the temporary tables of others in a folder that they share.
        command.arg(format!("--tmpdir={}", directory.join(TEMPORARY).display()));
        command.args(["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M"]);
        // Nothing waits for the disk: what was written outlives a crash of the server, which is all that happens here. And
        // the kernel writes nothing for a server that stands still.
        command.args(["--innodb-flush-method=nosync", "--innodb-use-native-aio=OFF"]);
        command
    }

    fn program(&self) -> Command {
        // Killed, as a server that stands still hears nothing else.
        let mut command = Privileges::Plain.command(&self.usr.join("sbin/mariadbd"), "KILL");
        command.arg("--no-defaults");
        if self.usr != Path::new("/usr") {
            command.env("LD_LIBRARY_PATH", process::libraries(&self.usr));
        }
        command
    }

    fn share(&self) -> PathBuf {
        self.usr.join("share/mysql")
    }
}

/// Copies the data of a server that stands still. A server on the copy recovers as after a crash, as on RDS: its DB snapshot
/// is a snapshot of the storage volume.
pub(super) async fn copy(directory: &Path, backup: &Path) -> anyhow::Result<()> {
    tokio::fs::create_dir_all(backup).await?;
    let mut tar = Command::new("tar");
    // The temporary tables are made anew by each server.
    tar.args(["--create", "--sparse", "--exclude=./ibtmp1", "--file"]).arg(backup.join(BACKUP));
    run(tar.arg("--directory").arg(directory.join(DATA)).arg(".")).await.context("cannot copy the data")
}

async fn make_folders(directory: &Path) -> std::io::Result<()> {
    for folder in [DATA, TEMPORARY] {
        tokio::fs::create_dir_all(directory.join(folder)).await?;
    }
    tokio::fs::set_permissions(directory, Permissions::from_mode(0o700)).await
}

/// `10.11.19` of `mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)`.
fn version(text: &str) -> Option<&str> {
    text.split_once("Ver ")?.1.split_once("-MariaDB").map(|(version, _)| version)
}

/// Runs a statement that takes no bind parameters. The server itself quotes the values, which are text.
async fn execute(connection: &mut MySqlConnection, statement: &str, values: &[&str]) -> anyhow::Result<()> {
    let mut parts = statement.split('?');
    let mut quoted = parts.next().unwrap_or_default().to_owned();
    for (value, part) in values.iter().zip(parts) {
        let value: String =
            sqlx::query_scalar("SELECT QUOTE(?)").bind(value).fetch_one(&mut *connection).await?;
        quoted.push_str(&value);
        quoted.push_str(part);
    }
    sqlx::raw_sql(AssertSqlSafe(quoted)).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_of_mariadb_is_one() {
        let debian = "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)";
        assert_eq!(version(debian), Some("10.11.19"));
        assert_eq!(version("mysqld  Ver 8.0.45 for Linux on x86_64 (MySQL Community Server - GPL)"), None);
    }
}
