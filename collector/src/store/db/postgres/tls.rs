//! TLS to a server: whom to trust, and what it means when that fails.
//!
//! A certificate is always verified, chain and name: encryption to whoever answers would protect from nobody.

use super::address::BadUrl;
use crate::store::TlsFault;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::error::Error;
use std::io;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Makes encrypted connections.
pub(super) type Tls = MakeRustlsConnect;

/// Trusts the authorities in a file (PEM), or those that the operating system does.
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

/// Why there is no encrypted connection, if that is what failed.
pub(super) fn fault(error: &tokio_postgres::Error) -> Option<TlsFault> {
    if !error.to_string().starts_with("error performing TLS handshake") {
        return None;
    }
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let cause = cause.map(|cause| cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()));
    Some(match cause {
        // The driver alone speaks: the server has said no before the handshake.
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
