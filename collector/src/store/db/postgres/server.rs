//! Where the server is, how it is reached, and when it is tried again.
//!
//! The address holds a password, so it is kept in a type that shows none, and what is wrong with an address is said in
//! words of this house: the parser's own quote it.

use super::error::fault;
use crate::clock::Stopwatch;
use crate::store::StoreError;
use rustls_platform_verifier::BuilderVerifierExt;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Longest wait for a connection that can be used: an answer is due within a second.
const CONNECT: Duration = Duration::from_millis(500);
/// First pause after a failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What every session is told: a commit is on disk when it returns, and a collector that is gone holds no lock for long.
const SESSION: &str = "SELECT set_config('synchronous_commit', 'on', false)
      WHERE current_setting('synchronous_commit') IN ('off', 'local');
    SELECT set_config(name, value, false) FROM (VALUES ('client_connection_check_interval', '1s'),
        ('idle_in_transaction_session_timeout', '10s'), ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'),
        ('tcp_keepalives_count', '3'), ('timezone', 'UTC'), ('client_min_messages', 'error')) AS wanted (name, value)
      WHERE EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = wanted.name)";

/// Why an address cannot be used. It quotes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadUrl {
    /// It cannot be read.
    Syntax,
    /// A mode of TLS that promises nothing.
    SslMode,
    /// No host.
    Host,
    /// The certificates that this machine trusts cannot be read.
    Trust,
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "it is no address as postgres://USER@HOST:5432/DATABASE?sslmode=verify-full",
            Self::SslMode => {
                "`sslmode` must be verify-full, require or disable; the others may send everything in the clear"
            }
            Self::Host => "it names no host",
            Self::Trust => "the certificates that this machine trusts cannot be read",
        })
    }
}

impl std::error::Error for BadUrl {}

/// A server, and whether it could be reached lately; clones share that.
#[derive(Clone)]
pub struct Server(Arc<Reached>);

struct Reached {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    pause: Mutex<Option<Pause>>,
}

struct Pause {
    since: Stopwatch,
    length: Duration,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.0.config;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        write!(f, "PostgreSQL at {hosts}, database {}", config.get_dbname().or(config.get_user()).unwrap_or("?"))
    }
}

impl FromStr for Server {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        let (url, mode) = ssl_mode(url)?;
        let mut config: Config = url.parse().map_err(|_| BadUrl::Syntax)?;
        if config.get_hosts().is_empty() {
            return Err(BadUrl::Host);
        }
        let encrypted = mode.unwrap_or_else(|| !config.get_hosts().iter().all(is_here));
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        config
            .application_name("headgate-collector")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(Duration::from_secs(10));
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        let tls = if encrypted { Some(tls()?) } else { None };
        Ok(Self(Arc::new(Reached { config, tls, pause: Mutex::default() })))
    }
}

/// Takes `sslmode` out: whether to encrypt, if it says. Encrypted is always verified, so `require` is `verify-full`.
fn ssl_mode(url: &str) -> Result<(String, Option<bool>), BadUrl> {
    let Some((place, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), None));
    };
    let mut mode = None;
    let mut others = Vec::new();
    for part in query.split('&') {
        match part.strip_prefix("sslmode=") {
            Some("require" | "verify-ca" | "verify-full") => mode = Some(true),
            Some("disable") => mode = Some(false),
            Some(_) => return Err(BadUrl::SslMode),
            None => others.push(part),
        }
    }
    Ok((format!("{place}?{}", others.join("&")), mode))
}

/// What never leaves this machine needs no TLS.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        Host::Unix(_) => true,
    }
}

fn tls() -> Result<MakeRustlsConnect, BadUrl> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|_| BadUrl::Trust)?;
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

impl Server {
    /// Whether a password stands in the address.
    #[must_use]
    pub fn has_password(url: &str) -> bool {
        url.parse::<Config>().is_ok_and(|config| config.get_password().is_some())
    }

    /// A session. After a failure the server is left alone for a moment; who asks meanwhile hears so at once.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        if self.pause().as_ref().is_some_and(|pause| pause.since.elapsed() < pause.length) {
            return Err(StoreError::Unreachable);
        }
        let session = async {
            let client = self.log_in().await?;
            client.batch_execute(SESSION).await?;
            Ok(client)
        };
        let outcome = match tokio::time::timeout(CONNECT, session).await {
            Ok(outcome) => outcome.map_err(|error: tokio_postgres::Error| fault(&error)),
            Err(_) => Err(StoreError::Unreachable),
        };
        self.note(outcome.is_ok());
        outcome
    }

    /// Whether it lets anybody in, or says why not.
    pub(super) async fn answers(&self) -> bool {
        match tokio::time::timeout(CONNECT, self.log_in()).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => error.as_db_error().is_some(),
            Err(_) => false,
        }
    }

    /// Notes that a session fell silent or broke.
    pub(super) fn note(&self, reached: bool) {
        let mut pause = self.pause();
        let longer = pause.as_ref().map_or(FIRST_PAUSE, |pause| pause.length.saturating_mul(2).min(LAST_PAUSE));
        *pause = (!reached).then(|| Pause { since: Stopwatch::start(), length: longer });
    }

    async fn log_in(&self) -> Result<Client, tokio_postgres::Error> {
        match &self.0.tls {
            Some(tls) => {
                let (client, connection) = self.0.config.connect(tls.clone()).await?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection): (_, tokio_postgres::Connection<Socket, NoTlsStream>) =
                    self.0.config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.0.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{BadUrl, Server, SslMode};

    fn server(url: &str) -> Server {
        url.parse().unwrap()
    }

    #[test]
    fn what_is_shown_of_an_address_holds_no_password() {
        let server = server("postgres://me:s3cret@db.example:5433/logs?sslmode=disable");
        assert_eq!(server.to_string(), "PostgreSQL at db.example, database logs");
        assert!(!format!("{server:?}").contains("s3cret"));
        assert!(Server::has_password("postgres://me:s3cret@h/d") && !Server::has_password("postgres://me@h/d"));
    }

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_told_otherwise() {
        let mode = |url: &str| server(url).0.config.get_ssl_mode();
        assert_eq!(mode("postgres://me@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres://me@db.example/d"), SslMode::Require);
        assert_eq!(mode("postgres://me@db.example/d?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://me@localhost/d?sslmode=verify-full"), SslMode::Require);
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_without_being_quoted() {
        let bad = |url: &str| url.parse::<Server>().unwrap_err();
        assert_eq!(bad("postgres://me:s3cret@h/d?sslmode=prefer"), BadUrl::SslMode);
        assert_eq!(bad("postgres://me:s3cret@h/d?s3cret=x"), BadUrl::Syntax);
        assert_eq!(bad("postgres:///d"), BadUrl::Host);
    }
}
