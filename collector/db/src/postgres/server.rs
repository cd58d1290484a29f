//! A server: its address, how sessions are opened, and the pause after a failure.

use super::address::{self, Address};
use super::bad_url::BadUrl;
use super::error::store_error;
use super::passfile;
use super::tls::Tls;
use crate::store_error::{StoreError, TlsFault};
use headgate_collector_types::clock::Stopwatch;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

/// Longest wait for a usable connection, because an answer is due within a second.
const CONNECT: Duration = Duration::from_millis(500);
/// First pause after a failure; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Settings of every session. With them, a collector that has died does not hold a lock for long.
const SESSION: &str = "
    SELECT set_config(name, value, false) FROM (VALUES ('client_connection_check_interval', '1s'),
        ('idle_in_transaction_session_timeout', '10s'), ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'),
        ('tcp_keepalives_count', '3'), ('timezone', 'UTC'), ('client_min_messages', 'error')) AS wanted (name, value)
      WHERE EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = wanted.name)";

/// A server and its pause after failures. Clones share the pause.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
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
        Ok(Self(Arc::new(Shared { address: Address::read(url)?, pause: Mutex::default() })))
    }
}

impl Server {
    /// Returns whether an address holds a password.
    #[must_use]
    pub fn has_password(url: &str) -> bool {
        address::has_password(url)
    }

    /// Opens a session. After a failure there is a pause, during which each call fails at once.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        if self.pause().as_ref().is_some_and(|pause| pause.since.elapsed() < pause.length) {
            return Err(StoreError::Unreachable);
        }
        let session = async {
            let client = self.log_in().await?;
            client.batch_execute(SESSION).await.map_err(|error| store_error(&error))?;
            Ok(client)
        };
        let outcome = tokio::time::timeout(CONNECT, session).await.unwrap_or(Err(StoreError::Unreachable));
        self.note(outcome.is_ok());
        outcome
    }

    /// Returns whether the server answers, even with a refusal.
    pub(super) async fn answers(&self) -> bool {
        let outcome = tokio::time::timeout(CONNECT, self.log_in()).await.unwrap_or(Err(StoreError::Unreachable));
        outcome.err() != Some(StoreError::Unreachable)
    }

    /// Starts or lengthens the pause after a failure; ends it after a success.
    pub(super) fn note(&self, reached: bool) {
        let mut pause = self.pause();
        let longer = pause.as_ref().map_or(FIRST_PAUSE, |pause| pause.length.saturating_mul(2).min(LAST_PAUSE));
        *pause = (!reached).then(|| Pause { since: Stopwatch::start(), length: longer });
    }

    /// Connects to the first host that accepts. All hosts are tried at once, so that a silent one does not use up the time of
    /// its replacement. If all fail, the error of a host that answered is returned, if there is one.
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
        let (client, connection) = target.connect(NoTls).await.map_err(|error| match store_error(&error) {
            StoreError::Refused => StoreError::Tls(TlsFault::Off),
            other => other,
        })?;
        tokio::spawn(connection);
        return Ok(client);
    };
    let (client, connection) = target.connect(tls).await.map_err(|error| store_error(&error))?;
    tokio::spawn(connection);
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn shown_addresses_hold_no_password() {
        let server: Server = "postgres://me:s3cret@db.example:5433,two.example/logs?sslmode=disable".parse().unwrap();
        assert_eq!(server.to_string(), "PostgreSQL at db.example,two.example, database logs");
        assert!(!format!("{server:?}").contains("s3cret"));
    }
}
