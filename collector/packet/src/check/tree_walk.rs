//! The tree of a log, built again from the packet's lines and the heads of the subtrees between them.

use crate::{NODE_BYTES, Node};
use headgate_collector_tree::{CompactRange, Hash};
use std::io::{self, Read};

/// A tree that grows from left to right.
pub(super) struct TreeWalk<R> {
    range: CompactRange,
    nodes: R,
    next: Option<Node>,
    /// The leaves under nodes, by whether they are before `first`, between, or from `end` on.
    bounds: (u64, u64),
    /// Leaves between the bounds that are under nodes.
    pub(super) between: u64,
    /// The index of the first leaf that was pushed by itself, and the index behind the last.
    pub(super) own: Option<(u64, u64)>,
    /// Nodes of level 0.
    pub(super) single: u64,
}

impl<R: Read> TreeWalk<R> {
    pub(super) fn new(mut nodes: R, bounds: (u64, u64)) -> io::Result<Self> {
        let next = read(&mut nodes)?;
        Ok(Self { range: CompactRange::default(), nodes, next, bounds, between: 0, own: None, single: 0 })
    }

    /// Appends the nodes that begin where the tree ends.
    fn nodes(&mut self) -> io::Result<()> {
        while let Some(node) = self.next.filter(|node| node.index == self.range.size()) {
            if !self.range.push_subtree(node.level, node.hash, |_, _, _| {}) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a subtree does not fit its place"));
            }
            let (first, end) = (node.index.max(self.bounds.0), self.range.size().min(self.bounds.1));
            self.between = self.between.saturating_add(end.saturating_sub(first));
            self.single = self.single.saturating_add(u64::from(node.level == 0));
            self.next = read(&mut self.nodes)?;
        }
        Ok(())
    }

    /// Appends the leaf of a line.
    pub(super) fn leaf(&mut self, leaf: Hash) -> io::Result<()> {
        self.nodes()?;
        let index = self.range.size();
        self.own = Some((self.own.map_or(index, |(first, _)| first), index.saturating_add(1)));
        self.range.push(leaf, |_, _, _| {});
        Ok(())
    }

    /// Appends the rest, and returns the tree; an error if nodes are left over.
    pub(super) fn finish(&mut self) -> io::Result<&CompactRange> {
        self.nodes()?;
        match self.next {
            None => Ok(&self.range),
            Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "subtrees and lines do not fit each other")),
        }
    }
}

fn read<R: Read>(nodes: &mut R) -> io::Result<Option<Node>> {
    let mut bytes = [0; NODE_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match nodes.read(rest)? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(Node::from_bytes(&bytes))
}
