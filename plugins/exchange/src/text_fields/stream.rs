//! A stream that passes a guard: events wait until their texts are decided, and no longer.
//!
//! Waiting for the whole answer would take the stream from the client; scanning event by event would miss text that is
//! split. So each choice and each tool call is one text here, across events, and an event waits for as long as the guard
//! says that something in it could still be part of a match. Events pass byte for byte, except for strings that the guard
//! changes.
//!
//! Order: comments, blank lines and pings never wait. The events of one choice stay in order, its end after its texts.
//! Events of other choices may overtake them. An event without a choice, including `[DONE]`, waits for all before it, and
//! all after it wait for it.

use super::answer_texts;
use super::events::{Event, EventReader, Unit};
use super::examine::{Examine, Halt};
use super::json_escape::EscapeMap;
use super::progress::{TextPiece, TextProgress};
use super::queue::{Queue, Waiting};
use super::text::{TextKey, Texts, WrittenText};
use crate::rewrite::{Splice, Splices};
use std::collections::BTreeMap;

/// Largest size of queued events, bytes. A guard needs a few thousand at most; the rest is for providers that pad events.
const HELD_LIMIT: usize = 4 << 20;

/// Largest number of texts of one stream. A tool call has two: its name and its arguments.
const MAX_TEXTS: usize = 1024;

/// Largest size of a tool's name, bytes. Longer ones cannot be joined.
const MAX_NAME: usize = 1024;

/// A stream under guard.
#[derive(Debug, Default)]
pub struct GuardedStream {
    /// Whether unreadable events end the stream.
    strict: bool,
    events: EventReader,
    waiting: Queue,
    /// Texts that may continue, by their key.
    open: BTreeMap<TextKey, usize>,
    /// Names of tools so far. A name ends with the first event of its choice that does not continue it alone, so that
    /// arguments need not wait for the end of the choice.
    names: BTreeMap<TextKey, ToolName>,
    texts: Vec<TextProgress>,
}

/// The name of a tool.
#[derive(Debug, Default)]
struct ToolName {
    text: String,
    ended: bool,
}

impl GuardedStream {
    /// Returns a stream. With `strict`, an unreadable event ends it; otherwise such events pass unchanged.
    #[must_use]
    pub fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    /// Reads a chunk, and appends the bytes for the client to `out`.
    ///
    /// # Errors
    /// Returns the reason if the stream must end; `out` then contains the bytes that may still pass.
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
        match self.waiting.last_mut() {
            Some(event) => event.raw.extend_from_slice(bytes),
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
        let mut choices: Vec<u64> = found.choices.iter().map(|(choice, _)| *choice).collect();
        let finished: Vec<u64> = found.choices.iter().filter(|(_, over)| *over).map(|(choice, _)| *choice).collect();
        choices.sort_unstable();
        choices.dedup();
        let mut one = Waiting { choices, free, ..Waiting::bare(Event::default()) };
        for written in &found.texts {
            self.read_text(written, guard, &mut one)?;
        }
        self.end_names(&found, &one.choices, guard)?;
        one.logprobs = found.logprobs;
        for choice in finished {
            self.finish(Some(choice), guard)?;
        }
        if ends {
            self.finish(None, guard)?;
        }
        one.event = event;
        self.wait(one, out)
    }

    fn read_text(
        &mut self,
        written: &WrittenText<'_>,
        guard: &mut impl Examine,
        one: &mut Waiting,
    ) -> Result<(), Halt> {
        let goes_on = written.streams && !one.choices.is_empty() && !self.is_ended_name(written, guard)?;
        if !goes_on {
            let (spelled, mut edits) = (written.unescaped_text(), Vec::new());
            guard.examine_whole(&spelled.text, &mut edits)?;
            spelled.splices(&edits, &mut one.splices);
        } else if let Some(text) = self.text(written.key, written.is_nested()) {
            let (piece, escape_map) = written.unescaped_once().into_parts();
            if written.is_name {
                self.names.entry(written.key).or_default().text.push_str(&piece);
            }
            one.pieces.push(self.read(text, written.key.choice, &piece, escape_map, guard)?);
        } else if self.strict {
            return Err(Halt::Unreadable);
        }
        Ok(())
    }

    /// Returns whether this continues a name that has ended. Clients append it nevertheless, so both together must pass.
    /// Some providers repeat the name with every event.
    fn is_ended_name(&mut self, written: &WrittenText<'_>, guard: &mut impl Examine) -> Result<bool, Halt> {
        if !written.is_name {
            return Ok(false);
        }
        let strict = self.strict;
        let Some(name) = self.names.get_mut(&written.key) else { return Ok(false) };
        let piece = written.unescaped_text();
        let is_long = name.text.len().saturating_add(piece.text.len()) > MAX_NAME;
        if name.ended && name.text != piece.text && !is_long {
            let (known, mut edits) = (name.text.len(), Vec::new());
            name.text.push_str(&piece.text);
            guard.examine_whole(&name.text, &mut edits)?;
            if strict && edits.iter().any(|edit| edit.at.contains(&known) && edit.at.start < known) {
                return Err(Halt::Unreadable);
            }
        }
        if is_long && strict { Err(Halt::Unreadable) } else { Ok(name.ended || is_long) }
    }

