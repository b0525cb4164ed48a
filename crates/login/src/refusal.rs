//! What a failed login or statement says.

use sqlx::error::DatabaseError;
use std::error::Error;
use tokio_rustls::rustls;

/// What TLS says is wrong, when it is TLS that ended a connection.
pub fn tls_problem(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(it) = cause {
        if let Some(tls) = it.downcast_ref::<rustls::Error>() {
            return Some(tls.to_string());
        }
        // An `io::Error` does not count what it wraps as its source.
        let wrapped = it.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = wrapped.and_then(|it| it.downcast_ref::<rustls::Error>()) {
            return Some(tls.to_string());
        }
        cause = it.source();
    }
    None
}

/// Starting up, shutting down, too many connections, no resources: SQLSTATE classes 08, 53 and 57P.
pub fn may_pass(code: &str) -> bool {
    ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
}

/// The SQLSTATE; empty where there is none.
pub fn code(error: &dyn DatabaseError) -> String {
    error.code().unwrap_or_default().into_owned()
}

/// The code and the primary message. Details and hints are left out: they quote rows.
pub fn told(error: &dyn DatabaseError) -> String {
    match error.code() {
        Some(code) => format!("{code}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificates_problem_is_found_wherever_it_is_wrapped() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let io = std::io::Error::new(std::io::ErrorKind::InvalidData, tls);
        let sqlx = sqlx::Error::Io(io);
        assert_eq!(tls_problem(&sqlx).as_deref(), Some("invalid peer certificate: UnknownIssuer"));
        assert_eq!(tls_problem(&sqlx::Error::PoolClosed), None);
    }
}
