//! A stream on its way past a guard: events wait until their texts are judged, and not longer.
//!
//! Waiting for the whole answer would take the stream from the client; judging event by event would miss what is cut
//! in two. So each choice and each tool call is one text here, read on across events, and an event waits for as long
//! as the guard says that something in it could still be part of a match. What passes is byte for byte what came, but
//! for the strings that the guard changes.
//!
//! Order: comments, blank lines and pings never wait. The events of one choice stay in order, its end behind its
//! texts. Events of other choices may overtake them. An event that belongs to no choice, `[DONE]` among them, waits
//! for all before it, and all behind it wait for it.

use super::events::{Event, EventReader, Unit};
use super::progress::{Piece, Progress};
use super::spelling::Spelling;
use super::{TextKey, answer_texts};
use crate::rewrite::{Splice, Splices};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;

/// Most bytes of events that wait. A guard needs a few thousand at most; this is for providers that pad their events.
const HELD_LIMIT: usize = 4 << 20;

/// Most texts that one stream is made of.
const MAX_TEXTS: usize = 512;

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text.
    pub at: Range<usize>,
    /// What comes in their place.
    pub with: String,
}

/// Why a stream must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The guard says so.
    Blocked,
    /// It cannot be read, so nobody can say what is in it.
    Unreadable,
}

/// Judges texts in the pieces in which they come.
pub trait Examine {
    /// Reads on in text number `text`; numbers count up from 0 as texts appear. `last` says that no more of it comes.
    /// Appends edits, none overlapping, in order, each once; returns how many bytes of the text are decided: no edit
    /// will begin before that.
    ///
    /// # Errors
    /// [`Halt::Blocked`] if nothing more may pass.
    fn examine(&mut self, text: usize, piece: &str, last: bool, edits: &mut Vec<Edit>) -> Result<usize, Halt>;

    /// The same for a text that comes in one.
    ///
    /// # Errors
    /// As above.
    fn examine_whole(&mut self, text: &str, edits: &mut Vec<Edit>) -> Result<(), Halt>;
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct GuardedStream {
    /// What cannot be read must not pass.
    strict: bool,
    events: EventReader,
    waiting: VecDeque<Waiting>,
    /// How many of those that wait name each choice.
    behind: HashMap<u64, usize>,
    /// How many of them name none.
    bars: usize,
    /// More of some text has been decided since it was last seen who may go.
    progressed: bool,
    waiting_bytes: usize,
    /// Texts that go on, by their key.
    open: HashMap<TextKey, usize>,
    texts: Vec<Progress>,
}

/// An event that waits.
#[derive(Debug)]
struct Waiting {
    event: Event,
    pieces: Vec<Piece>,
    choices: Vec<u64>,
    logprobs: Vec<Range<usize>>,
    /// Changes of texts that came in one.
    splices: Vec<Splice>,
    /// A ping.
    free: bool,
}

impl GuardedStream {
    /// For one stream. With `strict`, an event that cannot be read ends it; without, such events pass as they came.
    #[must_use]
    pub fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    /// Reads a chunk and appends to `out` what may go to the client.
    ///
    /// # Errors
    /// If the stream must end; `out` then has what may still go before its end.
    pub fn push(
        &mut self,
        mut chunk: &[u8],
        last: bool,
        guard: &mut impl Examine,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        while let Some(unit) = self.events.next(&mut chunk) {
            match unit {
                Unit::Between(bytes) => out.extend_from_slice(bytes),
                Unit::Tail(bytes) => self.tail(bytes, out),
                Unit::Event(event) => self.event(event, guard, out)?,
                Unit::TooLarge(_) if self.strict => return Err(Halt::Unreadable),
                Unit::TooLarge(event) => self.wait(Waiting::bare(event), out)?,
            }
        }
        if last {
            if let Some(event) = self.events.rest() {
                self.event(event, guard, out)?;
            }
            self.finish(None, guard)?;
            self.release(out);
        }
        Ok(())
    }

    fn tail(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.waiting.back_mut() {
            Some(waiting) => waiting.event.raw.extend_from_slice(bytes),
            None => out.extend_from_slice(bytes),
        }
    }

    fn event(&mut self, event: Event, guard: &mut impl Examine, out: &mut Vec<u8>) -> Result<(), Halt> {
        let data = event.data.trim_ascii();
        if data.is_empty() {
            out.extend_from_slice(&event.raw);
            return Ok(());
        }
        if data == b"[DONE]" {
            self.finish(None, guard)?;
            return self.wait(Waiting::bare(event), out);
        }
        let Some(found) = answer_texts(&event.data) else {
            return if self.strict { Err(Halt::Unreadable) } else { self.wait(Waiting::bare(event), out) };
        };
        let kind = found.event_type.as_deref();
        let (free, ends) = (kind == Some("ping"), kind == Some("message_stop"));
        let choices: Vec<u64> = found.choices.iter().map(|(choice, _)| *choice).collect();
        let finished: Vec<u64> = found.choices.iter().filter(|(_, over)| *over).map(|(choice, _)| *choice).collect();
        let (mut pieces, mut splices, mut edits) = (Vec::new(), Vec::new(), Vec::new());
        for written in &found.texts {
            if !written.streams || choices.is_empty() {
                let spelled = written.spelled();
                guard.examine_whole(&spelled.text, &mut edits)?;
                spelled.splices(&edits, &mut splices);
                edits.clear();
            } else if let Some(text) = self.text(written.key, written.is_nested()) {
                let (piece, spelling) = written.spelled_once().into_parts();
                pieces.push(self.read(text, &piece, spelling, guard)?);
            } else if self.strict {
                return Err(Halt::Unreadable);
            }
        }
        let logprobs = found.logprobs;
        for choice in finished {
            self.finish(Some(choice), guard)?;
        }
        if ends {
            self.finish(None, guard)?;
        }
        self.wait(Waiting { event, pieces, choices, logprobs, splices, free }, out)
    }

