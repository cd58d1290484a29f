//! Errors in the address of a server.

use std::fmt;

/// An error in an address. Its text quotes nothing of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadUrl {
    /// The address cannot be parsed.
    Syntax,
    /// The mode of TLS may send data unencrypted.
    SslMode,
    /// The address has no host.
    Host,
    /// The certificates that this machine trusts cannot be read.
    Trust,
    /// The certificates of the given file cannot be read.
    RootCert,
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "it is no address as postgres://USER@HOST:5432/DATABASE?sslmode=verify-full",
            Self::SslMode => {
                "`sslmode` must be verify-full, require or disable; the others may send everything in the clear"
            }
            Self::Host => "it names no host",
            Self::Trust => "the certificates that this machine trusts cannot be read; name a file with `sslrootcert`",
            Self::RootCert => "the file that `sslrootcert` names cannot be read, or holds no certificate (PEM)",
        })
    }
}

impl std::error::Error for BadUrl {}
