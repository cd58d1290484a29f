//! One witness for one log.

use super::client::{Answer, WitnessClient};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{
    self as store, ProofFault, Readers, SignedCheckpoint, WitnessHealth, WitnessState, WriteHandle,
};
use headgate_collector_tree::{AddCheckpoint, Cosignature, Hash, Note, WitnessKey};
use headgate_collector_types::{Log, clock};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The longest pause after failures.
const MAX_PAUSE: Duration = Duration::from_secs(600);
/// The calls of one round: a witness that has another size is asked again from there.
const CALLS: u32 = 3;

/// One witness for one log.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) name: Arc<str>,
    pub(super) key: WitnessKey,
    pub(super) client: WitnessClient,
    pub(super) log: Log,
    pub(super) writes: WriteHandle,
    pub(super) readers: Readers,
    pub(super) health: WitnessHealth,
    /// The time between two looks.
    pub(super) interval: Duration,
    /// Failures in a row.
    pub(super) failures: u32,
    /// The size that the witness has named; it goes before the one in the database.
    pub(super) seen: Option<u64>,
}

/// Why a checkpoint was not confirmed.
type Failure = (WitnessState, String);

/// The next request.
struct Request {
    checkpoint: SignedCheckpoint,
    old: u64,
    proof: Vec<Hash>,
}

impl Worker {
    /// Asks for as long as it is polled.
    pub(super) async fn run(mut self, wake: Arc<Notify>) {
        loop {
            if self.failures == 0 {
                tokio::select! {
                    () = tokio::time::sleep(self.interval) => {}
                    () = wake.notified() => {}
                }
            } else {
                tokio::time::sleep(self.pause()).await;
            }
            let done = self.round(false).await;
            self.note(done);
        }
    }

    /// Asks for the newest checkpoint, also if the witness has confirmed it already.
    pub(super) async fn probe(&mut self) {
        let done = self.round(true).await;
        self.note(done);
    }

    fn pause(&self) -> Duration {
        self.interval.saturating_mul(1 << self.failures.min(10)).min(MAX_PAUSE)
    }

    /// Takes the result of a round over into the health. A store that cannot be read is no fault of the witness.
    fn note(&mut self, done: Result<Result<(), Failure>, StoreError>) {
        let Ok(done) = done else { return };
        let Err((state, message)) = done else {
            self.failures = 0;
            return;
        };
        self.failures = self.failures.saturating_add(1);
        let text = message.clone();
        if self.health.failed(&self.name, self.log, state, message, clock::now_us()) {
            let log = self.log.as_str();
            tracing::warn!("the witness {} does not confirm checkpoints of the {log} log: {text}", self.name);
        }
    }

    /// Asks for the newest checkpoint, unless the witness has confirmed it.
    async fn round(&mut self, always: bool) -> Result<Result<(), Failure>, StoreError> {
        for _ in 0..CALLS {
            let (log, key, seen) = (self.log, self.key.clone(), self.seen);
            let next = self.readers.query(move |db| next(db, log, &key, seen, always)).await?;
            let request = match next {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(Ok(())),
                Err(failure) => return Ok(Err(failure)),
            };
            let Ok(note) = Note::parse(&request.checkpoint.note) else { return Err(StoreError::Damaged) };
            let (old, size) = (request.old, request.checkpoint.size);
            let asked = AddCheckpoint { old, proof: request.proof, checkpoint: request.checkpoint.note };
            let (client, text) = (self.client.clone(), note.text);
            let asking = tokio::task::spawn_blocking(move || client.ask(&asked, &text));
            let answer = asking.await.map_err(|_| StoreError::Other)?;
            if let Some(done) = self.take(answer, old, size).await? {
                return Ok(done);
            }
        }
        Ok(Err((WitnessState::InvalidAnswer, "it names another size each time that it is asked".to_owned())))
    }

