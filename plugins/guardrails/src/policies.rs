//! Sets of policies: one bit for each of a guard's policies.

/// Most policies of one guard.
pub const MAX_POLICIES: usize = 128;

/// Some of a guard's policies, by their index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Policies(u128);

impl Policies {
    /// None.
    pub const NONE: Self = Self(0);
    /// All policies of a guard.
    pub const ALL: Self = Self(u128::MAX);

    /// Adds the policy with this index; nothing beyond [`MAX_POLICIES`].
    pub fn insert(&mut self, index: usize) {
        if index < MAX_POLICIES {
            self.0 |= 1 << index;
        }
    }

    /// Takes the policy with this index out.
    pub(crate) fn remove(&mut self, index: usize) {
        if index < MAX_POLICIES {
            self.0 &= !(1 << index);
        }
    }

    /// Returns whether the policy with this index is one of them.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        index < MAX_POLICIES && self.0 >> index & 1 == 1
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their indices, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let index = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            // At most 127.
            (index < 128).then_some(index as u8)
        })
    }
}

impl FromIterator<usize> for Policies {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut set = Self::NONE;
        indices.into_iter().for_each(|index| set.insert(index));
        set
    }
}