    /// Number of the text that goes on under this key; `None` if there are too many.
    fn text(&mut self, key: TextKey, nested: bool) -> Option<usize> {
        if let Some(text) = self.open.get(&key) {
            return Some(*text);
        }
        let text = self.texts.len();
        if text >= MAX_TEXTS {
            return None;
        }
        self.texts.push(Progress::new(nested));
        self.open.insert(key, text);
        Some(text)
    }

    fn read(&mut self, text: usize, piece: &str, spelling: Spelling, guard: &mut impl Examine) -> Result<Piece, Halt> {
        let Some(progress) = self.texts.get_mut(text) else { return Err(Halt::Unreadable) };
        let (start, decided) = (progress.read, progress.decided);
        progress.read(text, piece, false, guard)?;
        self.progressed |= progress.decided > decided;
        Ok(Piece { text, range: start..progress.read, spelling })
    }

    /// No more comes of the texts of this choice, or of any.
    fn finish(&mut self, choice: Option<u64>, guard: &mut impl Examine) -> Result<(), Halt> {
        let mut over: Vec<(usize, TextKey)> = self
            .open
            .iter()
            .filter(|(key, _)| choice.is_none_or(|choice| key.choice == choice))
            .map(|(key, text)| (*text, *key))
            .collect();
        over.sort_unstable();
        over.into_iter().try_for_each(|(_, key)| self.end_text(key, guard))
    }

    fn end_text(&mut self, key: TextKey, guard: &mut impl Examine) -> Result<(), Halt> {
        let Some(text) = self.open.remove(&key) else { return Ok(()) };
        self.progressed = true;
        self.texts.get_mut(text).map_or(Ok(()), |progress| progress.read(text, "", true, guard))
    }

    fn wait(&mut self, one: Waiting, out: &mut Vec<u8>) -> Result<(), Halt> {
        if std::mem::take(&mut self.progressed) {
            self.release(out);
        }
        let must_wait = !one.free
            && (self.bars > 0
                || (one.choices.is_empty() && !self.waiting.is_empty())
                || one.choices.iter().any(|choice| self.behind.contains_key(choice))
                || one.pieces.iter().any(|piece| self.is_undecided(piece)));
        if !must_wait {
            self.pass(one, out);
            return Ok(());
        }
        self.count_in(&one);
        self.waiting.push_back(one);
        if self.waiting_bytes > HELD_LIMIT && self.strict { Err(Halt::Unreadable) } else { Ok(()) }
    }

    /// Passes on those that need not wait any more.
    fn release(&mut self, out: &mut Vec<u8>) {
        let (mut kept, mut behind, mut closed) = (Vec::new(), BTreeSet::new(), false);
        // Once every choice that is named here has to wait, so has all that follows.
        while !closed && (kept.is_empty() || behind.len() < self.behind.len()) {
            let Some(one) = self.waiting.pop_front() else { break };
            let bars = one.choices.is_empty();
            let must_wait = (bars && !kept.is_empty())
                || one.choices.iter().any(|choice| behind.contains(choice))
                || one.pieces.iter().any(|piece| self.is_undecided(piece));
            if must_wait {
                closed = bars;
                behind.extend(one.choices.iter().copied());
                kept.push(one);
            } else {
                self.count_out(&one);
                self.pass(one, out);
            }
        }
        for one in kept.into_iter().rev() {
            self.waiting.push_front(one);
        }
    }

    fn count_in(&mut self, one: &Waiting) {
        self.waiting_bytes = self.waiting_bytes.saturating_add(one.event.raw.len());
        self.bars += usize::from(one.choices.is_empty());
        for choice in &one.choices {
            *self.behind.entry(*choice).or_default() += 1;
        }
    }

    fn count_out(&mut self, one: &Waiting) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(one.event.raw.len());
        self.bars = self.bars.saturating_sub(usize::from(one.choices.is_empty()));
        for choice in &one.choices {
            if let Some(count) = self.behind.get_mut(choice) {
                *count -= 1;
                if *count == 0 {
                    self.behind.remove(choice);
                }
            }
        }
    }

    fn is_undecided(&self, piece: &Piece) -> bool {
        self.texts.get(piece.text).is_some_and(|text| text.decided < piece.range.end)
    }

    fn pass(&mut self, waiting: Waiting, out: &mut Vec<u8>) {
        let in_raw = |Splice { at, with }| Splice { at: waiting.event.in_raw(&at), with };
        let mut splices: Vec<Splice> = waiting.splices.into_iter().map(in_raw).collect();
        for piece in &waiting.pieces {
            if let Some(text) = self.texts.get_mut(piece.text) {
                text.splices(piece, &waiting.event, &mut splices);
            }
        }
        if !splices.is_empty() {
            let told_again = waiting.logprobs.iter().map(|at| waiting.event.in_raw(at));
            splices.extend(told_again.map(|at| Splice { at, with: b"null".to_vec() }));
        }
        Splices::new(splices).pieces(&waiting.event.raw).for_each(|piece| out.extend_from_slice(piece));
    }
}

impl Waiting {
    fn bare(event: Event) -> Self {
        Self { event, pieces: Vec::new(), choices: Vec::new(), logprobs: Vec::new(), splices: Vec::new(), free: false }
    }
}