    /// Takes an answer. Returns nothing if the witness is to be asked again.
    async fn take(&mut self, answer: Answer, old: u64, size: u64) -> Result<Option<Result<(), Failure>>, StoreError> {
        let (state, message) = match answer {
            Answer::Confirmed(cosignature) => return self.keep(size, *cosignature).await.map(|()| Some(Ok(()))),
            Answer::OtherSize(seen) if seen > size => return self.is_ahead(seen).await,
            Answer::OtherSize(seen) if seen == old && seen == size => {
                (WitnessState::Contradicts, format!("it has seen another tree of {seen} entries"))
            }
            Answer::OtherSize(seen) if seen == old => {
                (WitnessState::InvalidAnswer, format!("it refuses the size {seen}, and names the same one"))
            }
            Answer::OtherSize(seen) => {
                self.seen = Some(seen);
                return Ok(None);
            }
            Answer::Contradicts => (
                WitnessState::Contradicts,
                format!("it has seen a tree of {old} entries that this one does not continue"),
            ),
            Answer::UnknownLog => {
                (WitnessState::UnknownLog, "it does not know the log; give it the log's key".to_owned())
            }
            Answer::UnknownKey => {
                (WitnessState::UnknownKey, "it does not accept the log's signature; give it the log's key".to_owned())
            }
            Answer::Silent(why) => (WitnessState::Silent, why),
            Answer::Invalid(why) => (WitnessState::InvalidAnswer, why),
        };
        Ok(Some(Err((state, message))))
    }

    async fn keep(&mut self, size: u64, cosignature: Cosignature) -> Result<(), StoreError> {
        let (log, key) = (self.log, self.key.clone());
        let at = i64::try_from(cosignature.time).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
        let put = move |tx: &Db| store::put_cosignature(tx, log, size, &key, &cosignature);
        self.writes.transact(put).await?;
        self.seen = None;
        self.health.confirmed(&self.name, log, size, at);
        Ok(())
    }

    /// A witness has seen more than this process read. Another collector may have signed meanwhile; if not, the database went back.
    async fn is_ahead(&mut self, seen: u64) -> Result<Option<Result<(), Failure>>, StoreError> {
        let (log, key, now) = (self.log, self.key.clone(), clock::now_us());
        let newest = self
            .writes
            .transact(move |tx| {
                store::note_rollback(tx, log, &key, seen, now)?;
                Ok(store::newest_checkpoint(tx, log)?.map_or(0, |newest| newest.size))
            })
            .await?;
        if newest >= seen {
            self.seen = Some(seen);
            return Ok(None);
        }
        let message = format!(
            "it has seen {seen} entries, and the newest checkpoint here covers {newest}: the database is an older one. No \
             checkpoint is signed until `headgate-collector log restart`"
        );
        Ok(Some(Err((WitnessState::Ahead, message))))
    }
}

/// Returns the request for the newest checkpoint; nothing if the witness has confirmed it.
fn next(
    db: &Db,
    log: Log,
    key: &WitnessKey,
    seen: Option<u64>,
    always: bool,
) -> Result<Result<Option<Request>, Failure>, StoreError> {
    let Some(checkpoint) = store::newest_checkpoint(db, log)? else { return Ok(Ok(None)) };
    let confirmed = store::confirmed_size(db, log, key)?;
    if seen.is_none() && confirmed == checkpoint.size && !always {
        return Ok(Ok(None));
    }
    let old = seen.unwrap_or(confirmed);
    if old > checkpoint.size {
        // It is asked without a proof, and names its size again.
        return Ok(Ok(Some(Request { old: checkpoint.size, checkpoint, proof: Vec::new() })));
    }
    match store::prove_growth(db, log, old, Some(checkpoint.size)) {
        Ok(growth) => Ok(Ok(Some(Request { checkpoint, old, proof: growth.proof }))),
        Err(ProofFault::Node(store::tree::NodeFault::Store(error))) => Err(error),
        Err(_) => {
            let why = format!("hashes are deleted or lost that would show that the log continues its {old} entries");
            Ok(Err((WitnessState::Contradicts, why)))
        }
    }
}
