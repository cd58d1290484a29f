//! Makes evidence packets that were asked for, one at a time, and deletes old ones.
//!
//! A packet is made on a thread of its own, with a connection of its own. If this process ends meanwhile, the packet is made anew by
//! the next one. Nothing about a packet ever stops ingest: its faults are the state of its job.

use crate::signers::Signers;
use headgate_collector_api::{
    BuiltPacket, PacketFault, PacketOrder, PacketSigner, PacketTools, Reading, StatedSource, build_packet, packet_path,
};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{
    self as store, Location, PacketEnd, PacketInfo, PacketState, Readers, Store, WriteHandle,
};
use headgate_collector_types::audit::Actor;
use headgate_collector_types::{Log, clock};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The pause between two looks for a packet.
const PAUSE: Duration = Duration::from_secs(1);
/// The looks between two sweeps of the folder.
const SWEEP: u32 = 60;
/// How long a packet is claimed for, and the pause between two renewals.
const CLAIM_US: i64 = 120_000_000;
const RENEWAL: Duration = Duration::from_secs(20);
/// The longest wait for a checkpoint that covers what there was when the packet was asked for.
const MAX_WAIT_US: i64 = 60_000_000;
/// How long a packet stays.
const KEPT_US: i64 = 7 * 86_400_000_000;

/// The job; clones share its store.
#[derive(Debug, Clone)]
pub struct PacketJobs {
    writes: WriteHandle,
    readers: Readers,
    location: Location,
    folder: PathBuf,
    settings: Arc<PacketSettings>,
}

/// What all packets of this process have in common.
#[derive(Debug)]
pub struct PacketSettings {
    /// The keys that sign.
    pub keys: Option<Arc<Signers>>,
    /// The most bytes of an archive.
    pub max_bytes: u64,
    /// The proxies that the operator states.
    pub sources: Vec<StatedSource>,
}

