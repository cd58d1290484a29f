//! One log of a packet: its lines against the checkpoint, and against what the manifest says of them.

use super::archive::{Archive, Source, broken};
use super::lines;
use super::log_files::LogFiles;
use super::tree_walk::TreeWalk;
use crate::{AUDIT_CSV, ControlTotals, Kind, LogPart, Manifest, REQUESTS_CSV};
use headgate_collector_tree::{Check, Checkpoint, Verdict, leaf_hash};
use serde::Deserialize;
use std::io::{BufReader, Read};

/// The bytes that are read at a time.
const BUFFER: usize = 256 << 10;

/// The check of one log.
pub(super) struct LogCheck<'a, S: Source> {
    pub(super) source: &'a S,
    pub(super) manifest: &'a Manifest,
    pub(super) part: &'a LogPart,
    pub(super) files: LogFiles,
    pub(super) checkpoint: Checkpoint,
}

/// The facts that the lines of a log state.
#[derive(Default)]
struct LinesRead {
    lines: u64,
    in_period: u64,
    totals: ControlTotals,
}

#[derive(Deserialize)]
struct AuditTime {
    time: u64,
}

impl<S: Source> LogCheck<'_, S> {
    pub(super) fn run(&self, verdict: &mut Verdict) -> Result<(), Check> {
        let log = self.files.log;
        let redacted = self.redacted();
        let mut nodes = Archive::open(self.source)?;
        let nodes = BufReader::with_capacity(BUFFER, nodes.file(self.files.nodes)?);
        let mut walk =
            TreeWalk::new(nodes, (self.part.first, self.part.end)).map_err(|e| broken(self.files.nodes, e))?;
        let found = self.read(&mut walk)?;
        let (between, single, own) = {
            let tree = walk.finish().map_err(|e| Check::contradicted(log, e.to_string()))?;
            if (tree.size(), tree.root()) != (self.checkpoint.size, self.checkpoint.root) {
                return Err(Check::contradicted(
                    log,
                    "its entries are not those that the checkpoint was signed for: one was changed, added, removed or moved",
                ));
            }
            (walk.between, walk.single, walk.own)
        };
        let part = self.part;
        let own_fits = redacted || own.unwrap_or((0, 0)) == (part.first, part.end);
        let expected = if redacted { part.end.saturating_sub(part.first) } else { part.outside.total() };
        if part.size != self.checkpoint.size
            || !own_fits
            || between != expected
            || (found.lines, found.in_period) != (part.lines, part.in_period)
            || (redacted && single < part.lines)
        {
            return Err(Check::contradicted(log, "the manifest has other numbers of entries than the packet"));
        }
        if self.manifest.kind == Kind::Whole && part.outside.not_matched > 0 {
            return Err(Check::contradicted(log, "the packet is called whole, and entries were left out"));
        }
        verdict.add(Check::holds(log, self.text(&found)));
        if log == "requests" {
            if found.totals != self.manifest.totals {
                return Err(Check::contradicted("totals", "the sums of the manifest are not those of the records"));
            }
            verdict.add(Check::holds("totals", "the control totals are the sums of the records"));
        }
        self.twin(verdict)
    }

    fn redacted(&self) -> bool {
        self.files.log == "requests" && !self.manifest.scope.redact.is_empty()
    }

    fn text(&self, found: &LinesRead) -> String {
        let LogPart { size, outside, .. } = self.part;
        if self.redacted() {
            return format!("{} redacted entries; the tree of {size} entries has the signed root", found.lines);
        }
        format!(
            "{} entries are in the log, in this order, of {size} that the checkpoint covers; {} others stand between them",
            found.lines,
            outside.total()
        )
    }

    fn read<N: Read>(&self, walk: &mut TreeWalk<N>) -> Result<LinesRead, Check> {
        let name = self.files.lines;
        let mut archive = Archive::open(self.source)?;
        let mut reader = BufReader::with_capacity(BUFFER, archive.file(name)?);
        let (mut found, mut line) = (LinesRead::default(), Vec::new());
        while lines::next(&mut reader, &mut line).map_err(|e| broken(name, e))? {
            found.lines += 1;
            if !self.redacted() {
                walk.leaf(leaf_hash(&line)).map_err(|e| broken(self.files.nodes, e))?;
            }
            let in_period = self.count(&line, &mut found.totals);
            if !in_period && self.manifest.kind == Kind::Filtered && self.files.log == "requests" {
                return Err(Check::contradicted(name, "a record is not of the period"));
            }
            found.in_period += u64::from(in_period);
        }
        Ok(found)
    }

    /// Counts a line, and returns whether it is of the period.
    fn count(&self, line: &[u8], totals: &mut ControlTotals) -> bool {
        let period = (self.manifest.scope.from, self.manifest.scope.to);
        if self.files.log == "requests" {
            return totals.add_line(line, period).unwrap_or(false);
        }
        let time = serde_json::from_slice::<AuditTime>(line).ok().and_then(|entry| i64::try_from(entry.time).ok());
        time.is_some_and(|time| (period.0..period.1).contains(&time))
    }

    /// Verifies that the spreadsheet has as many rows. Its cells have no line ends.
    fn twin(&self, verdict: &mut Verdict) -> Result<(), Check> {
        let name = if self.files.log == "requests" { REQUESTS_CSV } else { AUDIT_CSV };
        let mut archive = Archive::open(self.source)?;
        let mut reader = BufReader::with_capacity(BUFFER, archive.file(name)?);
        let (mut rows, mut line) = (0_u64, Vec::new());
        while lines::next(&mut reader, &mut line).map_err(|e| broken(name, e))? {
            rows += 1;
        }
        if rows.checked_sub(1) != Some(self.part.lines) {
            return Err(Check::contradicted(name, "it has another number of rows than the log's file"));
        }
        verdict.add(Check::holds(name, format!("{} rows, as many as entries", self.part.lines)));
        Ok(())
    }
}
