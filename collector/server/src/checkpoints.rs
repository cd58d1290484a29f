//! Signs checkpoints of both logs, and notes the request tree in the audit log.

use crate::signers::Signers;
use crate::witnesses::Witnesses;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{
    self as store, Draft, LogKeys, Readers, SigningState, SigningStop, Store, WriteHandle, note_request_tree,
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
    keys: Option<Arc<Signers>>,
    witnesses: Witnesses,
    state: SigningState,
    interval: Duration,
}

impl Checkpoints {
    /// Creates the job of a collector that has just started.
    #[must_use]
    pub fn new(
        store: &Store,
        state: SigningState,
        keys: Option<Arc<Signers>>,
        witnesses: Witnesses,
        interval: Duration,
    ) -> Self {
        if let Some(key) = keys.as_ref().and_then(|keys| keys.first()) {
            state.set_key(key.clone());
        }
        Self { writes: store.writes.clone(), readers: store.readers.clone(), keys, witnesses, state, interval }
    }

    /// Signs whatever has grown, for as long as it is polled.
    pub async fn run(self) {
        self.witnesses.probe().await;
        loop {
            tokio::time::sleep(self.interval).await;
            // If the store cannot be used, its writer reports that, and the next round tries again.
            let _ = self.round().await;
        }
    }

    /// Signs the request log, notes its tree in the audit log, and then signs the audit log, which now commits to both.
    async fn round(&self) -> Result<(), StoreError> {
        let keys = self.usable_keys().await?;
        self.log(Log::Requests, keys.as_ref()).await?;
        let now = clock::now_us();
        self.writes.transact(move |tx| note_request_tree(tx, now)).await?;
        self.log(Log::Audit, keys.as_ref()).await
    }

    /// Returns the keys of the logs, if this process has the present one.
    async fn usable_keys(&self) -> Result<Option<LogKeys>, StoreError> {
        let Some(own) = &self.keys else { return Ok(None) };
        let mut keys = self.readers.query(store::log_keys).await?;
        if let (None, Some(first)) = (&keys.present, own.first().cloned()) {
            self.writes.transact(move |tx| store::claim_log_key(tx, &first)).await?;
            keys = self.readers.query(store::log_keys).await?;
        }
        if own.has_present(&keys) {
            return Ok(Some(keys));
        }
        let stored = keys.present.map(|key| key.to_string()).unwrap_or_default();
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

    async fn log(&self, log: Log, keys: Option<&LogKeys>) -> Result<(), StoreError> {
        if let Some(keys) = keys {
            let stop = self.sign(log, keys).await?;
            self.state.set_stop(log, stop);
        }
        let (size, newest) = self.readers.query(move |db| sizes(db, log)).await?;
        let (signed, signed_at) = newest.unwrap_or((0, clock::now_us()));
        self.state.show(log, size, signed, clock::now_us().saturating_sub(signed_at));
        Ok(())
    }

    /// Signs what a log has grown by. Returns the reason if it must not be signed.
    async fn sign(&self, log: Log, keys: &LogKeys) -> Result<Option<SigningStop>, StoreError> {
        match self.readers.query(move |db| store::draft(db, log)).await? {
            Draft::Nothing => Ok(None),
            Draft::Sign { size, root } => self.sign_state(log, keys, size, root).await,
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
            Draft::RolledBack => {
                if self.state.stop(log) != Some(SigningStop::RolledBack) {
                    tracing::error!(
                        "a witness has seen more of the {} log than the database has: it is an older one. No checkpoint is signed \
                         until an owner runs `headgate-collector log restart`; records are stored as before",
                        log.as_str()
                    );
                }
                Ok(Some(SigningStop::RolledBack))
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
        keys: &LogKeys,
        size: u64,
        root: Hash,
    ) -> Result<Option<SigningStop>, StoreError> {
        let (Some(own), Some(present)) = (self.keys.clone(), keys.present.as_ref()) else { return Ok(None) };
        let public = store::key_of(log, present).ok_or(StoreError::Other)?;
        let checkpoint = Checkpoint { origin: public.name().to_owned(), size, root };
        let (text, keys) = (checkpoint.text(), keys.clone());
        let signing = tokio::task::spawn_blocking(move || signed(&own, &keys, log, &text));
        match signing.await.map_err(|_| StoreError::Other)? {
            Ok(note) => {
                let now = clock::now_us();
                self.writes.transact(move |tx| store::put_checkpoint(tx, log, &checkpoint, &note, now)).await?;
                self.witnesses.wake();
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

/// Returns the note over the text of a checkpoint. It blocks.
fn signed(own: &Signers, keys: &LogKeys, log: Log, text: &str) -> Result<String, String> {
    let signatures = own.sign(keys, clock::now_us(), text.as_bytes())?;
    let of_log = |(key, signature)| Some((store::key_of(log, &key)?, signature));
    let signatures: Vec<_> = signatures.into_iter().filter_map(of_log).collect();
    let signatures: Vec<_> = signatures.iter().map(|(key, signature)| (key, *signature)).collect();
    Ok(note_with_signatures(text, &signatures))
}

/// Returns the size of a log's tree, and size and time of its newest checkpoint.
fn sizes(db: &Db, log: Log) -> Result<(u64, Option<(u64, i64)>), StoreError> {
    let tree = store::tree::tree_state(db, log)?.map_or(0, |tree| tree.size);
    Ok((tree, store::newest_checkpoint(db, log)?.map(|newest| (newest.size, newest.signed_at))))
}
