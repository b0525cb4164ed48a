//! What stands before a server: a gate, and TLS for a PostgreSQL server that was built without it. RDS offers TLS, so must
//! this. A MariaDB server speaks TLS itself, within its own protocol, so its connections are passed through.
//!
//! A client that asks for TLS gets it; any other client is passed through. The certificates are issued by an authority
//! that lives as long as this process. `SSL_CERT_FILE` tells clients where the authority's own certificate is.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
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

use crate::{lock, process::Connection};

/// The first eight bytes of a client that asks for encryption.
/// Source: PostgreSQL, "Message Formats", SSLRequest and GSSENCRequest.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSSENC_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// A certificate authority.
#[derive(Clone)]
pub struct Authority {
    pem: String,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

/// A server's certificate, with its key.
#[derive(Clone)]
pub struct Certificate {
    pem: String,
    key_pem: String,
    config: Arc<ServerConfig>,
}

impl Authority {
    /// A new one, with keys that nobody else has.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Local AWS Root CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Arc::new(Issuer::new(params, key)) })
    }

    /// Issues a certificate for these names or addresses.
    pub fn issue(&self, hosts: &[&str]) -> anyhow::Result<Certificate> {
        let key = KeyPair::generate()?;
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let issued = CertificateParams::new(hosts)?.signed_by(&key, &self.issuer)?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![issued.der().clone()], der)?;
        Ok(Certificate { pem: issued.pem(), key_pem: key.serialize_pem(), config: Arc::new(config) })
    }

    /// A server with a certificate for one name.
    pub fn server_of(&self, name: &str) -> anyhow::Result<Arc<ServerConfig>> {
        Ok(self.issue(&[name])?.config)
    }

    /// Its own certificate, for clients that trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes its own certificate, for clients that trust it.
    pub async fn write(&self, file: &Path) -> anyhow::Result<()> {
        tokio::fs::write(file, &self.pem).await.with_context(|| format!("cannot write {}", file.display()))
    }
}

impl Certificate {
    /// The certificate and its key, for a server that speaks TLS itself.
    pub fn pems(&self) -> (&str, &str) {
        (&self.pem, &self.key_pem)
    }
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

/// An address that leads to a server's port. Dropping it closes the address; connections end with the server.
pub struct Front {
    behind: Arc<Behind>,
    listening: Mutex<Listening>,
}

struct Behind {
    /// The server's port on 127.0.0.1.
    server: AtomicU16,
    certificate: Mutex<Certificate>,
    offers_tls: bool,
    gate: Gate,
    /// Tells connections to end.
    ends: watch::Sender<()>,
}

struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Front {
    /// Leads to the server's port. With `offers_tls` it speaks PostgreSQL's TLS by this certificate; else it passes on
    /// what is said, to a server that has the certificate itself.
    pub fn open(
        listener: TcpListener,
        server: u16,
        certificate: Certificate,
        offers_tls: bool,
        gate: &Gate,
    ) -> io::Result<Self> {
        let (server, certificate) = (AtomicU16::new(server), Mutex::new(certificate));
        let (gate, ends) = (gate.clone(), watch::Sender::default());
        let behind = Arc::new(Behind { server, certificate, offers_tls, gate, ends });
        Ok(Self { listening: Mutex::new(Listening::at(listener, &behind)?), behind })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        lock(&self.listening).address
    }

    /// Is there from now on, and no more where it was.
    pub fn move_to(&self, listener: TcpListener) -> io::Result<()> {
        let moved = Listening::at(listener, &self.behind)?;
        *lock(&self.listening) = moved;
        Ok(())
    }

    /// Ends every connection.
    pub fn end_connections(&self) {
        self.behind.ends.send_replace(());
    }

    /// The server's port on 127.0.0.1, without a gate and without TLS.
    pub fn server(&self) -> u16 {
        self.behind.server.load(Ordering::Relaxed)
    }

    /// Leads to this port from the next connection on.
    pub fn lead_to(&self, server: u16) {
        self.behind.server.store(server, Ordering::Relaxed);
    }

    /// The certificate that it shows, or that the server shows.
    pub fn certificate(&self) -> Certificate {
        lock(&self.behind.certificate).clone()
    }

    /// Shows this certificate from the next connection on.
    pub fn show(&self, certificate: Certificate) {
        *lock(&self.behind.certificate) = certificate;
    }
}

impl Listening {
    fn at(listener: TcpListener, behind: &Arc<Behind>) -> io::Result<Self> {
        let (address, behind) = (listener.local_addr()?, Arc::clone(behind));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that is gone already has no end any more.
                let Ok(connection) = Connection::of(&client) else { continue };
                let (behind, lets_in) = (Arc::clone(&behind), behind.gate.0(connection));
                let mut ends = behind.ends.subscribe();
                tokio::spawn(async move {
                    let led = async {
                        match lets_in.await {
                            true => behind.lead(client).await,
                            false => ignore(client).await,
                        }
                    };
                    // An error means that one side ended the connection early.
                    tokio::select! {
                        _ = led => {}
                        _ = ends.changed() => {}
                    }
                });
            }
        });
        Ok(Self { address, task })
    }
}

impl Behind {
    async fn lead(&self, client: TcpStream) -> io::Result<()> {
        let server = self.server.load(Ordering::Relaxed);
        if !self.offers_tls {
            return pass_on(client, server).await;
        }
        let config = Arc::clone(&lock(&self.certificate).config);
        carry(client, server, TlsAcceptor::from(config)).await
    }
}

impl Drop for Listening {
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

/// The server sees the client's own address: MariaDB blocks an address after too many interrupted handshakes.
async fn pass_on(mut client: TcpStream, server: u16) -> io::Result<()> {
    client.set_nodelay(true)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind((client.peer_addr()?.ip(), 0).into())?;
    let mut server = socket.connect((Ipv4Addr::LOCALHOST, server).into()).await?;
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

    async fn front(authority: &Authority, server: u16, gate: &Gate) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Front::open(listener, server, authority.issue(&["orders.rds"]).unwrap(), true, gate).unwrap()
    }

    // Rule of AWS: the network drops what it does not let through, so that a client waits in vain.
    #[tokio::test]
    async fn a_client_whom_the_gate_does_not_let_in_gets_no_answer() {
        let authority = Authority::new().unwrap();
        let gate = Gate::new(|_| std::future::ready(false));
        let front = front(&authority, 1, &gate).await;
        let mut client = TcpStream::connect(front.address()).await.unwrap();
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
        let front = front(&authority, port, &Gate::open()).await;
        let mut heard = [0; 12];

        let mut plain = TcpStream::connect(front.address()).await.unwrap();
        plain.write_all(b"hello server").await.unwrap();
        plain.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello server");

        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let mut client = TcpStream::connect(front.address()).await.unwrap();
        let mut answer = [0];
        for (asked, expected) in [(GSSENC_REQUEST, b"N"), (SSL_REQUEST, b"S")] {
            client.write_all(&asked).await.unwrap();
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, expected);
        }
        let name = ServerName::try_from("orders.rds").unwrap();
        let mut client = TlsConnector::from(Arc::new(config)).connect(name, client).await.unwrap();
        client.write_all(b"hello in TLS").await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello in TLS");
    }
}
