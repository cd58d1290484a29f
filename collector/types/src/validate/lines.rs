//! Records in the lines of a proxy's own logger, such as APISIX's `http-logger`.
//!
//! Each line is a JSON object with the text of a record in its member `record`. Other members are never read, because a logger may add
//! texts of requests. A request without a record has a line with an empty text.

use super::{
    BadBatch, CheckedBatch, MAX_BATCH_RECORDS, MAX_RECORD_BYTES, ValidRecord, check_record, fields, reason_of,
};
use crate::sender::Sender;
use bytes::Bytes;
use headgate_record::Refusal;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Most workers whose records are in one body. A logger of a worker sends those of one.
const MAX_BOOTS: usize = 16;

/// The lines of a body, as batches of the workers that wrote the records.
#[derive(Debug, Default)]
pub struct CheckedLines {
    /// One batch for each worker.
    pub batches: Vec<CheckedBatch>,
    /// Lines without a record.
    pub empty: u64,
    /// Lines that are refused, with their place and the reason.
    pub refused: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Line {
    record: Option<String>,
}

/// Parses and checks the body of a logger: lines, or a JSON list of the same objects.
///
/// # Errors
/// None of the lines is a JSON object, or there are too many lines or workers. A bad line is no error of the body.
pub fn check_lines(body: &Bytes, sender: &Sender) -> Result<CheckedLines, BadBatch> {
    let lines = split(body)?;
    if lines.len() > MAX_BATCH_RECORDS {
        return Err(bad("invalid_batch", "a body may hold at most 10000 lines"));
    }
    let (mut checked, mut objects) = (CheckedLines::default(), 0_usize);
    for (index, text) in (0_u64..).zip(lines) {
        let line = serde_json::from_slice::<Line>(text);
        objects = objects.saturating_add(usize::from(line.is_ok()));
        let (seq, reason) = match line.map_err(|error| reason_of(&error)).map(|line| line.record) {
            Ok(Some(record)) if record.is_empty() => {
                checked.empty = checked.empty.saturating_add(1);
                continue;
            }
            Ok(Some(record)) => match check(&record) {
                Ok(valid) => {
                    checked.batch_of(&valid, sender)?.records.push(valid.at(index, None));
                    continue;
                }
                Err(reason) => (readable_seq(&record), reason),
            },
            Ok(None) => (None, "the line has no `record`: the logger's format must have one".to_owned()),
            Err(reason) => (None, reason),
        };
        checked.refused.push(Refusal { index, seq, reason });
    }
    if objects == 0 {
        return Err(bad("invalid_json", "no line is a JSON object with a text as `record`"));
    }
    Ok(checked)
}

impl CheckedLines {
    /// Returns the batch of the worker that wrote this record.
    fn batch_of(&mut self, valid: &ValidRecord, sender: &Sender) -> Result<&mut CheckedBatch, BadBatch> {
        let (node, boot) = (&valid.record.node, &valid.record.boot);
        let known = self.batches.iter().position(|batch| batch.node == *node && batch.boot == *boot);
        let at = known.unwrap_or(self.batches.len());
        if known.is_none() {
            self.batches.push(CheckedBatch {
                sender: sender.clone(),
                node: node.clone(),
                boot: boot.clone(),
                dropped: 0,
                records: Vec::new(),
                refused: Vec::new(),
            });
        }
        self.batches
            .get_mut(at)
            .filter(|_| at < MAX_BOOTS)
            .ok_or_else(|| bad("invalid_batch", "a body may hold records of at most 16 workers"))
    }
}

fn bad(code: &'static str, reason: &str) -> BadBatch {
    BadBatch { code, reason: reason.to_owned() }
}

/// Returns the lines, or the members of a list.
fn split(body: &Bytes) -> Result<Vec<&[u8]>, BadBatch> {
    let body = body.trim_ascii();
    if !body.starts_with(b"[") {
        let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        return Ok(lines.filter(|line| !line.is_empty()).collect());
    }
    let members: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|error| bad("invalid_json", &reason_of(&error)))?;
    Ok(members.into_iter().map(|member| member.get().as_bytes()).collect())
}

fn check(record: &str) -> Result<ValidRecord, String> {
    if record.len() > MAX_RECORD_BYTES {
        return Err("the record is larger than 65536 bytes".to_owned());
    }
    let raw: &RawValue = serde_json::from_str(record).map_err(|error| reason_of(&error))?;
    let valid = check_record(raw, None)?;
    if !fields::is_name(&valid.record.node) || !fields::is_name(&valid.record.boot) {
        return Err("`node` and `boot` must be 1 to 256 characters long".to_owned());
    }
    Ok(valid)
}

fn readable_seq(record: &str) -> Option<u64> {
    super::readable_seq(serde_json::from_str(record).ok()?)
}
