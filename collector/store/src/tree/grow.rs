//! The growth of a tree, in the transaction that stores the entries.

use super::growth::Growth;
use super::{build, index_of, state};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_tree::Hash;
use headgate_collector_types::Log;
use std::sync::atomic::{AtomicBool, Ordering};

/// Appends the leaves of new entries to the tree of their log. `first` is the position of the first.
pub(crate) fn grow(tx: &Db, log: Log, first: i64, leaves: impl IntoIterator<Item = Hash>) -> Result<(), StoreError> {
    let Some(mut range) = state::load(tx, log)? else {
        tell_once(log, "is damaged");
        return Ok(());
    };
    // Another version of this program, or a command that repaired the database, stored entries without the tree.
    if range.size() < index_of(first) {
        range = build::catch_up(tx, log, range, index_of(first))?;
    }
    if range.size() > index_of(first) {
        tell_once(log, "is ahead of it");
        return Ok(());
    }
    let mut growth = Growth::new(tx, log, range);
    leaves.into_iter().try_for_each(|leaf| growth.push(0, leaf))?;
    growth.finish().map(drop)
}

/// Tells the operator once that a tree does not grow. Each further entry would say it again.
fn tell_once(log: Log, why: &str) {
    static TOLD: [AtomicBool; Log::ALL.len()] = [const { AtomicBool::new(false) }; Log::ALL.len()];
    let told = Log::ALL.iter().zip(&TOLD).find(|(known, _)| **known == log);
    if told.is_some_and(|(_, told)| !told.swap(true, Ordering::Relaxed)) {
        tracing::warn!("the tree of the {} log {why} and does not grow; a restart builds it anew", log.as_str());
    }
}
