//! Hands checkpoints to places outside: a bucket in which nobody can change them for a time, or an authority that stamps the time.
//!
//! Each has a task of its own for each log, so a slow one holds up nothing. What is in a bucket is read back in turn.

mod read_back;
mod rfc3161;

use headgate_collector_bucket::{Bucket, Object};
use headgate_collector_store::{
    self as store, AnchorHealth, AnchorKind, AnchorProof, LockedObject, Readers, SignedCheckpoint, Store, WriteHandle,
};
use headgate_collector_types::{Log, clock};
use headgate_http_client::Trust;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use ureq::Body;
use ureq::http::Response;

/// The longest time for a call.
const CALL_TIME: Duration = Duration::from_secs(20);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(60);
/// The pause while there is no checkpoint yet.
const LOOK: Duration = Duration::from_secs(5);
/// The longest name of a version and the longest tag that is kept, bytes.
const MAX_NAME: usize = 1_024;
/// The largest answer of an authority, bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// The settings of an anchor.
#[derive(Debug, Clone)]
pub(crate) struct AnchorSettings {
    /// Its name in the settings and in answers.
    pub(crate) name: String,
    /// The place.
    pub(crate) place: Place,
    /// The time between two checkpoints.
    pub(crate) every: Duration,
    /// The time between two looks at objects in a bucket.
    pub(crate) read_back: Duration,
    /// The authorities of its certificate; without it, those of the operating system.
    pub(crate) ca_file: Option<PathBuf>,
}

/// The place that holds checkpoints.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A bucket, and the days for which an object is locked.
    Bucket { bucket: Bucket, days: u16 },
    /// The address of an authority.
    Authority(String),
}

impl Place {
    const fn kind(&self) -> AnchorKind {
        match self {
            Self::Bucket { .. } => AnchorKind::ObjectLock,
            Self::Authority(_) => AnchorKind::Rfc3161,
        }
    }
}

/// The anchors.
#[derive(Debug)]
pub(crate) struct Anchors(Vec<AnchorWorker>);

/// One anchor for one log.
#[derive(Debug, Clone)]
struct AnchorWorker {
    settings: Arc<AnchorSettings>,
    agent: ureq::Agent,
    log: Log,
    writes: WriteHandle,
    readers: Readers,
    health: AnchorHealth,
}

impl Anchors {
    /// Ties the anchors of the settings to a store.
    ///
    /// # Errors
    /// A file of certificates cannot be used; the message names it.
    pub(crate) fn new(store: &Store, settings: Vec<AnchorSettings>, health: &AnchorHealth) -> Result<Self, String> {
        let mut workers = Vec::new();
        for one in settings {
            let trust = Trust::of(one.ca_file.as_deref()).map_err(|why| format!("anchor `{}`: {why}", one.name))?;
            let name = concat!("headgate-collector/", env!("CARGO_PKG_VERSION"));
            let (agent, settings) = (headgate_http_client::agent_with(name, CALL_TIME, &trust), Arc::new(one));
            for log in Log::ALL {
                health.add(&settings.name, settings.place.kind(), log, clock::now_us());
                let (writes, readers) = (store.writes.clone(), store.readers.clone());
                let (settings, agent) = (Arc::clone(&settings), agent.clone());
                workers.push(AnchorWorker { settings, agent, log, writes, readers, health: health.clone() });
            }
        }
        Ok(Self(workers))
    }

    /// Hands checkpoints over for as long as it is polled.
    pub(crate) async fn run(self) {
        let mut tasks = JoinSet::new();
        for worker in self.0 {
            if let Place::Bucket { bucket, .. } = &worker.settings.place {
                tasks.spawn(worker.clone().read_back(bucket.clone()));
            }
            tasks.spawn(worker.run());
        }
        while tasks.join_next().await.is_some() {}
    }
}

