//! A stream of text under guard: releases text and reports findings.
//!
//! Text is released as soon as no finding can begin in it any more. Text that could still become a finding is held back: at most
//! [`Guard::hold_limit`] bytes, in prose the last word. Text before it is kept for context without being held. Findings equal those
//! of [`Guard::find`] on the whole text, whichever way it was cut.

use crate::context::KindSet;
use crate::policies::Policies;
use crate::resolve::Resolver;
use crate::scan::{self, Pass, ScanPositions};
use crate::text::{LOOKBEHIND_BYTES, Runs, Text};
use crate::{Finding, Guard};
use std::ops::ControlFlow;

/// Released bytes that accumulate before the rest is moved to the front.
const SLACK: usize = 4096;
/// Bytes of a whole text that are read before findings are handed out.
const STRETCH: usize = 64 << 10;

/// One text that comes in pieces: one choice, one tool call's arguments. Not for use with another guard later.
#[derive(Debug)]
pub struct StreamScanner {
    policies: Policies,
    buffer: Vec<u8>,
    /// Position of the first byte of the buffer.
    base: usize,
    /// Position up to which text has gone.
    released: usize,
    kinds: Option<KindSet>,
    positions: ScanPositions,
    runs: Runs,
    resolver: Resolver,
    /// Every place is examined, not only those where something can begin.
    #[cfg(any(test, feature = "reference"))]
    reference: bool,
}

/// The result of a push.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// Position of the first released byte.
    pub start: usize,
    /// Released bytes, whole characters if the text is UTF-8. The caller acts on the findings in them.
    pub released: &'a [u8],
    /// Bytes that are held back.
    pub held: usize,
    /// Findings in the released bytes, sorted by their start; positions count from the beginning of the stream.
    pub findings: Vec<Finding>,
}

impl StreamScanner {
    /// Creates a scanner for some of a guard's policies.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self {
            policies,
            buffer: Vec::new(),
            base: 0,
            released: 0,
            kinds: None,
            positions: ScanPositions::default(),
            runs: Runs::default(),
            resolver: Resolver::default(),
            #[cfg(any(test, feature = "reference"))]
            reference: false,
        }
    }

    /// Creates a scanner that examines every place. It must come to the same findings, which tests hold it to.
    #[cfg(any(test, feature = "reference"))]
    #[must_use]
    pub fn reference(policies: Policies) -> Self {
        Self { reference: true, ..Self::new(policies) }
    }

    /// Scans the next piece. It may be empty, and may end within a character.
    pub fn push(&mut self, guard: &Guard, chunk: &[u8]) -> Step<'_> {
        self.make_room();
        self.buffer.extend_from_slice(chunk);
        let (known, last_char) = self.advance(guard, false);
        let free = self.resolver.settle(known.min(last_char));
        self.step(free)
    }

    /// Ends the stream and releases all held bytes.
    pub fn finish(&mut self, guard: &Guard) -> Step<'_> {
        let (_, end) = self.advance(guard, true);
        self.resolver.settle(usize::MAX);
        self.step(end)
    }

    /// Returns up to where verdicts are known, and where the last whole character ends.
    fn advance(&mut self, guard: &Guard, whole: bool) -> (usize, usize) {
        #[cfg(any(test, feature = "reference"))]
        let reference = self.reference;
        let Self { policies, buffer, base, kinds, positions, runs, resolver, .. } = self;
        let text = Text::new(buffer, *base, whole, runs);
        let kinds = *kinds.get_or_insert_with(|| guard.kinds(*policies));
        let mut pass = Pass {
            guard,
            policies: *policies,
            kinds,
            text: &text,
            resolver,
            #[cfg(any(test, feature = "reference"))]
            reference,
        };
        let known = scan::advance(&mut pass, positions, usize::MAX);
        (known, if whole { text.end() } else { text.last_char() })
    }

    /// Returns how many bytes are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.base + self.buffer.len() - self.released
    }

    /// Calls `found` with the findings of a whole text until it breaks. It is read in stretches, so that
    /// few candidates are pending at a time.
    pub(crate) fn whole(
        &mut self,
        guard: &Guard,
        text: &[u8],
        mut found: impl FnMut(Finding) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let text = Text::new(text, 0, true, &self.runs);
        let (policies, kinds) = (self.policies, guard.kinds(self.policies));
        let mut upto = 0;
        while upto < text.end() {
            upto += STRETCH;
            let mut pass = Pass {
                guard,
                policies,
                kinds,
                text: &text,
                resolver: &mut self.resolver,
                #[cfg(any(test, feature = "reference"))]
                reference: self.reference,
            };
            let known = scan::advance(&mut pass, &mut self.positions, upto);
            let free = self.resolver.settle(if upto < text.end() { known } else { usize::MAX });
            let mut flow = ControlFlow::Continue(());
            self.resolver.take(free, |finding| {
                if flow.is_continue() {
                    flow = found(finding);
                }
            });
            flow?;
        }
        ControlFlow::Continue(())
    }

    fn step(&mut self, free: usize) -> Step<'_> {
        let start = self.released;
        self.released = free.max(start);
        let mut findings = Vec::new();
        self.resolver.take(self.released, |finding| findings.push(finding));
        let released = self.buffer.get(start - self.base..self.released - self.base).unwrap_or_default();
        Step { start, released, held: self.base + self.buffer.len() - self.released, findings }
    }

    fn make_room(&mut self) {
        let done = self.released.saturating_sub(LOOKBEHIND_BYTES).saturating_sub(self.base);
        if done >= SLACK {
            self.buffer.drain(..done);
            self.base += done;
        }
    }
}
