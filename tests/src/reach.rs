//! How this process reaches DB instances: by their names, as applications do. Its own resolver knows none of them, so the
//! local AWS says where each leads.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where a name leads outside every VPC. A host that is an address leads there.
pub async fn address_of(local_aws: &str, host: &str) -> Result<Ipv4Addr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let answer = reqwest::get(format!("{local_aws}/_local-aws/names/address?name={host}")).await?;
    let answer: Value =
        answer.error_for_status().with_context(|| format!("{host} leads nowhere"))?.json().await?;
    let address = answer["address"].as_str().and_then(|it| it.parse().ok());
    address.with_context(|| format!("{host} leads to no address: {answer}"))
}

/// Logs in over TLS, which must show a certificate of the local AWS for the host.
///
/// sqlx goes through a socket of our own: it neither resolves the name here, nor is it built with TLS here.
pub async fn connect(local_aws: &str, options: PgConnectOptions) -> Result<PgConnection> {
    let host = options.get_host().to_owned();
    connect_at(local_aws, options, &host).await
}

/// The same, but connected to another name at the same port.
pub async fn connect_at(local_aws: &str, options: PgConnectOptions, name: &str) -> Result<PgConnection> {
    let (host, port) = (options.get_host().to_owned(), options.get_port());
    let address = address_of(local_aws, name).await?;
    let authority = reqwest::get(format!("{local_aws}/_local-aws/authority")).await?;
    let authority = authority.error_for_status()?.bytes().await?;
    let mut server = over_tls((address, port), &host, &authority).await?;

    let folder = tempfile::tempdir()?;
    let listener = UnixListener::bind(folder.path().join(format!(".s.PGSQL.{port}")))?;
    let passing = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await?;
        copy_bidirectional(&mut client, &mut server).await
    });
    let options = options.socket(folder.path()).ssl_mode(PgSslMode::Disable);
    let connected = PgConnection::connect_with(&options).await;
    if connected.is_err() {
        passing.abort();
    }
    Ok(connected?)
}

/// Source: PostgreSQL, "Message Formats", SSLRequest.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

async fn over_tls(address: (Ipv4Addr, u16), host: &str, authority: &[u8]) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority)?)?;
    let config = ClientConfig::builder_with_provider(ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let mut server = TcpStream::connect(address).await?;
    server.set_nodelay(true)?;
    server.write_all(&SSL_REQUEST).await?;
    ensure!(server.read_u8().await? == b'S', "{host} offers no TLS");
    let name = ServerName::try_from(host.to_owned())?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, server).await?)
}
