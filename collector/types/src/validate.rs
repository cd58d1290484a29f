//! The validation of a batch before it reaches the store.
//!
//! A batch is parsed record by record, so that one bad record is refused alone. serde's own messages quote field names and
//! values of the input, which may hold secrets that must never be stored; the reasons here quote nothing of the input.

use crate::audit::canonical;
use crate::leaf_hash::{LeafHash, leaf_hash};
use crate::sender::Sender;
use bytes::Bytes;
use headgate_record::{Batch, Refusal, RequestRecord, SCHEMA};
use serde::Deserialize;
use serde_json::value::RawValue;

mod fields;
mod lines;
mod reason;

pub use fields::{is_name, uuid_v7};
pub use lines::{CheckedLines, check_lines};
pub use reason::reason_of;

/// Largest record, bytes of its JSON.
pub const MAX_RECORD_BYTES: usize = 64 << 10;
/// Longest name or id, characters.
pub const MAX_NAME_CHARS: usize = 256;
/// Most records in one batch.
pub const MAX_BATCH_RECORDS: usize = 10_000;
/// 2100-01-01T00:00:00Z, µs. A clock that is later is broken.
const YEAR_2100_US: u64 = 4_102_444_800_000_000;

/// A batch with a valid envelope. Its bad records are in `refused`.
#[derive(Debug)]
pub struct CheckedBatch {
    /// The sender of the batch.
    pub sender: Sender,
    /// The sending proxy.
    pub node: String,
    /// The sending worker's boot.
    pub boot: String,
    /// Records of this boot dropped so far by the sender.
    pub dropped: i64,
    /// Good records, in the order of the batch.
    pub records: Vec<CheckedRecord>,
    /// Bad records, with their place and the reason.
    pub refused: Vec<Refusal>,
}

/// One good record and its canonical bytes. These are the received bytes, unless the record came in another spelling.
#[derive(Debug)]
pub struct CheckedRecord {
    /// Place in the batch, from 0.
    pub index: u64,
    /// The UUID's 16 bytes.
    pub id: [u8; 16],
    /// `seq`, which fits SQLite's integer.
    pub seq: i64,
    /// `started_at`, µs.
    pub started_at: i64,
    /// The record as read.
    pub record: RequestRecord,
    /// The record in its canonical form (see `audit/mod.rs`), in which it is stored.
    pub bytes: Bytes,
    /// The leaf hash that is stored with it.
    pub leaf_hash: LeafHash,
}

/// The reason why a whole batch is refused. The text quotes nothing of the batch.
#[derive(Debug, PartialEq, Eq)]
pub struct BadBatch {
    /// `invalid_json` or `invalid_batch`.
    pub code: &'static str,
    /// The reason in words for people.
    pub reason: String,
}

/// Parses and checks the body of a delivery.
///
/// # Errors
/// The body is not JSON, or its envelope is not that of a [`Batch`]. A bad record is no error of the batch.
pub fn check_batch(body: &Bytes, sender: Sender) -> Result<CheckedBatch, BadBatch> {
    let batch: Batch<'_> = serde_json::from_slice(body).map_err(|error| BadBatch {
        code: if error.is_data() { "invalid_batch" } else { "invalid_json" },
        reason: reason_of(&error),
    })?;
    let dropped = check_envelope(&batch)?;
    let mut checked = CheckedBatch {
        sender,
        node: batch.node,
        boot: batch.boot,
        dropped,
        records: Vec::with_capacity(batch.records.len()),
        refused: Vec::new(),
    };
    for (index, raw) in (0_u64..).zip(batch.records) {
        match check_record(raw, Some((&checked.node, &checked.boot))) {
            Ok(good) => {
                let received = raw.get().as_bytes();
                let same = good.canonical == received;
                checked.records.push(good.at(index, same.then(|| body.slice_ref(received))));
            }
            Err(reason) => checked.refused.push(Refusal { index, seq: readable_seq(raw), reason }),
        }
    }
    Ok(checked)
}

fn check_envelope(batch: &Batch<'_>) -> Result<i64, BadBatch> {
    let bad = |reason: &str| BadBatch { code: "invalid_batch", reason: reason.to_owned() };
    if !fields::is_name(&batch.node) || !fields::is_name(&batch.boot) {
        return Err(bad("`node` and `boot` must be 1 to 256 characters long"));
    }
    if batch.records.len() > MAX_BATCH_RECORDS {
        return Err(bad("a batch may hold at most 10000 records"));
    }
    i64::try_from(batch.dropped).map_err(|_| bad("`dropped` is out of range"))
}

/// A record that has passed the checks, without its place in the batch.
struct ValidRecord {
    id: [u8; 16],
    seq: i64,
    started_at: i64,
    record: RequestRecord,
    canonical: Vec<u8>,
}

impl ValidRecord {
    /// Returns the record with its place. `received` are its bytes, if it came in its canonical form.
    fn at(self, index: u64, received: Option<Bytes>) -> CheckedRecord {
        let bytes = received.unwrap_or_else(|| Bytes::from(self.canonical));
        let leaf_hash = leaf_hash(&bytes);
        CheckedRecord {
            index,
            id: self.id,
            seq: self.seq,
            started_at: self.started_at,
            record: self.record,
            bytes,
            leaf_hash,
        }
    }
}

/// Checks a record. `sender` is node and boot of its batch, if that has them.
fn check_record(raw: &RawValue, sender: Option<(&str, &str)>) -> Result<ValidRecord, String> {
    if raw.get().len() > MAX_RECORD_BYTES {
        return Err("the record is larger than 65536 bytes".to_owned());
    }
    let record: RequestRecord = serde_json::from_str(raw.get()).map_err(|e| reason_of(&e))?;
    if record.schema != SCHEMA {
        return Err("`schema` is not 1, the version this collector reads".to_owned());
    }
    if sender.is_some_and(|(node, boot)| record.node != node || record.boot != boot) {
        return Err("`node` or `boot` differs from the batch's".to_owned());
    }
    fields::check(&record)?;
    Ok(ValidRecord {
        id: fields::request_id(&record.id).ok_or("`id` is not a UUIDv7 or UUIDv4 in lower case")?,
        seq: sequence(record.seq)?,
        started_at: start(record.started_at)?,
        canonical: canonical(&record).map_err(|e| reason_of(&e))?,
        record,
    })
}

fn sequence(seq: u64) -> Result<i64, String> {
    match i64::try_from(seq) {
        Ok(seq) if seq >= 1 => Ok(seq),
        _ => Err("`seq` is out of range: it counts from 1".to_owned()),
    }
}

fn start(started_at: u64) -> Result<i64, String> {
    if started_at == 0 || started_at >= YEAR_2100_US {
        return Err("`started_at` is not between 1970 and 2100, in µs".to_owned());
    }
    i64::try_from(started_at).map_err(|_| "`started_at` is out of range".to_owned())
}

/// Returns `seq` of a record that could not be read as a whole.
fn readable_seq(raw: &RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct OnlySeq {
        seq: u64,
    }
    serde_json::from_str::<OnlySeq>(raw.get()).ok().map(|only| only.seq)
}

/// Returns the 16 bytes of a UUID in its lower-case text form of 36 characters.
#[must_use]
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut id = [0_u8; 16];
    let mut digits = 0_usize;
    for (place, byte) in text.bytes().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let half = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        let slot = id.get_mut(digits / 2)?;
        *slot = (*slot << 4) | half;
        digits += 1;
    }
    Some(id)
}
