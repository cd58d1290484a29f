//! Makes a packet from the store, in steps that each read one snapshot, and with no more than a page of entries in memory.
//!
//! Parts that are made side by side, such as a log and its spreadsheet, are written beside the archive and appended as they are.

mod access;
mod audit_log;
mod completeness;
mod deliveries;
mod fields;
mod limited_file;
mod log_writer;
mod maker;
mod outside;
mod policies;
mod proofs;
mod readers;
mod reading;
mod redaction;
mod request_log;
mod sources;
mod statements;
mod states;
mod trace;
mod usage;

pub use maker::{PacketSigner, PacketTools, StatedSource};
pub use reading::Reading;

use super::fault::PacketFault;
use super::order::PacketOrder;
use headgate_collector_packet::{
    FORMAT, LogPart, MANIFEST, Manifest, PAGE, PacketWriter, SUMS_KEY, page, sums_key, sums_text,
};
use headgate_collector_store::{self as store, LogHead};
use headgate_collector_tree::note_with_signatures;
use headgate_collector_types::Log;
use limited_file::LimitedFile;
use maker::{Listed, Maker, Writer, kind};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use states::{Pins, signed_at_text};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A packet that was made.
#[derive(Debug)]
pub struct BuiltPacket {
    /// Entries of the request log that it covers.
    pub size: u64,
    /// Records in it.
    pub records: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the archive, in hex.
    pub sha256: String,
}

/// Makes a packet at `out`, which must be in a folder of its own: parts are made beside it.
///
/// # Errors
/// It cannot be made whole. Nothing is left of it then.
pub fn build_packet(
    reading: &mut Reading<'_>,
    order: &PacketOrder,
    tools: PacketTools<'_>,
    out: &Path,
) -> Result<BuiltPacket, PacketFault> {
    let parts = Parts(out.with_added_extension("parts"));
    let _ = fs::remove_dir_all(&parts.0);
    fs::create_dir_all(&parts.0)?;
    let unfinished = parts.0.join("packet");
    let maker = Maker { reading, order, tools, parts: &parts.0 };
    let (size, records) = maker.run(&unfinished)?;
    let (bytes, sha256) = digest(&unfinished)?;
    fs::rename(&unfinished, out)?;
    Ok(BuiltPacket { size, records, bytes, sha256 })
}

/// The folder of the parts, which ends with the work.
struct Parts(PathBuf);

impl Drop for Parts {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut digest, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 256 << 10]);
    let mut bytes = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        bytes = bytes.saturating_add(part.len() as u64);
    }
    let hex = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, hex))
}

