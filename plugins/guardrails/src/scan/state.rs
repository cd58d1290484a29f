//! The state of the scan for the built-in kinds, and what it works on.

use crate::Guard;
use crate::context::{Draft, KindSet};
use crate::injection::Injection;
use crate::pii::number::LastNumber;
use crate::policies::Policies;
use crate::resolve::Resolver;
use crate::text::class::{DASH, DOT, LOCAL, UNDERSCORE, WORD};
use crate::text::{LONGEST_LOCAL_PART, Text, class_of};
use crate::words::topic::Topics;

/// Bytes of the part before an `@`.
pub(super) const ADDRESS: u32 = WORD | DOT | DASH | UNDERSCORE | LOCAL;

/// The state of the pass.
#[derive(Debug, Default)]
pub(crate) struct ScanState {
    pub(super) at: usize,
    /// The text is so dense up to here that every stop is examined.
    pub(super) dense_until: usize,
    /// A scan is useless before so much text has arrived.
    pub(super) rescan_at: usize,
    /// The beginning of the possible part before an `@` at [`Self::local_at`].
    local: usize,
    local_at: usize,
    pub(super) topics: Topics,
    pub(super) injection: Injection,
    pub(super) last_number: LastNumber,
    pub(super) draft: Draft,
}

/// One pass over the arrived text.
pub(crate) struct Pass<'a, 't> {
    pub(crate) guard: &'a Guard,
    pub(crate) policies: Policies,
    pub(crate) kinds: KindSet,
    pub(crate) text: &'a Text<'t>,
    pub(crate) resolver: &'a mut Resolver,
    /// See [`Pass::is_reference`].
    #[cfg(any(test, feature = "reference"))]
    pub(crate) reference: bool,
}

impl Pass<'_, '_> {
    /// Returns whether every stop is examined, which comes to the same findings.
    #[inline]
    pub(crate) fn is_reference(&self) -> bool {
        #[cfg(any(test, feature = "reference"))]
        return self.reference;
        #[cfg(not(any(test, feature = "reference")))]
        false
    }
}

impl ScanState {
    /// Goes on to a position; `local` says whether the bytes before it can be a part before an `@`.
    #[inline]
    pub(super) fn go_on(&mut self, at: usize, local: bool) {
        if !local {
            self.local = at;
        }
        (self.at, self.local_at) = (at, at);
    }

    /// Returns where the part of an address begins that ends at the state's position. One that is too long is not followed to its
    /// beginning.
    pub(super) fn begin_of_address(&mut self, text: &Text<'_>) -> usize {
        if self.local_at != self.at {
            let belongs = |back: &usize| {
                let byte = self.at.checked_sub(*back).and_then(|at| text.arrived(at));
                byte.is_some_and(|byte| class_of(byte) & ADDRESS != 0)
            };
            let length = (1..=LONGEST_LOCAL_PART + 1).take_while(belongs).count();
            crate::steps::count(length + 1);
            (self.local, self.local_at) = (self.at - length, self.at);
        }
        self.local
    }
}
