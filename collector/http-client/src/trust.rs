//! The authorities whose certificates are accepted.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::path::Path;
use std::sync::Arc;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The most certificates of a file.
const MAX_CERTIFICATES: usize = 1_000;

/// The authorities in a file, or those of the operating system.
#[derive(Debug, Clone, Default)]
pub struct Trust(Option<Arc<Vec<CertificateDer<'static>>>>);

impl Trust {
    /// Reads the certificates in a file (PEM); without a file, the operating system's are trusted.
    ///
    /// # Errors
    /// The file has no certificate, or cannot be read. The message names it.
    pub fn of(file: Option<&Path>) -> Result<Self, String> {
        let Some(file) = file else { return Ok(Self::default()) };
        let shown = file.display();
        let read = CertificateDer::pem_file_iter(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let found: Vec<_> = read.take(MAX_CERTIFICATES).collect::<Result<_, _>>().map_err(|_| no_pem(file))?;
        if found.is_empty() {
            return Err(no_pem(file));
        }
        Ok(Self(Some(Arc::new(found))))
    }

    /// Returns the TLS settings of an HTTP client that trusts them.
    #[must_use]
    pub fn tls_config(&self) -> TlsConfig {
        let roots = match &self.0 {
            None => RootCerts::PlatformVerifier,
            Some(list) => {
                let list: Vec<_> = list.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
                RootCerts::new_with_certs(&list)
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build()
    }

    /// Returns the settings of a connection.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match &self.0 {
            None => config.with_platform_verifier()?,
            Some(list) => {
                let mut roots = RootCertStore::empty();
                for one in list.iter() {
                    roots.add(one.clone())?;
                }
                config.with_root_certificates(roots)
            }
        };
        Ok(config.with_no_client_auth())
    }
}

fn no_pem(file: &Path) -> String {
    format!("{} has no certificate; name a file with the certificate of an authority, in PEM", file.display())
}
