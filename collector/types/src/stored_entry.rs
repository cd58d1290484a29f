//! An entry as it was read from the store, verified against its leaf hash.

/// An entry as read from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredEntry {
    /// The bytes fit the leaf hash.
    Intact(Vec<u8>),
    /// The bytes at this position do not fit the leaf hash.
    Damaged(i64),
}

impl StoredEntry {
    /// Returns the size in bytes; 0 if the entry is damaged.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Intact(bytes) => bytes.len(),
            Self::Damaged(_) => 0,
        }
    }

    /// Returns the bytes, unless they are damaged.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Intact(bytes) => Some(bytes),
            Self::Damaged(_) => None,
        }
    }

    /// Returns the position, if the entry is damaged.
    #[must_use]
    pub const fn damaged_position(&self) -> Option<i64> {
        match self {
            Self::Intact(_) => None,
            Self::Damaged(position) => Some(*position),
        }
    }
}
