//! Interface between a stream and the guard that judges its texts.
//!
//! The stream shows each text in pieces. The guard answers with changes, and with how much of the text is decided.

use std::ops::Range;

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text.
    pub at: Range<usize>,
    /// The replacement.
    pub with: String,
}

/// The reason why a stream must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The guard blocks it.
    Blocked,
    /// It cannot be read, so its content is unknown.
    Unreadable,
}

/// Scans texts in the pieces in which they come.
pub trait Examine {
    /// Scans more of text number `text`; numbers count up from 0 in the order of appearance. `last` tells that the text
    /// ends. Appends edits in order, without overlaps, each once. Returns how many bytes of the text are decided: no later
    /// edit begins before that offset.
    ///
    /// # Errors
    /// Returns [`Halt::Blocked`] if nothing more may pass.
    fn examine(&mut self, text: usize, piece: &str, last: bool, edits: &mut Vec<Edit>) -> Result<usize, Halt>;

    /// Scans a whole text.
    ///
    /// # Errors
    /// Returns [`Halt::Blocked`] if nothing more may pass.
    fn examine_whole(&mut self, text: &str, edits: &mut Vec<Edit>) -> Result<(), Halt>;
}
