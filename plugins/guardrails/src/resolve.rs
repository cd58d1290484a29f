//! Chooses between findings that overlap: the better proof wins, then the nearer word of its own, then the longer one, then the
//! earlier one.
//!
//! Each policy is decided by itself, from left to right, so that a policy that only monitors cannot take a finding away
//! from one that blocks. On a stream the same decisions fall in the same order, because a candidate is not decided before
//! everything that begins earlier is known.
//!
//! Candidates come out of order, one pass behind the other, and a hostile text has one every few bytes. So pending candidates and
//! settled findings lie in queues that are nearly always appended to, and late candidates wait in a heap.

use crate::Finding;
use crate::kinds::{Kind, Proof};
use crate::policies::Policies;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// A candidate may pass so many others on its way to its place in the queue.
const A_FEW: usize = 16;

/// A possible finding. Positions count from the beginning of the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) score: f32,
    pub(crate) policies: Policies,
    /// Nearness of its own word: the nearer, the more; 0 for none.
    pub(crate) told: usize,
}

impl Candidate {
    /// Returns the weight. A number beside its own word is of that kind, even if others have the same form; so it counts like one with a
    /// check sum, and more than another that no word tells of.
    fn weight(&self) -> (Proof, usize, usize) {
        let proof = self.kind.info().proof;
        let proof = if self.told > 0 { proof.max(Proof::Checksum) } else { proof };
        (proof, self.told, self.end - self.start)
    }

    /// Returns its place among others that begin where it does: weight and kind, the most important bits highest.
    fn order(&self) -> u64 {
        let (proof, told, length) = self.weight();
        let length = (length as u64).min(0xFF_FFFF);
        (proof as u64) << 56 | (told as u64) << 40 | length << 16 | u64::from(!(self.kind as u16))
    }
}

/// A candidate in the order in which candidates are decided upon; the first one is the greatest.
#[derive(Debug)]
struct PendingCandidate(Candidate);

impl PartialEq for PendingCandidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PendingCandidate {}

impl PartialOrd for PendingCandidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PendingCandidate {
    #[inline]
    fn cmp(&self, Self(other): &Self) -> Ordering {
        let Self(this) = self;
        // Hardly any begin at the same place.
        let by_start = other.start.cmp(&this.start);
        by_start.then_with(|| this.order().cmp(&other.order()).then_with(|| this.policies.cmp(&other.policies)))
    }
}

/// A finding that is decided upon.
#[derive(Debug, Clone, Copy)]
struct SettledFinding {
    start: usize,
    end: usize,
    policy: u8,
    kind: Kind,
    score: f32,
}

impl SettledFinding {
    fn new(policy: u8, &Candidate { start, end, kind, score, .. }: &Candidate) -> Self {
        Self { start, end, policy, kind, score }
    }

    fn place(&self) -> (usize, u8, usize) {
        (self.start, self.policy, self.end)
    }
}

/// Candidates on their way to findings.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    /// Candidates that came in order, the first one in front. Nearly all do, and a heap would move them about.
    queue: VecDeque<PendingCandidate>,
    /// Candidates that came late.
    late: BinaryHeap<PendingCandidate>,
    /// The one that stands so far, for each policy that has one.
    standing: Vec<Option<Candidate>>,
    /// The policies that have one.
    open: Policies,
    /// Settled findings, sorted. They come nearly in order: one of another policy comes late only if it is long, and
    /// then no further one of that policy lies within it.
    done: VecDeque<SettledFinding>,
    /// The beginning of the first one that stands, and the place up to which text may go for that.
    freed: Option<(usize, usize)>,
}

impl Resolver {
    #[inline]
    pub(crate) fn add(&mut self, candidate: Candidate) {
        crate::steps::count(1);
        let next = PendingCandidate(candidate);
        let late = self.queue.back().is_some_and(|last| *last < next);
        // It is moved afterwards, because a value that is handed to a function is written to memory and read back.
        self.queue.push_back(next);
        if late {
            self.move_last();
        }
    }

    /// Moves the last candidate of the queue to its place.
    fn move_last(&mut self) {
        let Some(next) = self.queue.pop_back() else { return };
        let behind = self.queue.iter().rev().take(A_FEW + 1).take_while(|other| **other < next).count();
        crate::steps::count(behind);
        match self.queue.len() - behind {
            _ if behind > A_FEW => self.late.push(next),
            place => self.queue.insert(place, next),
        }
    }

    /// Nothing that begins before `known` will come any more. Returns how far text may go: up to the first undecided candidate.
    pub(crate) fn settle(&mut self, known: usize) -> usize {
        while let Some(candidate) = self.next_before(known) {
            for policy in candidate.policies.iter() {
                self.offer(policy, &candidate);
            }
        }
        let mut first: Option<usize> = None;
        for policy in self.open.iter() {
            let Some(Some(candidate)) = self.standing.get(usize::from(policy)).copied() else { continue };
            if candidate.end > known {
                first = Some(first.map_or(candidate.start, |first| first.min(candidate.start)));
            } else {
                self.stand(policy, None);
                self.finish(SettledFinding::new(policy, &candidate));
            }
        }
        match first {
            Some(first) => self.free(first.min(known)),
            None => known,
        }
    }

    /// Takes the first candidate that waits and begins before `known`.
    #[inline]
    fn next_before(&mut self, known: usize) -> Option<Candidate> {
        if !self.late.is_empty() && self.late.peek() > self.queue.front() {
            self.late.peek().filter(|late| late.0.start < known)?;
            return self.late.pop().map(|next| next.0);
        }
        self.queue.front().filter(|next| next.0.start < known)?;
        self.queue.pop_front().map(|next| next.0)
    }

    #[inline]
    fn offer(&mut self, policy: u8, candidate: &Candidate) {
        crate::steps::count(1);
        let Some(Some(standing)) = self.standing.get_mut(usize::from(policy)) else {
            return self.stand(policy, Some(*candidate));
        };
        if candidate.start >= standing.end {
            let done = SettledFinding::new(policy, standing);
            *standing = *candidate;
            self.finish(done);
        } else if candidate.weight() > standing.weight() {
            *standing = *candidate;
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

    #[inline]
    fn finish(&mut self, done: SettledFinding) {
        let late = self.done.back().is_some_and(|last| last.place() >= done.place());
        // It is moved afterwards, as in [`Self::add`].
        self.done.push_back(done);
        if late {
            self.move_last_done();
        }
    }

    /// Moves the last settled finding to its place.
    fn move_last_done(&mut self) {
        let Some(done) = self.done.pop_back() else { return };
        let behind = self.done.iter().rev().take_while(|other| other.place() >= done.place()).count();
        crate::steps::count(behind);
        self.done.insert(self.done.len() - behind, done);
    }

    /// Returns how far text may go without cutting a finding, if the first undecided candidate begins at `undecided`. Findings that are
    /// added later begin behind it, so the answer stays until that changes.
    fn free(&mut self, undecided: usize) -> usize {
        if let Some((_, free)) = self.freed.filter(|(for_this, _)| *for_this == undecided) {
            return free;
        }
        let mut free = undecided;
        for &SettledFinding { start, end, .. } in self.done.iter().rev().filter(|done| done.start < undecided) {
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
        while let Some(SettledFinding { start, end, policy, kind, score }) = self.done.front().copied() {
            if start >= free {
                return;
            }
            self.done.pop_front();
            found(Finding { kind, start, end, policy, score });
        }
    }
}
