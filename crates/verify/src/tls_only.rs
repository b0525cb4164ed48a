//! Engines without a client: whether somebody answers at the endpoint, and by a certificate that is trusted.

use crate::session::CONNECT_SECONDS;
use crate::tls;
use crate::trouble::Trouble;
use crate::way::connect;
use replication::PathTls;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;

/// Whether TLS was spoken. An engine that begins TLS by words of its own, as SQL Server does, or offers it at another
/// port, as Oracle does, does not answer a handshake: then it is TCP alone that was proven.
pub(crate) async fn speaks_tls(
    address: &str,
    port: u16,
    tls_name: &str,
    tls: PathTls,
) -> Result<bool, Trouble> {
    let stream = connect(address, port).await?;
    if tls == PathTls::VerifyCa {
        // There is no client that checks the authority alone, so this proves no more than that somebody is there.
        return Ok(false);
    }
    let limit = Duration::from_secs(CONNECT_SECONDS);
    let not_trusted = |problem: String| Trouble::NotTrusted(problem);
    let config = tls::client_config().map_err(|error| not_trusted(error.to_string()))?;
    let name = ServerName::try_from(tls_name.to_owned()).map_err(|error| not_trusted(error.to_string()))?;
    match timeout(limit, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) => match error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => Err(not_trusted(error.to_string())),
            _ => Ok(false),
        },
        Err(_) => Ok(false),
    }
}
