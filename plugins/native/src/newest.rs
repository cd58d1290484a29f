//! The gates' roots that are there, by number. The newest one speaks to the collector.

use crate::abi::Root;
use std::sync::{Mutex, PoisonError};

/// The newest is the last.
static ROOTS: Mutex<Vec<(u64, Root)>> = Mutex::new(Vec::new());

fn roots<T>(act: impl FnOnce(&mut Vec<(u64, Root)>) -> T) -> T {
    act(&mut ROOTS.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(crate) fn add(number: u64, root: Root) {
    roots(|roots| roots.push((number, root)));
}

pub(crate) fn remove(number: u64) {
    roots(|roots| roots.retain(|(one, _)| *one != number));
}

/// Whether this is the number of the newest.
pub(crate) fn is(number: u64) -> bool {
    roots(|roots| roots.last().is_some_and(|(one, _)| *one == number))
}

/// Runs `act` on the newest root, which cannot go meanwhile.
pub(crate) fn with_root<T>(act: impl FnOnce(Root) -> T) -> Option<T> {
    roots(|roots| roots.last().map(|(_, root)| act(*root)))
}
