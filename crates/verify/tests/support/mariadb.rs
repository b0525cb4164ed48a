//! A real MariaDB with TLS, as the local AWS runs it: the master user has the rights that RDS gives.

use super::{MASTER, PASSWORD, World, folder_of};
use anyhow::Result;
use local_aws::servers::mariadb::MariaDb;
use local_aws::servers::programs::{Master, Programs};
use local_aws::servers::server::Door;
use local_aws::tls_front::Gate;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, Connection, raw_sql};
use std::net::Ipv4Addr;

/// The name that its certificate is for.
pub const HOST: &str = "localhost";

/// A running server with the database `shop`.
pub struct Server {
    pub port: u16,
    mariadb: MariaDb,
    _server: local_aws::servers::server::Server,
}

impl Server {
    /// `None`, and a word about it, on a machine that has no MariaDB.
    pub async fn start(world: &World) -> Result<Option<Self>> {
        let Some(usr) = folder_of("SNAPFERRY_MARIADB") else {
            println!("SKIPPED: this machine has no MariaDB");
            return Ok(None);
        };
        let mariadb = MariaDb::open(&usr, world.authority.clone()).await?;
        let programs = Programs::MariaDb(mariadb.clone());
        let directory = world.folder.path().join("mariadb");
        programs.initialise(&directory).await?;
        let door = Door { name: Some(HOST.to_owned()), address: Some(Ipv4Addr::LOCALHOST), port: 0 };
        let (server, endpoint) =
            local_aws::servers::server::Server::start(&programs, &directory, &door, &Gate::open()).await?;
        let master = Master { username: MASTER, password: PASSWORD, database: Some("shop") };
        server.create_master(&master).await?;
        let server = Self { port: endpoint.address.port(), mariadb, _server: server };
        server.administer(&format!("ALTER USER {MASTER} REQUIRE SSL")).await?;
        server.execute("CREATE TABLE orders (id int PRIMARY KEY, placed_at datetime, paid boolean, total decimal(12, 2)) ENGINE=InnoDB").await?;
        server.execute("INSERT INTO orders SELECT seq, UTC_TIMESTAMP() - INTERVAL seq MINUTE, true, seq FROM seq_1_to_12").await?;
        Ok(Some(server))
    }

    /// Runs statements as RDS's own user, who may do everything.
    pub async fn administer(&self, sql: &str) -> Result<()> {
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.mariadb.connect(self.port).await?).await?;
        Ok(())
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

    /// One text, as the master user sees it.
    pub async fn text(&self, sql: &str) -> Result<String> {
        let mut connection = self.connect(MASTER, PASSWORD).await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?)
    }

    /// One number, as the master user sees it.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        let mut connection = self.connect(MASTER, PASSWORD).await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?)
    }
}
