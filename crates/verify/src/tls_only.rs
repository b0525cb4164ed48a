//! Engines without a client: whether somebody answers at the endpoint, and by a certificate that is trusted.

use crate::session::CONNECT_SECONDS;
use crate::tls;
use crate::trouble::Trouble;
use secret::Connection;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;

/// Whether TLS was spoken. An engine that begins TLS by words of its own, as SQL Server does, or offers it at another
/// port, as Oracle does, does not answer a handshake: then it is TCP alone that was proven.
pub(crate) async fn speaks_tls(login: &Connection) -> Result<bool, Trouble> {
    let place = format!("{}:{}", login.host, login.port);
    let limit = Duration::from_secs(CONNECT_SECONDS);
    let stream = match timeout(limit, TcpStream::connect((login.host.as_str(), login.port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Trouble::NotReachable(format!("{place} cannot be reached: {error}"))),
        Err(_) => {
            return Err(Trouble::NotReachable(format!("{place} does not answer within {CONNECT_SECONDS} s")));
        }
    };
    let not_trusted = |problem: String| Trouble::NotTrusted(problem);
    let config = tls::client_config().map_err(|error| not_trusted(error.to_string()))?;
    let name = ServerName::try_from(login.host.clone()).map_err(|error| not_trusted(error.to_string()))?;
    match timeout(limit, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) => match error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => Err(not_trusted(error.to_string())),
            _ => Ok(false),
        },
        Err(_) => Ok(false),
    }
}
