//! Values that all workers share: the cells of limits, the targets in cooldown.
//!
//! They are compared and set as in the shared data of Proxy-Wasm, so the counts need no code of their own here. Each key has its lock with
//! few others.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Number of locks.
const SHARDS: usize = 64;

type Shard = Mutex<HashMap<String, (Vec<u8>, u32)>>;

static SHARED: LazyLock<Vec<Shard>> = LazyLock::new(|| (0..SHARDS).map(|_| Shard::default()).collect());

/// FNV-1a.
fn shard(key: &str) -> Option<&'static Shard> {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    SHARED.get(usize::try_from(hash ^ (hash >> 32)).unwrap_or_default() % SHARDS)
}

/// Returns a value and its version; nothing, with version 0, if it is absent.
pub(crate) fn get(key: &str) -> (Vec<u8>, u32) {
    let Some(shard) = shard(key) else { return Default::default() };
    shard.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned().unwrap_or_default()
}

/// Sets a value if it still has this version; 0 stands for any. Returns whether it is set.
pub(crate) fn set(key: &str, value: &[u8], version: u32) -> bool {
    let Some(shard) = shard(key) else { return false };
    let mut values = shard.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((bytes, current)) = values.get_mut(key) {
        if version != 0 && version != *current {
            return false;
        }
        value.clone_into(bytes);
        *current = current.wrapping_add(1).max(1);
        return true;
    }
    if version != 0 {
        return false;
    }
    values.insert(key.to_owned(), (value.to_vec(), 1));
    true
}

/// Forgets all values, for a test that begins anew.
#[cfg(test)]
pub(crate) fn forget() {
    SHARED.iter().for_each(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).clear());
}

#[cfg(test)]
mod tests {
    use super::{get, set};

    #[test]
    fn only_one_of_two_writers_wins() {
        assert_eq!(get("one"), (Vec::new(), 0));
        assert!(!set("one", b"1", 7) && set("one", b"1", 0));
        let (value, version) = get("one");
        assert_eq!(value, b"1");
        assert!(set("one", b"2", version) && !set("one", b"3", version));
        assert_eq!(get("one").0, b"2");
    }
}