impl Maker<'_, '_> {
    /// Writes the whole packet. Returns the size of the tree and the number of records.
    fn run(mut self, path: &Path) -> Result<(u64, u64), PacketFault> {
        let pins = self.pins()?;
        let mut packet = PacketWriter::new(LimitedFile::create(path, self.tools.max_bytes)?);
        let mut listed = Listed::default();
        let requests = self.requests(&mut packet, &mut listed, &pins.requests)?;
        let audit = if self.has("audit") { Some(self.audit(&mut packet, &mut listed, &pins.audit)?) } else { None };
        let reconciliation = self.usage(&mut packet, &mut listed, &requests, &pins)?;
        let gaps = self.gaps(&mut packet, &mut listed)?;
        let damage = self.damage(&mut packet, &mut listed)?;
        let (retention, holds) = self.retention(&mut packet, &mut listed)?;
        let (roles, tokens) =
            self.access(&mut packet, &mut listed, audit.as_ref().map(|audit| &audit.readers), &pins)?;
        let outside = self.outside(&mut packet, &mut listed, &pins)?;
        let sources = self.sources(&mut packet, &mut listed, &pins, &outside.listed)?;
        let deliveries = self.deliveries(&mut packet, &mut listed, &pins)?;
        let fields = self.fields(&mut packet, &mut listed)?;
        self.policies(&mut packet, &mut listed, &pins)?;
        let (sample, grown_from) = self.proofs(&mut packet, &mut listed, &requests, &pins)?;
        let clock_leaps = self.clock_leaps()?;
        let signs = completeness::Signs { gaps: &gaps, damage: &damage, clock_leaps, sources: &sources };
        let completeness = completeness::statement(self.order, &pins, &requests.part, &reconciliation, &signs);
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            kind: kind(self.order),
            name: pins.name.clone(),
            key: self.tools.signer.map(|signer| signer.public.to_string()).filter(|_| pins.is_signed()),
            witnesses: pins.requests.confirmations.iter().map(|one| one.name().to_owned()).collect(),
            anchors: outside.anchors,
            made_by: format!("headgate-collector {}", env!("CARGO_PKG_VERSION")),
            scope: self.order.scope.clone(),
            requested_by: json!({"id": self.order.actor.id, "kind": self.order.actor.kind, "name": self.order.actor.name}),
            as_of: signed_at_text(&pins.requests),
            requests: LogPart { grown_from, ..requests.part },
            audit: audit.as_ref().map(|audit| audit.part.clone()),
            totals: requests.totals,
            reconciliation,
            completeness,
            files: listed.0,
        };
        let readers = audit.map(|audit| audit.readers.table()).unwrap_or_default();
        let page = page::PageParts {
            sources: sources.table,
            fields,
            retention,
            holds,
            roles,
            tokens,
            readers,
            deliveries,
            sample,
            outside: outside.table,
            rows: requests.rows,
            checker: Some(super::CHECKER),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| PacketFault::Io(e.into()))?;
        packet.put(MANIFEST, &text)?;
        packet.put(PAGE, page::render(&manifest, &page).as_bytes())?;
        self.finish(packet, &pins)?;
        Ok((pins.requests.size, manifest.requests.lines))
    }

    fn finish(&self, packet: Writer, pins: &Pins) -> Result<(), PacketFault> {
        let mut refused = None;
        let signer = self.tools.signer.filter(|_| pins.is_signed());
        let done = packet.finish(|sums| {
            let text = sums_text(&pins.name, sums);
            let Some(signer) = signer else { return Ok(note_with_signatures(&text, &[])) };
            let signatures = (signer.sign)(text.as_bytes()).map_err(|why| {
                refused = Some(why);
                io::Error::other("not signed")
            })?;
            let of_sums = |(key, signature)| Some((sums_key(&key)?, signature));
            let signatures: Option<Vec<_>> = signatures.into_iter().map(of_sums).collect();
            let signatures = signatures.ok_or_else(|| io::Error::other(SUMS_KEY))?;
            let signatures: Vec<_> = signatures.iter().map(|(key, signature)| (key, *signature)).collect();
            Ok(note_with_signatures(&text, &signatures))
        });
        match (done, refused) {
            (_, Some(why)) => Err(PacketFault::Signer(why)),
            (done, None) => Ok(done?.sync()?),
        }
    }

    /// Returns the states of both logs that the packet shows.
    fn pins(&mut self) -> Result<Pins, PacketFault> {
        let pins = self.reading.step(|db| {
            let name = store::origin(db, Log::Requests)?;
            let name = name.strip_suffix("/requests").unwrap_or(&name).to_owned();
            let key = store::log_key(db)?;
            Ok(Pins {
                name,
                key,
                requests: LogHead::newest(db, Log::Requests)?,
                audit: LogHead::newest(db, Log::Audit)?,
            })
        })?;
        // With another key than that of the logs, its signature would say something else than the checkpoints do.
        match (&pins.key, self.tools.signer) {
            (Some(stored), Some(signer)) if *stored != signer.public.to_string() => {
                Err(PacketFault::Signer("it is another key than the one that the logs were begun with".to_owned()))
            }
            _ => Ok(pins),
        }
    }
}
