//! What this worker's requests have reserved, kept where it outlives this VM: see [`headgate_limits::Roster`].

use crate::counts::Cells;
use crate::host;
use headgate_limits::{Dead, Held, Roster, Rules, give_back_claim};

/// Key of the [`Roster`] in shared data.
pub(crate) const ROSTER: &str = "headgate.limits.roster";
/// Pause between two renewals of this worker's place, ms.
const RENEW_MS: u64 = 300;
/// Another worker may win the compare-and-set this often before something waits for the next look.
const TRIES: u32 = 8;

fn key(place: u32, slot: u32) -> String {
    format!("headgate.limits.claim.{place}.{slot}")
}

/// Where the claim of one request lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// How often this worker had lost its place then.
    lost: u32,
    slot: u32,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    worker: u64,
    place: Option<u32>,
    slots: u32,
    free: Vec<u32>,
    /// How often this worker was taken for dead although it lives.
    lost: u32,
    looked_ms: u64,
}

impl Claims {
    pub(crate) fn new(worker: u64) -> Self {
        Self { worker, ..Self::default() }
    }

    /// Renews this worker's place, and gives back what a dead one has left.
    pub(crate) fn look(&mut self, now_ms: u64, cells: &mut Cells) {
        if now_ms.abs_diff(self.looked_ms) < RENEW_MS {
            return;
        }
        let last_ms = std::mem::replace(&mut self.looked_ms, now_ms);
        for _ in 0..TRIES {
            let (bytes, cas) = host::shared_data(ROSTER);
            let mut roster = Roster::from_bytes(&bytes);
            if self.place.is_some() && !roster.has(self.worker) {
                // What this worker had reserved is given back already.
                self.lost = self.lost.saturating_add(1);
                (self.place, self.slots, self.free) = (None, 0, Vec::new());
            }
            let place = roster.renew(self.worker, self.slots, now_ms);
            let dead = roster.take_dead(self.worker, last_ms, now_ms);
            if host::set_shared_data(ROSTER, &roster.to_bytes(), cas).is_ok() {
                self.place = place;
                dead.into_iter().for_each(|dead| clear(dead, cells));
                return;
            }
        }
    }

    /// Keeps what a request has reserved; `None` if there is no place for it, and it is then given back in an hour or two
    /// should this worker die.
    pub(crate) fn keep(&mut self, rules: &Rules, held: &[Held]) -> Option<Slot> {
        let place = self.place.filter(|_| !held.is_empty())?;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots = self.slots.saturating_add(1);
            self.slots.saturating_sub(1)
        });
        let _ = host::set_shared_data(&key(place, slot), &rules.claim(held), 0);
        Some(Slot { lost: self.lost, slot })
    }

    /// The request settles by itself. `false` if others have given back what it had reserved.
    pub(crate) fn drop(&mut self, kept: Slot) -> bool {
        let Some(place) = self.place.filter(|_| kept.lost == self.lost) else { return false };
        let _ = host::set_shared_data(&key(place, kept.slot), b"", 0);
        self.free.push(kept.slot);
        true
    }
}

/// Gives back what lies at a place, and frees it.
fn clear(dead: Dead, cells: &mut Cells) {
    for slot in 0..dead.slots {
        let key = key(dead.place, slot);
        let (claim, _) = host::shared_data(&key);
        if !claim.is_empty() {
            give_back_claim(&claim, cells);
            let _ = host::set_shared_data(&key, b"", 0);
        }
    }
    for _ in 0..TRIES {
        let (bytes, cas) = host::shared_data(ROSTER);
        let mut roster = Roster::from_bytes(&bytes);
        roster.cleared(dead.place);
        if host::set_shared_data(ROSTER, &roster.to_bytes(), cas).is_ok() {
            return;
        }
    }
}
