//! The memory of a scan: runs and searches that need not be followed again.

use std::cell::Cell;

/// Runs of a class that were followed before: a detector that begins within one need not follow it again. Without this a
/// text that begins something every few bytes would be read as often as a run is long.
#[derive(Debug)]
pub(crate) struct Runs {
    /// A hash table by class that nothing leaves: two classes that share a slot would forget each other's runs.
    slots: [Cell<Run>; SLOTS],
    pub(crate) memories: SearchMemories,
}

/// Twice as many as there are classes of runs.
const SLOTS: usize = 64;

impl Default for Runs {
    fn default() -> Self {
        Self {
            slots: [const { Cell::new(Run { class: 0, from: 0, to: 0 }) }; SLOTS],
            memories: SearchMemories::default(),
        }
    }
}

/// All bytes of `from..to` are of the class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) class: u32,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Searches that go on where they stopped, each for a thing of its own.
#[derive(Debug, Default)]
pub(crate) struct SearchMemories {
    /// The last line of a private key.
    pub(crate) key_end: Cell<SearchMemory>,
    /// The last byte of Base64 before an end.
    pub(crate) key_digit: Cell<SearchMemory>,
    /// Text from right to left, behind and ahead.
    pub(crate) right_to_left: [Cell<SearchMemory>; 2],
    /// The last `://`, and the last white space.
    pub(crate) scheme: Cell<SearchMemory>,
    pub(crate) space: Cell<SearchMemory>,
    /// The last `;`, and the last name of a setting with `=` after it.
    pub(crate) semicolon: Cell<SearchMemory>,
    pub(crate) setting: Cell<SearchMemory>,
    /// Values that begin within one another.
    pub(crate) nested: Cell<Nested>,
    /// The end of the stretch of invisible characters that was reported last.
    pub(crate) invisible: Cell<usize>,
    /// A run of letters that a name of a month may end in.
    pub(crate) letters: Cell<SearchMemory>,
    /// A stretch with few different bytes.
    pub(crate) monotonous: Cell<SearchMemory>,
    /// The beginning of the last header of a token that names an algorithm.
    pub(crate) header: Cell<Option<usize>>,
    /// The next word of a placeholder.
    pub(crate) placeholder: Cell<SearchMemory>,
}

/// Values with the same end: where the last one began, and how many there were.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nested {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) count: usize,
}

/// The end of a search, and its last match.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SearchMemory {
    pub(crate) from: usize,
    pub(crate) upto: usize,
    pub(crate) found: Option<usize>,
}

impl Runs {
    /// Returns the slot of a class; none if the table is full.
    #[inline]
    pub(super) fn slot(&self, class: u32) -> Option<&Cell<Run>> {
        let first = (class.wrapping_mul(0x9E37_79B1) >> 26) as usize;
        let places = (first..first + SLOTS).filter_map(|place| self.slots.get(place % SLOTS));
        places.into_iter().find(|slot| matches!(slot.get().class, 0) || slot.get().class == class)
    }
}
