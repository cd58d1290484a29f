//! Signs checkpoints of both logs, and notes the request tree in the audit log.

use crate::log_key::LogKey;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{
    self as store, Draft, Readers, SigningState, SigningStop, Store, WriteHandle, note_request_tree,
};
use headgate_collector_tree::{Checkpoint, Hash, note_with_signatures};
use headgate_collector_types::{Log, clock};
use std::sync::Arc;
use std::time::Duration;

/// The job; clones share its state.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    writes: WriteHandle,
    readers: Readers,
    key: Option<Arc<LogKey>>,
    state: SigningState,
    interval: Duration,
}

impl Checkpoints {
    /// Creates the job of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store, state: SigningState, key: Option<Arc<LogKey>>, interval: Duration) -> Self {
        if let Some(key) = &key {
            state.set_key(key.public().clone());
        }
        Self { writes: store.writes.clone(), readers: store.readers.clone(), key, state, interval }
    }

    /// Signs whatever has grown, for as long as it is polled.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(self.interval).await;
            // If the store cannot be used, its writer reports that, and the next round tries again.
            let _ = self.round().await;
        }
    }

    /// Signs the request log, notes its tree in the audit log, and then signs the audit log, which now commits to both.
    async fn round(&self) -> Result<(), StoreError> {
        let key = self.usable_key().await?;
        self.log(Log::Requests, key.as_ref()).await?;
        let now = clock::now_us();
        self.writes.transact(move |tx| note_request_tree(tx, now)).await?;
        self.log(Log::Audit, key.as_ref()).await
    }

    /// Returns the key, if the logs were begun with it.
    async fn usable_key(&self) -> Result<Option<Arc<LogKey>>, StoreError> {
        let Some(key) = &self.key else { return Ok(None) };
        let public = key.public().clone();
        let stored = match self.readers.query(store::log_key).await? {
            Some(stored) => stored,
            None => self.writes.transact(move |tx| store::claim_log_key(tx, &public)).await?,
        };
        if stored == key.public().to_string() {
            return Ok(Some(Arc::clone(key)));
        }
        for log in Log::ALL {
            if self.state.set_stop(log, Some(SigningStop::OtherKey)) {
                tracing::warn!(
                    "no checkpoint of the {} log is signed: the logs were begun with another key, {stored}; set that key again",
                    log.as_str()
                );
            }
        }
        Ok(None)
    }

    async fn log(&self, log: Log, key: Option<&Arc<LogKey>>) -> Result<(), StoreError> {
        if let Some(key) = key {
            let stop = self.sign(log, key).await?;
            self.state.set_stop(log, stop);
        }
        let (size, newest) = self.readers.query(move |db| sizes(db, log)).await?;
        let (signed, signed_at) = newest.unwrap_or((0, clock::now_us()));
        self.state.show(log, size, signed, clock::now_us().saturating_sub(signed_at));
        Ok(())
    }

    /// Signs what a log has grown by. Returns the reason if it must not be signed.
    async fn sign(&self, log: Log, key: &Arc<LogKey>) -> Result<Option<SigningStop>, StoreError> {
        match self.readers.query(move |db| store::draft(db, log)).await? {
            Draft::Nothing => Ok(None),
            Draft::Sign { size, root } => self.sign_state(log, key, size, root).await,
            Draft::Forked { signed, found } => {
                let size = signed.size;
                let noting = move |tx: &Db| store::note_fork(tx, log, &signed, found.as_ref(), clock::now_us());
                if self.writes.transact(noting).await? {
                    tracing::error!(
                        "the {} log contradicts its checkpoint of {size} entries: the database was changed or is an older \
                         one. No checkpoint is signed any more; records are stored as before",
                        log.as_str()
                    );
                }
                Ok(Some(SigningStop::Forked))
            }
            Draft::Unprovable => {
                if self.state.stop(log) != Some(SigningStop::Unprovable) {
                    tracing::warn!(
                        "no checkpoint of the {} log is signed: hashes are lost that would show that it continues the newest one",
                        log.as_str()
                    );
                }
                Ok(Some(SigningStop::Unprovable))
            }
        }
    }

    async fn sign_state(
        &self,
        log: Log,
        key: &Arc<LogKey>,
        size: u64,
        root: Hash,
    ) -> Result<Option<SigningStop>, StoreError> {
        let public = store::key_of(log, key.public()).ok_or(StoreError::Other)?;
        let checkpoint = Checkpoint { origin: public.name().to_owned(), size, root };
        let (text, signer) = (checkpoint.text(), Arc::clone(key));
        let signing = tokio::task::spawn_blocking(move || signer.sign(text.as_bytes()));
        match signing.await.map_err(|_| StoreError::Other)? {
            Ok(signature) => {
                let note = note_with_signatures(&checkpoint.text(), &[(&public, signature)]);
                let now = clock::now_us();
                self.writes.transact(move |tx| store::put_checkpoint(tx, log, &checkpoint, &note, now)).await?;
                Ok(None)
            }
            Err(why) => {
                if self.state.stop(log) != Some(SigningStop::SignerFailed) {
                    tracing::warn!("no checkpoint of the {} log is signed: {why}", log.as_str());
                }
                Ok(Some(SigningStop::SignerFailed))
            }
        }
    }
}

/// Returns the size of a log's tree, and size and time of its newest checkpoint.
fn sizes(db: &Db, log: Log) -> Result<(u64, Option<(u64, i64)>), StoreError> {
    let tree = store::tree::tree_state(db, log)?.map_or(0, |tree| tree.size);
    Ok((tree, store::newest_checkpoint(db, log)?.map(|newest| (newest.size, newest.signed_at))))
}
