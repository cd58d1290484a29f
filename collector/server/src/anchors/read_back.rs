//! Reads back what a bucket holds: an object that is missing or different is known here before a reviewer finds it.

use super::{AnchorWorker, named, object_name, unreachable};
use headgate_collector_bucket::Bucket;
use headgate_collector_db::StoreError;
use headgate_collector_store::{
    self as store, AnchorFinding, AnchorProof, Anchored, LockedObject, ReadBack, ReadBackState,
};
use headgate_collector_types::clock;
use std::io::Read as _;
use std::time::Duration;

/// The pause before the first look, and after a round without an object.
const LOOK: Duration = Duration::from_secs(5);
/// The statuses of an object, or of its version, that is not there.
const NOT_THERE: [u16; 2] = [404, 410];
/// The status for a version that is a mark of deletion.
const DELETED: u16 = 405;

/// How an object was found.
type Found = Result<Option<AnchorFinding>, String>;

impl AnchorWorker {
    /// Reads objects back for as long as it is polled: each time the newest, and the one that was not read for the longest time.
    pub(super) async fn read_back(self, bucket: Bucket) {
        let mut pause = LOOK.min(self.settings.read_back);
        loop {
            tokio::time::sleep(pause).await;
            // A store that cannot be used is no fault of the anchor; the next round tries again.
            let has_read = self.read_round(&bucket).await.unwrap_or(false);
            pause = if has_read { self.settings.read_back } else { LOOK.min(self.settings.read_back) };
        }
    }

    /// Reads some objects back. Returns whether there was any.
    async fn read_round(&self, bucket: &Bucket) -> Result<bool, StoreError> {
        let (log, name) = (self.log, self.settings.name.clone());
        let next = self.readers.query(move |db| store::objects_to_read(db, log, &name, clock::now_us())).await?;
        let has_any = !next.is_empty();
        for held in next {
            let (worker, bucket, asked) = (self.clone(), bucket.clone(), held.clone());
            let reading = tokio::task::spawn_blocking(move || worker.look(&bucket, &asked));
            let found = reading.await.unwrap_or_else(|_| Err("it was not read".to_owned()));
            self.take(held, found).await?;
        }
        Ok(has_any)
    }

    /// Takes over how an object was found.
    async fn take(&self, held: Anchored, found: Found) -> Result<(), StoreError> {
        let (log, size, now) = (self.log, held.size, clock::now_us());
        let (state, message) = match &found {
            Ok(finding) => (ReadBackState::from(*finding), None),
            Err(why) => (ReadBackState::Unreadable, Some(why.clone())),
        };
        if let Ok(finding) = found {
            self.writes.transact(move |tx| store::note_read_back(tx, log, &held, finding, now)).await?;
        }
        let name = self.settings.name.clone();
        let altered = self.readers.query(move |db| store::altered_objects(db, log, &name)).await?;
        let read = ReadBack { state, size, at: now, message };
        let why = match state {
            ReadBackState::AsStored => None,
            ReadBackState::Missing => Some("it is not there".to_owned()),
            ReadBackState::Differs => Some("it is another one than is stored here".to_owned()),
            ReadBackState::Unreadable => read.message.clone(),
        };
        if self.health.read_back(&self.settings.name, log, read, altered)
            && let Some(why) = why
        {
            let (name, log) = (&self.settings.name, log.as_str());
            tracing::warn!("the checkpoint of {size} entries of the {log} log in the bucket of {name}: {why}");
        }
        Ok(())
    }

    /// Reads one object and compares it with what is stored here.
    fn look(&self, bucket: &Bucket, held: &Anchored) -> Found {
        let AnchorProof::Object(object) = &held.proof else { return Ok(None) };
        let (name, version) =
            (object_name(self.log, held.size), Some(object.version.as_str()).filter(|v| !v.is_empty()));
        if bucket.address_of(&name) != object.address {
            return Err("it was put at another address than the one in the settings".to_owned());
        }
        let answer = bucket.get(&self.agent, &name, version, clock::host_us()).map_err(|_| unreachable())?;
        let mut answer = match answer.status().as_u16() {
            200..300 => answer,
            status if NOT_THERE.contains(&status) || status == DELETED => return Ok(Some(AnchorFinding::Missing)),
            status => return Err(format!("status {status}; check that its keys may read objects")),
        };
        let is_locked = lock_holds(object, &named(&answer, &["x-amz-object-lock-retain-until-date"]));
        let (mut bytes, most) = (Vec::new(), held.note.len() as u64 + 1);
        let read = answer.body_mut().as_reader().take(most).read_to_end(&mut bytes);
        read.map_err(|_| "the answer broke off".to_owned())?;
        let is_same = bytes == held.note.as_bytes() && is_locked;
        Ok((!is_same).then_some(AnchorFinding::Differs))
    }
}

/// Returns whether a lock ends no earlier than it was set, if the bucket says when; not all keys may see it.
fn lock_holds(object: &LockedObject, said: &str) -> bool {
    let end = said.parse::<jiff::Timestamp>().ok();
    end.zip(object.locked_until).is_none_or(|(end, set)| end.as_microsecond() >= set)
}
