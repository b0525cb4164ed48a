//! What stands before a server: a gate, and TLS for a PostgreSQL server that was built without it. RDS offers TLS, so must
//! this. A MariaDB server speaks TLS itself, within its own protocol, so its connections are passed through.
//!
//! A client that asks for TLS gets it; any other client is passed through. The certificates are issued by an authority
//! that lives as long as this process. `SSL_CERT_FILE` tells clients where the authority's own certificate is.

use std::{
    fmt, io,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::process::Connection;

/// The first eight bytes of a client that asks for encryption.
/// Source: PostgreSQL, "Message Formats", SSLRequest and GSSENCRequest.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSSENC_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// A certificate authority, and a server's certificate of it for this machine.
#[derive(Clone)]
pub struct Authority {
    pem: String,
    server_pem: String,
    server_key_pem: String,
    server: Arc<ServerConfig>,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

impl Authority {
    /// A new one, with keys that nobody else has.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Local AWS Root CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let names = ["127.0.0.1", "localhost"].map(str::to_owned);
        let (server_pem, server_key_pem, server) = certify(&issuer, names)?;
        Ok(Self { pem: root.pem(), server_pem, server_key_pem, server, issuer: Arc::new(issuer) })
    }

    /// A server with a certificate for one name.
    pub fn server_of(&self, name: &str) -> anyhow::Result<Arc<ServerConfig>> {
        Ok(certify(&self.issuer, [name.to_owned()])?.2)
    }

    /// Writes its own certificate, for clients that trust it.
    pub async fn write(&self, file: &Path) -> anyhow::Result<()> {
        tokio::fs::write(file, &self.pem).await.with_context(|| format!("cannot write {}", file.display()))
    }

    /// The server's certificate and key, for a server that speaks TLS itself.
    pub fn server_pems(&self) -> (&str, &str) {
        (&self.server_pem, &self.server_key_pem)
    }
}

/// A server's certificate for these names, its key, and both together.
fn certify(
    issuer: &Issuer<'static, KeyPair>,
    names: impl Into<Vec<String>>,
) -> anyhow::Result<(String, String, Arc<ServerConfig>)> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, issuer)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], der)?;
    Ok((certificate.pem(), key.serialize_pem(), Arc::new(config)))
}

type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Decides, by a client's connection to a front, whether the client gets an answer.
#[derive(Clone)]
pub struct Gate(Arc<dyn Fn(Connection) -> Answer + Send + Sync>);

impl Gate {
    /// Asks `lets_in`.
    pub fn new<F: Future<Output = bool> + Send + 'static>(
        lets_in: impl Fn(Connection) -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |connection| Box::pin(lets_in(connection))))
    }

    /// Lets everybody in.
    pub fn open() -> Self {
        Self::new(|_| std::future::ready(true))
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Gate")
    }
}

/// A port that leads to another one. Dropping it closes the port; connections end with the server.
#[derive(Debug)]
pub struct Front {
    port: u16,
    server: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Front {
    /// Listens on `preferred` when that port is free, else on any. It offers PostgreSQL's TLS by a certificate of
    /// `authority`; without one it passes on whatever is said.
    pub async fn open(
        authority: Option<&Authority>,
        server: u16,
        preferred: Option<u16>,
        gate: &Gate,
    ) -> io::Result<Self> {
        let listener = match preferred {
            Some(port) => match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => listener,
                Err(_) => TcpListener::bind(("127.0.0.1", 0)).await?,
            },
            None => TcpListener::bind(("127.0.0.1", 0)).await?,
        };
        let port = listener.local_addr()?.port();
        let acceptor = authority.map(|it| TlsAcceptor::from(Arc::clone(&it.server)));
        let server = Arc::new(AtomicU16::new(server));
        let (leads_to, gate) = (Arc::clone(&server), gate.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that is gone already has no end any more.
                let Ok(connection) = Connection::of(&client) else { continue };
                let acceptor = acceptor.clone();
                let server = leads_to.load(Ordering::Relaxed);
                let lets_in = gate.0(connection);
                tokio::spawn(async move {
                    // An error means that one side ended the connection early.
                    let _ = match lets_in.await {
                        true => match acceptor {
                            Some(acceptor) => carry(client, server, acceptor).await,
                            None => pass_on(client, server).await,
                        },
                        false => ignore(client).await,
                    };
                });
            }
        });
        Ok(Self { port, server, task })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads to this port from the next connection on.
    pub fn lead_to(&self, server: u16) {
        self.server.store(server, Ordering::Relaxed);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers nothing, however long the client waits: AWS's network drops what it does not let through.
async fn ignore(mut client: TcpStream) -> io::Result<()> {
    let mut heard = [0; 1024];
    while client.read(&mut heard).await? > 0 {}
    Ok(())
}

async fn pass_on(mut client: TcpStream, server: u16) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn carry(mut client: TcpStream, server: u16, acceptor: TlsAcceptor) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut first = [0; 8];
    client.read_exact(&mut first).await?;
    while first == GSSENC_REQUEST {
        client.write_all(b"N").await?;
        client.read_exact(&mut first).await?;
    }
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    server.set_nodelay(true)?;
    if first == SSL_REQUEST {
        client.write_all(b"S").await?;
        let mut client = acceptor.accept(client).await?;
        copy_bidirectional(&mut client, &mut server).await?;
    } else {
        server.write_all(&first).await?;
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use tokio_rustls::{
        TlsConnector,
        rustls::{
            ClientConfig, RootCertStore,
            pki_types::{CertificateDer, ServerName, pem::PemObject},
        },
    };

    // Rule of AWS: the network drops what it does not let through, so that a client waits in vain.
    #[tokio::test]
    async fn a_client_whom_the_gate_does_not_let_in_gets_no_answer() {
        let authority = Authority::new().unwrap();
        let gate = Gate::new(|_| std::future::ready(false));
        let front = Front::open(Some(&authority), 1, None, &gate).await.unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", front.port())).await.unwrap();
        client.write_all(&SSL_REQUEST).await.unwrap();
        let mut answer = [0];
        let answered = tokio::time::timeout(Duration::from_millis(200), client.read(&mut answer)).await;
        assert!(answered.is_err(), "{answered:?}");
    }

    // Rule of AWS: a DB instance offers TLS by a certificate that an authority vouches for.
    #[tokio::test]
    async fn who_asks_for_tls_gets_it_and_who_does_not_is_passed_through() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = server.accept().await {
                let mut said = [0; 12];
                client.read_exact(&mut said).await.unwrap();
                client.write_all(&said).await.unwrap();
            }
        });
        let authority = Authority::new().unwrap();
        let front = Front::open(Some(&authority), port, None, &Gate::open()).await.unwrap();
        let mut heard = [0; 12];

        let mut plain = TcpStream::connect(("127.0.0.1", front.port())).await.unwrap();
        plain.write_all(b"hello server").await.unwrap();
        plain.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello server");

        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let mut client = TcpStream::connect(("127.0.0.1", front.port())).await.unwrap();
        let mut answer = [0];
        for (asked, expected) in [(GSSENC_REQUEST, b"N"), (SSL_REQUEST, b"S")] {
            client.write_all(&asked).await.unwrap();
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, expected);
        }
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut client = TlsConnector::from(Arc::new(config)).connect(name, client).await.unwrap();
        client.write_all(b"hello in TLS").await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello in TLS");
    }
}