    /// Ends the names of these choices that this event does not continue, or that it accompanies with other texts.
    fn end_names(&mut self, found: &Texts<'_>, choices: &[u64], guard: &mut impl Examine) -> Result<(), Halt> {
        if self.names.values().all(|name| name.ended) {
            return Ok(());
        }
        let mut named: Vec<TextKey> = found.texts.iter().filter(|text| text.is_name).map(|text| text.key).collect();
        let mut others: Vec<u64> =
            found.texts.iter().filter(|text| !text.is_name && text.streams).map(|text| text.key.choice).collect();
        named.sort_unstable();
        others.sort_unstable();
        for choice in choices {
            let goes_on = others.binary_search(choice).is_err();
            let over =
                |(key, name): &(&TextKey, &ToolName)| !(name.ended || goes_on && named.binary_search(key).is_ok());
            let over: Vec<TextKey> = self.names.range(texts_of(*choice)).filter(over).map(|(key, _)| *key).collect();
            for key in over {
                self.end_text(key, guard)?;
            }
        }
        Ok(())
    }

    /// Returns the number of the text with this key, or `None` if there are too many.
    fn text(&mut self, key: TextKey, nested: bool) -> Option<usize> {
        if let Some(text) = self.open.get(&key) {
            return Some(*text);
        }
        let text = self.texts.len();
        if text >= MAX_TEXTS {
            return None;
        }
        self.texts.push(TextProgress::new(nested));
        self.open.insert(key, text);
        Some(text)
    }

    fn read(
        &mut self,
        text: usize,
        choice: u64,
        piece: &str,
        escape_map: EscapeMap,
        guard: &mut impl Examine,
    ) -> Result<TextPiece, Halt> {
        let Some(progress) = self.texts.get_mut(text) else { return Err(Halt::Unreadable) };
        let (start, decided) = (progress.read, progress.decided);
        progress.read(text, piece, false, guard)?;
        if progress.decided > decided {
            self.waiting.progress(choice);
        }
        Ok(TextPiece { text, range: start..progress.read, escape_map })
    }

    /// Ends the texts of this choice, or of all.
    fn finish(&mut self, choice: Option<u64>, guard: &mut impl Examine) -> Result<(), Halt> {
        let range = choice.map_or(TextKey::default()..=TextKey { choice: u64::MAX, field: u64::MAX }, texts_of);
        let mut over: Vec<(usize, TextKey)> = self.open.range(range).map(|(key, text)| (*text, *key)).collect();
        over.sort_unstable();
        over.into_iter().try_for_each(|(_, key)| self.end_text(key, guard))
    }

    fn end_text(&mut self, key: TextKey, guard: &mut impl Examine) -> Result<(), Halt> {
        if let Some(name) = self.names.get_mut(&key) {
            name.ended = true;
        }
        let Some(text) = self.open.remove(&key) else { return Ok(()) };
        self.texts.get_mut(text).map_or(Ok(()), |progress| progress.read(text, "", true, guard))?;
        self.waiting.progress(key.choice);
        Ok(())
    }

    fn wait(&mut self, one: Waiting, out: &mut Vec<u8>) -> Result<(), Halt> {
        self.release(out);
        let must_wait =
            !one.free && (self.waiting.blocks(&one) || one.pieces.iter().any(|piece| is_undecided(&self.texts, piece)));
        if !must_wait {
            self.pass(one, out);
            return Ok(());
        }
        self.waiting.push(one);
        if self.waiting.bytes() <= HELD_LIMIT {
            return Ok(());
        }
        if self.strict {
            return Err(Halt::Unreadable);
        }
        while let Some(one) = self.waiting.pop_any() {
            self.pass(one, out);
        }
        Ok(())
    }

    /// Passes on the events that are ready.
    fn release(&mut self, out: &mut Vec<u8>) {
        loop {
            let texts = &self.texts;
            let Some(one) = self.waiting.pop(|piece| !is_undecided(texts, piece)) else { return };
            self.pass(one, out);
        }
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

fn is_undecided(texts: &[TextProgress], piece: &TextPiece) -> bool {
    texts.get(piece.text).is_some_and(|text| text.decided < piece.range.end)
}

/// Returns the range of the keys of a choice.
fn texts_of(choice: u64) -> std::ops::RangeInclusive<TextKey> {
    TextKey { choice, field: 0 }..=TextKey { choice, field: u64::MAX }
}
