//! TLS to a server: the trusted authorities, and the reasons for failures.
//!
//! The chain and the name of a certificate are always verified, because encryption without them does not protect from an
//! active attacker.

use super::bad_url::BadUrl;
use crate::store_error::TlsFault;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::error::Error;
use std::io;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connector for encrypted connections.
pub(super) type Tls = MakeRustlsConnect;

/// Returns a connector that trusts the authorities in a file (PEM), or else those of the operating system.
pub(super) fn trusting(file: Option<&str>) -> Result<Tls, BadUrl> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| BadUrl::Trust)?;
    let config = match file {
        Some(file) => config.with_root_certificates(roots(file).ok_or(BadUrl::RootCert)?),
        None => config.with_platform_verifier().map_err(|_| BadUrl::Trust)?,
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn roots(file: &str) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).ok()? {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

/// Returns the reason for a failure of TLS, if the error is one.
pub(super) fn fault(error: &tokio_postgres::Error) -> Option<TlsFault> {
    if !error.to_string().starts_with("error performing TLS handshake") {
        return None;
    }
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let cause = cause.map(|cause| cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()));
    Some(match cause {
        // The error is the driver's own: the server refused TLS before the handshake.
        None => TlsFault::Missing,
        Some(Some(rustls::Error::InvalidCertificate(why))) => of_certificate(why),
        Some(_) => TlsFault::Other,
    })
}

const fn of_certificate(why: &CertificateError) -> TlsFault {
    match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::Name,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsFault::Time,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::Issuer,
        _ => TlsFault::Other,
    }
}
