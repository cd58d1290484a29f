//! Shared parts of the measuring programs: the service on a temporary folder, or on the empty database that
//! HEADGATE_COLLECTOR_STORE names; its clients; and the statistics of times.

#[path = "../../tests/collector/client.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod client;

pub(crate) use client::Client;
use headgate_collector::checkpoints::Checkpoints;
use headgate_collector::jobs::Jobs;
use headgate_collector::log_key::LogKey;
use headgate_collector::signers::Signers;
use headgate_collector::witnesses::Witnesses;
use headgate_collector_api::{self as http, App, Metrics};
use headgate_collector_store::{Location, Store, hash_token};
use headgate_collector_tree::SigningKey;
use headgate_collector_types::Role;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The time between two checkpoints, as in service.
const CHECKPOINTS: Duration = Duration::from_secs(10);

/// The service, with its database in a temporary folder.
pub(crate) struct Service {
    _folder: TempDir,
    address: SocketAddr,
    _jobs: Jobs,
    _runtime: Runtime,
}

impl Service {
    pub(crate) fn start() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let runtime = Runtime::new()?;
        let (metrics, writes) = Metrics::new();
        let location = match std::env::var("HEADGATE_COLLECTOR_STORE") {
            Ok(url) => Location::Server(url.parse()?),
            Err(_) => Location::from(folder.path()),
        };
        let store = Store::open(location, writes, |data| headgate_collector_recovery::recover(data).map(drop))?;
        let tokens = [(hash_token("ingest"), Role::Ingest), (hash_token("owner"), Role::Owner)];
        let (retention, signing) = (metrics.retention.clone(), metrics.signing.clone());
        let key = SigningKey::new("measured", &[1; 32])?;
        let witnesses = Witnesses::new(&store, Vec::new(), &metrics.witnesses, CHECKPOINTS)?;
        let keys = Signers::from(LogKey::Own(key));
        let checkpoints = Checkpoints::new(&store, signing, Some(keys.into()), witnesses.clone(), CHECKPOINTS);
        let app = App::new(&store, metrics, &tokens);
        let jobs = {
            let _inside = runtime.enter();
            Jobs::start(&store, &app, retention, checkpoints, witnesses, None)
        };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        runtime.spawn(http::serve(listener, app, std::future::pending(), Duration::ZERO));
        Ok(Self { _folder: folder, address, _jobs: jobs, _runtime: runtime })
    }

    /// Returns a connection with the token of a role: `ingest` or `owner`.
    pub(crate) fn client(&self, role: &str) -> Outcome<Client> {
        Ok(Client::connect(self.address, role)?)
    }

    /// Returns a connection of a person, with the header of the session.
    #[allow(dead_code, reason = "only one of the programs reads pages")]
    pub(crate) fn signed_in(&self) -> Outcome<(Client, String)> {
        let mut client = Client::connect(self.address, "")?;
        let headers = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
        let reply = client.send_with("POST", "/auth/login", headers, b"token=owner")?;
        let set = reply.header("set-cookie").ok_or("the log-in was refused")?;
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        Ok((client, format!("cookie: {cookie}\r\n")))
    }

    /// Runs `work` on several threads, each with its number and a connection that may deliver; returns all times.
    pub(crate) fn in_parallel<F>(&self, threads: u64, work: F) -> Outcome<Vec<Duration>>
    where
        F: Fn(u64, &mut Client) -> Outcome<Vec<Duration>> + Sync,
    {
        thread::scope(|scope| {
            let one = |number| {
                let work = &work;
                scope.spawn(move || work(number, &mut self.client("ingest")?))
            };
            let all: Vec<_> = (0..threads).map(one).collect();
            let mut times = Vec::new();
            for one in all {
                times.extend(one.join().map_err(|_| "a sender failed")??);
            }
            Ok(times)
        })
    }

    /// Returns the size of the database in bytes, from the metrics.
    pub(crate) fn bytes(&self) -> Outcome<u64> {
        let metrics = self.client("owner")?.get("/metrics")?.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("headgate_collector_store_size_bytes "));
        Ok(line.ok_or("no size among the metrics")?.parse()?)
    }
}

/// Returns the percentile of `times`.
pub(crate) fn percentile(times: &mut [Duration], hundredths: usize) -> Duration {
    times.sort_unstable();
    times.get(times.len() * hundredths / 100).copied().unwrap_or_default()
}