impl AnchorWorker {
    async fn run(self) {
        loop {
            let pause = self.round().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Hands the newest checkpoint over, if it is a new one. Returns the time until the next round.
    async fn round(&self) -> Duration {
        let (log, name) = (self.log, self.settings.name.clone());
        let found = self.readers.query(move |db| {
            let held = store::newest_anchored(db, log, &name)?;
            Ok(store::newest_checkpoint(db, log)?.map(|newest| (newest, held)))
        });
        // A store that cannot be read is no fault of the anchor.
        let Ok(Some((checkpoint, held))) = found.await else { return LOOK };
        if let Some(held) = &held {
            self.health.held(&self.settings.name, log, held.at);
        }
        if held.is_some_and(|held| held.size == checkpoint.size) {
            return self.note(Ok(()));
        }
        let (worker, note) = (self.clone(), checkpoint.clone());
        let calling = tokio::task::spawn_blocking(move || worker.hand_over(&note));
        let done = calling.await.unwrap_or_else(|_| Err("it was not asked".to_owned()));
        let done = match done {
            Ok(proof) => self.keep(checkpoint, proof).await,
            Err(why) => Err(why),
        };
        self.note(done)
    }

    fn note(&self, done: Result<(), String>) -> Duration {
        let (name, log, failure) = (&self.settings.name, self.log, done.err());
        if self.health.note(name, log, failure.clone(), clock::now_us())
            && let Some(why) = &failure
        {
            tracing::warn!("the anchor {name} does not hold checkpoints of the {} log: {why}", log.as_str());
        }
        if failure.is_some() { PAUSE.min(self.settings.every) } else { self.settings.every }
    }

    async fn keep(&self, checkpoint: SignedCheckpoint, proof: AnchorProof) -> Result<(), String> {
        let (log, name, now) = (self.log, self.settings.name.clone(), clock::now_us());
        let put = self.writes.transact(move |tx| store::put_anchored(tx, log, &name, &checkpoint, now, proof.clone()));
        put.await.map_err(|error| format!("what it holds cannot be noted: {error}"))
    }

    /// Hands a checkpoint over, and returns the proof of it.
    fn hand_over(&self, checkpoint: &SignedCheckpoint) -> Result<AnchorProof, String> {
        match &self.settings.place {
            Place::Bucket { bucket, days } => self.lock(bucket, *days, checkpoint).map(AnchorProof::Object),
            Place::Authority(url) => self.stamp(url, checkpoint.note.as_bytes()).map(AnchorProof::Token),
        }
    }

    fn lock(&self, bucket: &Bucket, days: u16, checkpoint: &SignedCheckpoint) -> Result<LockedObject, String> {
        let (name, now) = (object_name(self.log, checkpoint.size), clock::host_us());
        let bytes = checkpoint.note.as_bytes();
        let object = Object { name: &name, media_type: "text/plain", bytes, locked_days: Some(days) };
        let answer = bucket.put(&self.agent, &object, now).map_err(|_| unreachable())?;
        match answer.status().as_u16() {
            200..300 => {}
            400 => return Err("status 400; check that the bucket was made with object lock".to_owned()),
            status => return Err(format!("status {status}; check the address and the keys")),
        }
        Ok(LockedObject {
            address: bucket.address_of(&name),
            version: named(&answer, &["x-amz-version-id", "x-ms-version-id"]),
            etag: named(&answer, &["etag"]),
            locked_until: bucket.lock_end_us(days, now),
        })
    }

    fn stamp(&self, url: &str, note: &[u8]) -> Result<Vec<u8>, String> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|_| "there is no randomness".to_owned())?;
        let query = rfc3161::query(note, nonce);
        let call = self.agent.post(url).header("content-type", "application/timestamp-query");
        let mut answer = call.send(&query[..]).map_err(|_| unreachable())?;
        let status = answer.status().as_u16();
        if !(200..300).contains(&status) {
            return Err(format!("status {status}; check the address"));
        }
        let mut reply = Vec::new();
        let read = answer.body_mut().as_reader().take(MAX_ANSWER).read_to_end(&mut reply);
        read.map_err(|_| "the answer broke off".to_owned())?;
        rfc3161::check(&reply, note, nonce).map(|()| reply)
    }
}

/// Returns the name of the object of a checkpoint, below the prefix.
fn object_name(log: Log, size: u64) -> String {
    format!("{}/{size:020}.checkpoint", log.as_str())
}

/// Returns the first of these headers that an answer has, without quotes; empty if it has none, or one of another form.
fn named(answer: &Response<Body>, headers: &[&str]) -> String {
    let value = headers.iter().find_map(|name| answer.headers().get(*name)?.to_str().ok());
    let value = value.map(|value| value.trim_matches('"')).filter(|value| value.len() <= MAX_NAME);
    value.unwrap_or_default().to_owned()
}

fn unreachable() -> String {
    "it cannot be reached, or not in time".to_owned()
}
