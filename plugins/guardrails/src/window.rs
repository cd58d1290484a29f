//! A stream of text under guard: what may go, what has to wait, what was found.
//!
//! Text goes as soon as no finding can begin in it any more. What could still become one is held back, and no more
//! than that: at most [`Guard::hold_limit`] bytes, in prose the last word. What stood before is remembered for context
//! without being held. Findings equal those of [`Guard::find`] on the whole text, whichever way it was cut.

use crate::policies::Policies;
use crate::resolve::Resolver;
use crate::scan::{self, ScanState};
use crate::text::Text;
use crate::{Finding, Guard};

/// Bytes before a match that its context is looked for in.
pub(crate) const BEHIND: usize = 256;
/// Let this much pile up before the rest is moved to the front.
const SLACK: usize = 4096;

/// One text that comes in pieces: one choice, one tool call's arguments. Not for use with another guard later.
#[derive(Debug)]
pub struct Window {
    policies: Policies,
    buffer: Vec<u8>,
    /// Position of the first byte of the buffer.
    base: usize,
    /// Position up to which text has gone.
    released: usize,
    scan: ScanState,
    resolver: Resolver,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// Position of the first released byte.
    pub start: usize,
    /// What may go now, whole characters if the text is UTF-8. Findings in it are for the caller to act upon.
    pub released: &'a [u8],
    /// Bytes that wait for what comes next.
    pub held: usize,
    /// Findings in what is released, sorted by their start; positions count from the beginning of the stream.
    pub findings: Vec<Finding>,
}

impl Window {
    /// A window for some of a guard's policies.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self {
            policies,
            buffer: Vec::new(),
            base: 0,
            released: 0,
            scan: ScanState::default(),
            resolver: Resolver::default(),
        }
    }

    /// The next piece. It may be empty, and may end within a character.
    pub fn push(&mut self, guard: &Guard, chunk: &[u8]) -> Step<'_> {
        self.make_room();
        self.buffer.extend_from_slice(chunk);
        let text = Text::new(&self.buffer, self.base, false);
        let known = scan::scan(guard, self.policies, &text, &mut self.scan, &mut self.resolver);
        let free = self.resolver.settle(known.min(text.last_char()));
        self.step(free)
    }

    /// The stream has ended: everything that was held goes.
    pub fn finish(&mut self, guard: &Guard) -> Step<'_> {
        let text = Text::new(&self.buffer, self.base, true);
        scan::scan(guard, self.policies, &text, &mut self.scan, &mut self.resolver);
        let end = text.end();
        self.resolver.settle(usize::MAX);
        self.step(end)
    }

    /// Bytes that wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.base + self.buffer.len() - self.released
    }

    pub(crate) fn whole(&mut self, guard: &Guard, text: &[u8]) -> Vec<Finding> {
        let text = Text::new(text, 0, true);
        scan::scan(guard, self.policies, &text, &mut self.scan, &mut self.resolver);
        self.resolver.settle(usize::MAX);
        self.resolver.take(usize::MAX)
    }

    fn step(&mut self, free: usize) -> Step<'_> {
        let start = self.released;
        self.released = free.max(start);
        let findings = self.resolver.take(self.released);
        let released = self.buffer.get(start - self.base..self.released - self.base).unwrap_or_default();
        Step { start, released, held: self.base + self.buffer.len() - self.released, findings }
    }

    fn make_room(&mut self) {
        let done = self.released.saturating_sub(BEHIND).saturating_sub(self.base);
        if done >= SLACK {
            self.buffer.drain(..done);
            self.base += done;
        }
    }
}
