//! The certificate authorities of Amazon RDS, for whatever logs in to a database over TLS.

/// The certificates in PEM; the first lines say where they are from. Those of China, GovCloud and the newest Regions are
/// not among them: there a Lambda layer brings them, by `SSL_CERT_FILE`.
pub const PEM: &[u8] = include_bytes!("../certificates/rds-authorities.pem");
