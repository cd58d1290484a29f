//! Of findings that overlap one stands: the one with the better proof, then the longer one, then the earlier one.
//!
//! This is decided for each policy by itself, from left to right, so that a policy that only monitors cannot take a
//! finding away from one that blocks. On a stream the same decisions fall in the same order, because a candidate is
//! not looked at before everything that begins earlier is known.

use crate::Finding;
use crate::kinds::{Kind, Proof};
use crate::policies::Policies;

/// What a detector saw. Positions count from the beginning of the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) score: f32,
    pub(crate) policies: Policies,
}

impl Candidate {
    fn weight(&self) -> (Proof, usize) {
        (self.kind.info().proof, self.end - self.start)
    }

    fn finding(&self, policy: u8) -> Finding {
        Finding { kind: self.kind, start: self.start, end: self.end, policy, score: self.score }
    }
}

/// Candidates on their way to findings.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    /// By their start.
    waiting: Vec<Candidate>,
    /// The one that stands so far, for each policy that has one.
    standing: Vec<(u8, Candidate)>,
    done: Vec<Finding>,
}

impl Resolver {
    pub(crate) fn add(&mut self, candidate: Candidate) {
        let at = self.waiting.partition_point(|other| order(other) <= order(&candidate));
        self.waiting.insert(at, candidate);
    }

    /// Nothing that begins before `known` will come any more. Returns how far text may go: up to what is undecided.
    pub(crate) fn settle(&mut self, known: usize) -> usize {
        let ready = self.waiting.partition_point(|candidate| candidate.start < known);
        for candidate in self.waiting.drain(..ready).collect::<Vec<_>>() {
            for policy in candidate.policies.iter() {
                self.offer(policy, candidate);
            }
        }
        let done = &mut self.done;
        self.standing.retain(|(policy, candidate)| {
            let open = candidate.end > known;
            if !open {
                done.push(candidate.finding(*policy));
            }
            open
        });
        self.free(known)
    }

    fn offer(&mut self, policy: u8, candidate: Candidate) {
        let Some(position) = self.standing.iter().position(|(owner, _)| *owner == policy) else {
            return self.standing.push((policy, candidate));
        };
        let Some((_, standing)) = self.standing.get_mut(position) else { return };
        if candidate.start >= standing.end {
            self.done.push(standing.finding(policy));
            *standing = candidate;
        } else if candidate.weight() > standing.weight() {
            *standing = candidate;
        }
    }

    /// Text may go up to here without cutting a finding.
    fn free(&self, known: usize) -> usize {
        let undecided = self.standing.iter().map(|(_, candidate)| candidate.start).min();
        let mut free = undecided.map_or(known, |start| start.min(known));
        while let Some(cut) = self.done.iter().filter(|f| f.start < free && f.end > free).map(|f| f.start).min() {
            free = cut;
        }
        free
    }

    /// Takes the findings that end by `free`, sorted.
    pub(crate) fn take(&mut self, free: usize) -> Vec<Finding> {
        self.done.sort_by_key(|finding| (finding.start, finding.policy, finding.end));
        let (ready, rest) = self.done.drain(..).partition(|finding| finding.end <= free);
        self.done = rest;
        ready
    }
}

fn order(candidate: &Candidate) -> (usize, std::cmp::Reverse<(Proof, usize)>, Kind) {
    (candidate.start, std::cmp::Reverse(candidate.weight()), candidate.kind)
}
