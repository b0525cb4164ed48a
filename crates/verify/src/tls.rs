//! Whom we trust: RDS's certificate authorities, and what the standard environment names.

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// What is said of a connection that was made.
pub(crate) const TRUSTED: &str = "certificate and host name verified";

/// For engines without a client: the same trust as sqlx's own, which adds these authorities to those of the platform,
/// or of `SSL_CERT_FILE` and `SSL_CERT_DIR` when they are set.
pub(crate) fn client_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(rds_authorities::PEM).flatten());
    let provider = rustls::crypto::ring::default_provider();
    let config =
        ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_of_the_bundle_is_read() {
        let written = String::from_utf8(rds_authorities::PEM.to_vec()).unwrap();
        let written = written.matches("-----BEGIN CERTIFICATE-----").count();
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(rds_authorities::PEM).map(Result::unwrap);
        let (read, ignored) = roots.add_parsable_certificates(certificates);
        assert_eq!((read, ignored), (written, 0));
        assert!(read >= 80, "{read}");
    }
}
