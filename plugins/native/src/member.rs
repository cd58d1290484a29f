//! The one member of the fleet that all workers of this process are.

use crate::native::Native;
use headgate_shell::{Member, MemberHost};
use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

static MEMBER: Mutex<Option<Member>> = Mutex::new(None);

thread_local! {
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// Marks the member as in use by this thread, for as long as it lives.
struct Use;

impl Use {
    fn begin() -> Option<Self> {
        (!IN_USE.replace(true)).then_some(Self)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        IN_USE.set(false);
    }
}

impl MemberHost for Native {
    fn with_member<T>(&self, act: impl FnOnce(&mut Member) -> T) -> Option<T> {
        let _use = Use::begin()?;
        let mut member = MEMBER.lock().unwrap_or_else(PoisonError::into_inner);
        Some(act(member.get_or_insert_with(|| Member::start(self))))
    }
}

/// Forgets the member, for a test that begins anew.
#[cfg(test)]
pub(crate) fn forget() {
    *MEMBER.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
