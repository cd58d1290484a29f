//! Of findings that overlap one stands: the one with the better proof, then the one whose own word is nearer, then the
//! longer one, then the earlier one.
//!
//! This is decided for each policy by itself, from left to right, so that a policy that only monitors cannot take a
//! finding away from one that blocks. On a stream the same decisions fall in the same order, because a candidate is
//! not looked at before everything that begins earlier is known.
//!
//! Candidates come out of order, one pass behind the other, and a hostile text has one every few bytes. So both what
//! waits and what is done lie in ordered sets: no step costs more than the logarithm of their number.

use crate::Finding;
use crate::kinds::{Kind, Proof};
use crate::policies::Policies;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

/// What a detector saw. Positions count from the beginning of the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) score: f32,
    pub(crate) policies: Policies,
    /// How near its own word is: the nearer, the more; 0 for none.
    pub(crate) told: u16,
}

impl Candidate {
    /// A number beside its own word is what that word says, whatever else has the same form; so it counts like one with a
    /// check sum, and more than another that no word tells of.
    fn weight(&self) -> (Proof, u16, usize) {
        let proof = self.kind.info().proof;
        let proof = if self.told > 0 { proof.max(Proof::Checksum) } else { proof };
        (proof, self.told, self.end - self.start)
    }
}

/// A candidate in the order in which candidates are decided upon; the first one is the greatest.
#[derive(Debug, PartialEq)]
struct Next(Candidate);

impl Next {
    fn order(&self) -> (Reverse<usize>, (Proof, u16, usize), Reverse<Kind>, Policies) {
        let Self(candidate) = self;
        (Reverse(candidate.start), candidate.weight(), Reverse(candidate.kind), candidate.policies)
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// Candidates on their way to findings.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    waiting: BinaryHeap<Next>,
    /// The one that stands so far, for each policy that has one.
    standing: Vec<Option<Candidate>>,
    /// The policies that have one.
    open: Policies,
    /// Start, policy and end of what is decided, with its kind and score.
    done: BTreeMap<(usize, u8, usize), (Kind, f32)>,
    /// Where the first one that stands begins, and how far text may go for that.
    freed: Option<(usize, usize)>,
}

impl Resolver {
    pub(crate) fn add(&mut self, candidate: Candidate) {
        crate::steps::count(1);
        self.waiting.push(Next(candidate));
    }

    /// Nothing that begins before `known` will come any more. Returns how far text may go: up to what is undecided.
    pub(crate) fn settle(&mut self, known: usize) -> usize {
        while self.waiting.peek().is_some_and(|Next(candidate)| candidate.start < known) {
            let Some(Next(candidate)) = self.waiting.pop() else { break };
            for policy in candidate.policies.iter() {
                self.offer(policy, candidate);
            }
        }
        let mut first: Option<usize> = None;
        for policy in self.open.iter() {
            let Some(Some(candidate)) = self.standing.get(usize::from(policy)).copied() else { continue };
            if candidate.end > known {
                first = Some(first.map_or(candidate.start, |first| first.min(candidate.start)));
            } else {
                self.stand(policy, None);
                self.finish(policy, candidate);
            }
        }
        match first {
            Some(first) => self.free(first.min(known)),
            None => known,
        }
    }

    fn offer(&mut self, policy: u8, candidate: Candidate) {
        crate::steps::count(1);
        let Some(Some(standing)) = self.standing.get(usize::from(policy)).copied() else {
            return self.stand(policy, Some(candidate));
        };
        if candidate.start >= standing.end {
            self.finish(policy, standing);
            self.stand(policy, Some(candidate));
        } else if candidate.weight() > standing.weight() {
            self.stand(policy, Some(candidate));
        }
    }

    fn stand(&mut self, policy: u8, candidate: Option<Candidate>) {
        let index = usize::from(policy);
        if self.standing.len() <= index {
            self.standing.resize(index + 1, None);
        }
        match candidate {
            Some(_) => self.open.insert(index),
            None => self.open.remove(index),
        }
        if let Some(place) = self.standing.get_mut(index) {
            *place = candidate;
        }
    }

    fn finish(&mut self, policy: u8, candidate: Candidate) {
        self.done.insert((candidate.start, policy, candidate.end), (candidate.kind, candidate.score));
    }

    /// Text may go up to here without cutting a finding, if what is undecided begins at `undecided`. Findings that are
    /// added later begin behind it, so the answer stays until that changes.
    fn free(&mut self, undecided: usize) -> usize {
        if let Some((_, free)) = self.freed.filter(|(for_this, _)| *for_this == undecided) {
            return free;
        }
        let mut free = undecided;
        for (start, _, end) in self.done.range(..(undecided, 0, 0)).rev().map(|(place, _)| *place) {
            crate::steps::count(1);
            if start < free && end > free {
                free = start;
            }
        }
        self.freed = Some((undecided, free));
        free
    }

    /// Takes the findings that end by `free`, sorted.
    pub(crate) fn take(&mut self, free: usize, mut found: impl FnMut(Finding)) {
        while let Some(first) = self.done.first_entry().filter(|first| first.key().0 < free) {
            let ((start, policy, end), (kind, score)) = first.remove_entry();
            found(Finding { kind, start, end, policy, score });
        }
    }
}