/// Stops the making of a packet whose job is gone.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl PacketJobs {
    /// Creates the job of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store, location: &Location, folder: PathBuf, settings: PacketSettings) -> Self {
        let (writes, readers) = (store.writes.clone(), store.readers.clone());
        Self { writes, readers, location: location.clone(), folder, settings: Arc::new(settings) }
    }

    /// Makes packets, for as long as it is polled.
    pub async fn run(self) {
        // If the store cannot be used, its writer reports that, and the next look tries again.
        let _ = self.writes.transact(store::release_packets).await;
        let mut looks = 0_u32;
        loop {
            if looks.is_multiple_of(SWEEP) {
                let _ = self.sweep().await;
            }
            looks = looks.wrapping_add(1);
            let _ = self.round().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn round(&self) -> Result<(), StoreError> {
        if !self.readers.query(store::has_packets_to_make).await? {
            return Ok(());
        }
        let now = clock::now_us();
        let claim = move |tx: &Db| store::claim_packet(tx, now, now.saturating_add(CLAIM_US));
        let Some(packet) = self.writes.transact(claim).await? else { return Ok(()) };
        let end = match self.make(&packet).await {
            Ok(built) => {
                PacketEnd::Ready { size: built.size, records: built.records, bytes: built.bytes, sha256: built.sha256 }
            }
            Err(PacketFault::Deleted) => return Ok(()),
            Err(fault) => {
                tracing::warn!("the packet {} was not made: {}", packet.id, fault.message());
                fault.end()
            }
        };
        let (id, now) = (packet.id.clone(), clock::now_us());
        if !self.writes.transact(move |tx| store::finish_packet(tx, &id, &end, now)).await? {
            let _ = tokio::fs::remove_file(packet_path(&self.folder, &packet.id)).await;
        }
        Ok(())
    }

    async fn make(&self, packet: &PacketInfo) -> Result<BuiltPacket, PacketFault> {
        self.wait_for_checkpoint(packet.created_at).await;
        let redaction_key = self.writes.transact(store::packet_key).await?;
        let scope = serde_json::from_value(packet.scope.clone()).map_err(|e| PacketFault::Io(e.into()))?;
        let order = PacketOrder::new(scope, packet.created_by.clone(), packet.grown_from, redaction_key);
        let order = order.map_err(|why| PacketFault::Io(std::io::Error::other(why)))?;
        let goes_on = Arc::new(AtomicBool::new(true));
        let _stop = StopOnDrop(Arc::clone(&goes_on));
        let work = Work {
            location: self.location.clone(),
            order,
            settings: Arc::clone(&self.settings),
            out: packet_path(&self.folder, &packet.id),
            goes_on: Arc::clone(&goes_on),
        };
        // The thread holds no handle of the writer, so it does not hold up the end of the process.
        let mut making = tokio::task::spawn_blocking(move || work.run());
        loop {
            match tokio::time::timeout(RENEWAL, &mut making).await {
                Ok(done) => return done.unwrap_or(Err(PacketFault::Store(StoreError::Other))),
                Err(_) => {
                    let (id, until) = (packet.id.clone(), clock::now_us().saturating_add(CLAIM_US));
                    let renewed = self.writes.transact(move |tx| store::renew_packet(tx, &id, until)).await;
                    // It was deleted. A store that cannot be written now is no reason to give up.
                    if renewed.is_ok_and(|renewed| !renewed) {
                        goes_on.store(false, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    /// Waits until a checkpoint covers what there was at a time, if checkpoints are signed.
    async fn wait_for_checkpoint(&self, since: i64) {
        while self.settings.keys.is_some() && clock::now_us().saturating_sub(since) < MAX_WAIT_US {
            match self.readers.query(move |db| covers(db, since)).await {
                Ok(false) => tokio::time::sleep(PAUSE).await,
                _ => return,
            }
        }
    }

    /// Deletes old packets, and files that belong to none.
    async fn sweep(&self) -> Result<(), StoreError> {
        let before = clock::now_us().saturating_sub(KEPT_US);
        for id in self.readers.query(move |db| store::packets_ended_before(db, before)).await? {
            self.writes.transact(move |tx| store::delete_packet(tx, &id, Actor::system())).await?;
        }
        let known = self.readers.query(store::packets).await?;
        let known: BTreeMap<_, _> = known.into_iter().map(|packet| (packet.id, packet.state)).collect();
        let folder = self.folder.clone();
        let _ = tokio::task::spawn_blocking(move || remove_strangers(&folder, &known)).await;
        Ok(())
    }
}

fn covers(db: &Db, since: i64) -> Result<bool, StoreError> {
    let mut all = true;
    for log in Log::ALL {
        let size = store::tree::tree_state(db, log)?.map_or(0, |tree| tree.size);
        let shown = store::published_checkpoint(db, log)?;
        all &= shown.is_some_and(|shown| shown.size == size || shown.signed_at >= since);
    }
    Ok(all)
}

/// Removes what was begun and is not being made, and archives of packets that are deleted.
fn remove_strangers(folder: &Path, known: &BTreeMap<String, PacketState>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((id, end)) = name.split_once(".zip").filter(|(id, _)| id.starts_with("pkt_")) else { continue };
        let state = known.get(id);
        match end {
            "" if state.is_none() || state == Some(&PacketState::Failed) => std::fs::remove_file(&path)?,
            ".parts" if state != Some(&PacketState::Running) => std::fs::remove_dir_all(&path)?,
            _ => {}
        }
    }
    Ok(())
}

/// The things that a thread needs to make one packet.
struct Work {
    location: Location,
    order: PacketOrder,
    settings: Arc<PacketSettings>,
    out: PathBuf,
    goes_on: Arc<AtomicBool>,
}

impl Work {
    fn run(self) -> Result<BuiltPacket, PacketFault> {
        if let Some(folder) = self.out.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let goes_on = || self.goes_on.load(Ordering::Relaxed);
        let db = store::open_reader(&self.location)?;
        build(db, &goes_on, &self.order, &self.settings, &self.out)
    }
}

/// Makes a packet at `out`, signed by the keys of the logs if this process has them.
pub(crate) fn build(
    db: Db,
    goes_on: &dyn Fn() -> bool,
    order: &PacketOrder,
    settings: &PacketSettings,
    out: &Path,
) -> Result<BuiltPacket, PacketFault> {
    let stored = store::log_keys(&db)?;
    let keys = settings.keys.as_deref().filter(|_| stored.present.is_some());
    if keys.is_some_and(|keys| !keys.has_present(&stored)) {
        return Err(PacketFault::Signer("it is another key than the one that the logs were begun with".to_owned()));
    }
    let sign = |text: &[u8]| keys.map_or_else(|| Ok(Vec::new()), |keys| keys.sign(&stored, clock::now_us(), text));
    let signer = keys.and(stored.present.as_ref()).map(|public| PacketSigner { public, sign: &sign });
    let mut reading = Reading::new(db, goes_on);
    build_packet(
        &mut reading,
        order,
        PacketTools { signer, max_bytes: settings.max_bytes, sources: &settings.sources },
        out,
    )
}
