//! Kinds of bytes: sets of them, and the classes that the masks of a block tell apart.

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;
/// The masks that a scan needs of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Classes {
    /// Letters and digits.
    pub(crate) words: u64,
    pub(crate) digits: u64,
    /// Capital letters.
    pub(crate) upper: u64,
    /// Digits and letters of hexadecimal, in either case.
    pub(crate) hex: u64,
    /// Punctuation at which something can begin or be decided: [`crate::text::class::MARK`].
    pub(crate) marks: u64,
    /// Those of them that something may begin with, judged by the byte behind them, if there are more than a few.
    pub(crate) live: u64,
    /// Signs with which a format may go on behind a word: `: / + = ~ % @ \ #` without a space or a line feed behind them.
    pub(crate) loud: u64,
    /// `\` and `%`, behind which an escape may stand.
    pub(crate) escapes: u64,
    /// Not ASCII.
    pub(crate) wide: u64,
}

/// Returns whether something may begin with a mark before this byte.
#[cfg_attr(all(target_arch = "wasm32", target_feature = "simd128"), allow(dead_code, reason = "masks tell it there"))]
pub(crate) fn is_live(mark: u8, next: u8) -> bool {
    match mark {
        b'<' => matches!(next, b'|' | b'<' | b's' | b'/'),
        b'[' => matches!(next, b'I' | b'S' | b's'),
        b'#' | b'-' | b':' => next == mark,
        b'(' => next.is_ascii_digit(),
        b'+' => matches!(next, b'1'..=b'9' | b'('),
        b'@' | b'~' | b'=' => true,
        _ => false,
    }
}

/// Some bytes.
#[derive(Debug, Clone)]
pub(crate) struct ByteSet {
    members: [bool; 256],
    /// For each low half of a byte, bits of the high halves with which it is a member: 0 to 7, and 8 to 15.
    pub(super) nibbles: [[u8; 16]; 2],
}

impl Default for ByteSet {
    fn default() -> Self {
        Self { members: [false; 256], nibbles: [[0; 16]; 2] }
    }
}

impl ByteSet {
    pub(crate) fn insert(&mut self, byte: u8) {
        let (high, low) = (byte >> 4, byte & 15);
        if let Some(member) = self.members.get_mut(usize::from(byte)) {
            *member = true;
        }
        if let Some(bits) = self.nibbles.get_mut(usize::from(high / 8)).and_then(|half| half.get_mut(usize::from(low)))
        {
            *bits |= 1 << (high % 8);
        }
    }

    #[inline]
    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.members.get(usize::from(byte)) == Some(&true)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.iter().filter(|member| **member).count()
    }
}

impl FromIterator<u8> for ByteSet {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        let mut set = Self::default();
        bytes.into_iter().for_each(|byte| set.insert(byte));
        set
    }
}
