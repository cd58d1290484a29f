//! The lines of a log, their spreadsheet, and the subtrees between them.

use super::maker::{Maker, Writer};
use crate::packets::fault::PacketFault;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_packet::{Node, cover};
use headgate_collector_store::tree::{NodeFault, StoredTree, index_of};
use headgate_collector_tree::{CompactRange, Hash, NodeSource as _, leaf_hash};
use headgate_collector_types::{Log, StoredEntry};
use std::io::Write as _;

/// The bytes of a spreadsheet that are collected before they are written.
const SHEET_BYTES: usize = 256 << 10;

/// An entry that was read: its index, its bytes, and the subtrees between the entry before and this one.
pub(super) struct ReadEntry {
    pub(super) index: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) nodes: Vec<Node>,
}

/// Returns the intact entries of a page, each with the subtrees between the entry before and it. The first subtree begins at `next`.
pub(super) fn with_nodes(
    db: &Db,
    log: Log,
    next: u64,
    entries: impl Iterator<Item = (i64, StoredEntry)>,
) -> Result<Vec<ReadEntry>, NodeFault> {
    let mut tree = StoredTree::open(db, log)?.ok_or(StoreError::Damaged)?;
    let (mut next, mut read) = (next, Vec::new());
    for (position, entry) in entries {
        let StoredEntry::Intact(bytes) = entry else { continue };
        let index = index_of(position);
        read.push(ReadEntry { index, bytes, nodes: nodes(&mut tree, next, index)? });
        next = index.saturating_add(1);
    }
    Ok(read)
}

/// Returns the subtrees from an index to before another.
fn nodes(tree: &mut StoredTree<'_>, first: u64, end: u64) -> Result<Vec<Node>, NodeFault> {
    cover(first, end).map(|(index, level)| Ok(Node { index, level, hash: tree.node(level, index >> level)? })).collect()
}

/// The files of one log.
pub(super) struct LogWriter {
    log: Log,
    sheet: Writer,
    rows: Vec<u8>,
    nodes: Writer,
    tree: CompactRange,
    /// Whether lines are other bytes than their leaves.
    redacted: bool,
    pub(super) lines: u64,
    /// The index of the first line, and the index behind the last.
    pub(super) own: Option<(u64, u64)>,
}

impl LogWriter {
    /// Begins the files beside the packet: those of the spreadsheet and of the subtrees.
    pub(super) fn begin(
        maker: &Maker<'_, '_>,
        log: Log,
        [sheet, nodes]: [&str; 2],
        redacted: bool,
    ) -> Result<Self, PacketFault> {
        let (mut sheet_part, mut nodes_part) = (maker.part("sheet")?, maker.part("nodes")?);
        sheet_part.begin(sheet)?;
        nodes_part.begin(nodes)?;
        let tree = CompactRange::default();
        Ok(Self { log, sheet: sheet_part, rows: Vec::new(), nodes: nodes_part, tree, redacted, lines: 0, own: None })
    }

    /// Returns the index at which the tree goes on.
    pub(super) const fn next(&self) -> u64 {
        self.tree.size()
    }

    /// Writes a line to the packet, whose current file is that of the log. `line` is the entry as the packet shows it.
    pub(super) fn line(&mut self, packet: &mut Writer, entry: &ReadEntry, line: &[u8]) -> Result<(), PacketFault> {
        self.put_nodes(&entry.nodes)?;
        let leaf = leaf_hash(&entry.bytes);
        if self.redacted {
            self.put_nodes(&[Node { index: entry.index, level: 0, hash: leaf }])?;
        } else {
            self.tree.push(leaf, |_, _, _| {});
        }
        packet.write_all(line)?;
        packet.write_all(b"\n")?;
        self.lines = self.lines.saturating_add(1);
        let first = self.own.map_or(entry.index, |(first, _)| first);
        self.own = Some((first, entry.index.saturating_add(1)));
        Ok(())
    }

    /// Writes rows of the spreadsheet.
    pub(super) fn rows(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), PacketFault> {
        write(&mut self.rows);
        if self.rows.len() >= SHEET_BYTES {
            self.sheet.write_all(&self.rows)?;
            self.rows.clear();
        }
        Ok(())
    }

    fn put_nodes(&mut self, nodes: &[Node]) -> Result<(), PacketFault> {
        for node in nodes {
            if node.index != self.tree.size() || !self.tree.push_subtree(node.level, node.hash, |_, _, _| {}) {
                return Err(PacketFault::Contradicted);
            }
            self.nodes.write_all(&node.to_bytes())?;
        }
        Ok(())
    }

    /// Writes the subtrees behind the last line, and appends the files to the packet. The tree must have this size and root.
    pub(super) fn finish(
        mut self,
        maker: &mut Maker<'_, '_>,
        packet: &mut Writer,
        (size, root): (u64, Hash),
    ) -> Result<(), PacketFault> {
        let (log, next) = (self.log, self.next());
        let rest = maker.reading.try_step(|db| -> Result<_, NodeFault> {
            let mut tree = StoredTree::open(db, log)?.ok_or(StoreError::Damaged)?;
            nodes(&mut tree, next, size)
        })??;
        self.put_nodes(&rest)?;
        if (self.tree.size(), self.tree.root()) != (size, root) {
            return Err(PacketFault::Contradicted);
        }
        self.sheet.write_all(&self.rows)?;
        packet.append(self.sheet)?;
        Ok(packet.append(self.nodes)?)
    }
}
