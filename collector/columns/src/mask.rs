//! The set of matching records of a segment. Often all match or none, and only otherwise is there a byte for each.

/// The set of records of a segment that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// Every record.
    All,
    /// No record.
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

    /// Returns the records that do not match.
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

    /// Returns the number of matching records of `rows`.
    pub fn count(&self, rows: usize) -> u64 {
        match self {
            Self::All => u64::try_from(rows).unwrap_or(u64::MAX),
            Self::Nothing => 0,
            Self::Some(marks) => marks.iter().map(|mark| u64::from(*mark)).sum(),
        }
    }

    /// Returns whether the record at this place matches.
    pub(super) fn has(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Some(marks) => marks.get(row) == Some(&1),
        }
    }
}

/// Sets whether a record matches.
pub(super) fn mark(marks: &mut [u8], row: usize, matches: u8) {
    if let Some(slot) = marks.get_mut(row) {
        *slot = matches;
    }
}
