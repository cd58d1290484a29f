//! Which records of a segment match: often all or none, and only else a byte for each.

/// Which records of a segment match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Mask {
    All,
    Nothing,
    /// A byte for each record, 1 for a match.
    Some(Vec<u8>),
}

impl Mask {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::All, mask) | (mask, Self::All) => mask,
            (Self::Some(mut marks), Self::Some(others)) => {
                marks.iter_mut().zip(others).for_each(|(mark, other)| *mark &= other);
                if marks.contains(&1) { Self::Some(marks) } else { Self::Nothing }
            }
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Nothing, mask) | (mask, Self::Nothing) => mask,
            (Self::Some(mut marks), Self::Some(others)) => {
                marks.iter_mut().zip(others).for_each(|(mark, other)| *mark |= other);
                Self::Some(marks)
            }
        }
    }

    /// The records that do not match.
    pub(super) fn not(self) -> Self {
        match self {
            Self::All => Self::Nothing,
            Self::Nothing => Self::All,
            Self::Some(mut marks) => {
                marks.iter_mut().for_each(|mark| *mark = 1 - *mark);
                if marks.contains(&1) { Self::Some(marks) } else { Self::Nothing }
            }
        }
    }

    /// How many records match, of `rows`.
    pub(in crate::store) fn count(&self, rows: usize) -> u64 {
        match self {
            Self::All => u64::try_from(rows).unwrap_or(u64::MAX),
            Self::Nothing => 0,
            Self::Some(marks) => marks.iter().map(|mark| u64::from(*mark)).sum(),
        }
    }

    /// Whether the record at this place matches.
    pub(super) fn has(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Some(marks) => marks.get(row) == Some(&1),
        }
    }
}

/// Notes whether a record matches.
pub(super) fn mark(marks: &mut [u8], row: usize, matches: u8) {
    if let Some(slot) = marks.get_mut(row) {
        *slot = matches;
    }
}
