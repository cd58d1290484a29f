//! A server as it is reached, and when it is tried again.

use super::address::{self, Address, BadUrl};
use super::error::fault;
use super::passfile;
use super::tls::Tls;
use crate::clock::Stopwatch;
use crate::store::{StoreError, TlsFault};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

/// Longest wait for a connection that can be used: an answer is due within a second.
const CONNECT: Duration = Duration::from_millis(500);
/// First pause after a failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What every session is told: a collector that is gone holds no lock for long.
const SESSION: &str = "
    SELECT set_config(name, value, false) FROM (VALUES ('client_connection_check_interval', '1s'),
        ('idle_in_transaction_session_timeout', '10s'), ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'),
        ('tcp_keepalives_count', '3'), ('timezone', 'UTC'), ('client_min_messages', 'error')) AS wanted (name, value)
      WHERE EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = wanted.name)";

/// A server, and whether it could be reached lately; clones share that.
#[derive(Clone)]
pub struct Server(Arc<Reached>);

struct Reached {
    address: Address,
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
        let targets = &self.0.address.targets;
        let hosts = targets.iter().flat_map(Config::get_hosts).map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let database = targets.first().and_then(|one| one.get_dbname().or(one.get_user())).unwrap_or("?");
        write!(f, "PostgreSQL at {}, database {database}", hosts.collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Server {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        Ok(Self(Arc::new(Reached { address: Address::read(url)?, pause: Mutex::default() })))
    }
}

impl Server {
    /// Whether a password stands in the address.
    #[must_use]
    pub fn has_password(url: &str) -> bool {
        address::has_password(url)
    }

    /// A session. After a failure the server is left alone for a moment; who asks meanwhile hears so at once.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        if self.pause().as_ref().is_some_and(|pause| pause.since.elapsed() < pause.length) {
            return Err(StoreError::Unreachable);
        }
        let session = async {
            let client = self.log_in().await?;
            client.batch_execute(SESSION).await.map_err(|error| fault(&error))?;
            Ok(client)
        };
        let outcome = tokio::time::timeout(CONNECT, session).await.unwrap_or(Err(StoreError::Unreachable));
        self.note(outcome.is_ok());
        outcome
    }

    /// Whether it lets anybody in, or says why not.
    pub(super) async fn answers(&self) -> bool {
        let outcome = tokio::time::timeout(CONNECT, self.log_in()).await.unwrap_or(Err(StoreError::Unreachable));
        outcome.err() != Some(StoreError::Unreachable)
    }

    /// Notes that a session fell silent or broke.
    pub(super) fn note(&self, reached: bool) {
        let mut pause = self.pause();
        let longer = pause.as_ref().map_or(FIRST_PAUSE, |pause| pause.length.saturating_mul(2).min(LAST_PAUSE));
        *pause = (!reached).then(|| Pause { since: Stopwatch::start(), length: longer });
    }

    /// All hosts are tried at once: one that says nothing must not use up the time of the one that took its place. If none
    /// lets anybody in, one that said why not is heard.
    async fn log_in(&self) -> Result<Client, StoreError> {
        let Address { targets, tls } = &self.0.address;
        let mut tries: JoinSet<_> = targets.iter().map(|one| log_in(one.clone(), tls.clone())).collect();
        let mut why = StoreError::Unreachable;
        while let Some(outcome) = tries.join_next().await {
            match outcome {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) if why == StoreError::Unreachable => why = error,
                _ => {}
            }
        }
        Err(why)
    }

    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.0.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn log_in(mut target: Config, tls: Option<Tls>) -> Result<Client, StoreError> {
    if let Some(password) = passfile::password(&target).filter(|_| target.get_password().is_none()) {
        target.password(password);
    }
    let Some(tls) = tls else {
        let (client, connection) = target.connect(NoTls).await.map_err(|error| match fault(&error) {
            StoreError::Refused => StoreError::Tls(TlsFault::Off),
            other => other,
        })?;
        tokio::spawn(connection);
        return Ok(client);
    };
    let (client, connection) = target.connect(tls).await.map_err(|error| fault(&error))?;
    tokio::spawn(connection);
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn what_is_shown_of_an_address_holds_no_password() {
        let server: Server = "postgres://me:s3cret@db.example:5433,two.example/logs?sslmode=disable".parse().unwrap();
        assert_eq!(server.to_string(), "PostgreSQL at db.example,two.example, database logs");
        assert!(!format!("{server:?}").contains("s3cret"));
    }
}
