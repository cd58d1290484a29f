//! Waits for events. Their duration depends only on the load of the machine, so nothing here measures it.

use crate::client::PATIENCE;
use std::thread::sleep;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(20);

/// Polls `look` until it returns a value.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut left = PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        left = left.checked_sub(PAUSE).unwrap_or_else(|| panic!("waited in vain: {what}"));
        sleep(PAUSE);
    }
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    eventually(what, || holds().then_some(()));
}
