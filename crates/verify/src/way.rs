//! A way to a database that is not the secret's own: through a load balancer, say.
//!
//! A certificate names the database, and the way leads elsewhere, so whom we connect to and whom the certificate must
//! name are two things. sqlx takes one host for both, unless it connects to a Unix socket: then the host is only the
//! name. So we make such a socket in a folder of our own, and carry what is said there to the way's address.

use crate::session::CONNECT_SECONDS;
use crate::trouble::Trouble;
use replication::PathTls;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A way that is open: one connection may take it.
pub(crate) struct Way {
    /// `address:port`, in words.
    pub(crate) place: String,
    /// The name that the certificate must hold.
    tls_name: String,
    tls: PathTls,
    port: u16,
    folder: TempDir,
    carrying: JoinHandle<()>,
}

impl Way {
    /// Connects to the address, before anybody takes the way.
    pub(crate) async fn open(
        address: &str,
        port: u16,
        tls_name: &str,
        tls: PathTls,
    ) -> Result<Self, Trouble> {
        let place = format!("{address}:{port}");
        let mut there = connect(address, port).await?;
        let made = tempfile::tempdir().and_then(|folder| {
            let listener = UnixListener::bind(folder.path().join(socket_name(port)))?;
            Ok((folder, listener))
        });
        let (folder, listener) = made.map_err(|error| {
            Trouble::NotReachable(format!("cannot make a socket in the temporary folder: {error}"))
        })?;
        let carrying = tokio::spawn(async move {
            if let Ok((mut here, _)) = listener.accept().await {
                // An error means that one side ended the connection early, which the login itself tells.
                let _ = copy_bidirectional(&mut here, &mut there).await;
            }
        });
        Ok(Self { place, tls_name: tls_name.to_owned(), tls, port, folder, carrying })
    }

    /// The same login by this way.
    pub(crate) fn postgres(&self, options: PgConnectOptions) -> PgConnectOptions {
        let options = options.host(&self.tls_name).port(self.port).socket(self.folder.path());
        options.ssl_mode(match self.tls {
            PathTls::VerifyFull => PgSslMode::VerifyFull,
            PathTls::VerifyCa => PgSslMode::VerifyCa,
        })
    }

    /// The same login by this way.
    pub(crate) fn mysql(&self, options: MySqlConnectOptions) -> MySqlConnectOptions {
        let options = options.host(&self.tls_name).socket(self.folder.path().join(socket_name(self.port)));
        options.ssl_mode(match self.tls {
            PathTls::VerifyFull => MySqlSslMode::VerifyIdentity,
            PathTls::VerifyCa => MySqlSslMode::VerifyCa,
        })
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

/// A TCP connection, or why there is none.
pub(crate) async fn connect(address: &str, port: u16) -> Result<TcpStream, Trouble> {
    let limit = Duration::from_secs(CONNECT_SECONDS);
    let place = format!("{address}:{port}");
    match timeout(limit, TcpStream::connect((address, port))).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Trouble::NotReachable(format!("{place} cannot be reached: {error}"))),
        Err(_) => Err(Trouble::NotReachable(format!("{place} does not answer within {CONNECT_SECONDS} s"))),
    }
}

/// The name that PostgreSQL's clients look for in the socket's folder.
/// Source: PostgreSQL, "Connections and Authentication", `unix_socket_directories`.
fn socket_name(port: u16) -> String {
    format!(".s.PGSQL.{port}")
}
