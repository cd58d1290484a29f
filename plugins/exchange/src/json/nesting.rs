//! The open containers, one bit each, so that hostile nesting costs sixteen bytes and then an error.

/// Deepest nesting that is accepted.
pub(crate) const MAX_DEPTH: u32 = 128;

/// `{}` or `[]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// `[]`.
    Array,
    /// `{}`.
    Object,
}

/// A stack of open containers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nesting {
    bits: u128,
    depth: u32,
}

impl Nesting {
    /// Opens a container. Returns `false` if it would be too deep.
    #[inline]
    pub(crate) fn open(&mut self, container: Container) -> bool {
        if self.depth >= MAX_DEPTH {
            return false;
        }
        self.bits = self.bits << 1 | u128::from(container == Container::Object);
        self.depth += 1;
        true
    }

    /// Closes the innermost one.
    #[inline]
    pub(crate) fn close(&mut self) {
        self.bits >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    /// Returns the innermost open container.
    #[inline]
    pub(crate) fn inner(&self) -> Option<Container> {
        match (self.depth, self.bits & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            _ => Some(Container::Object),
        }
    }

    /// Returns the number of open containers.
    #[inline]
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }
}
