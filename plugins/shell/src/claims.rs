//! The reservations of this worker's requests, kept where they outlive this VM: see [`headgate_limits::Roster`].

use crate::cells::Cells;
use crate::host::Host;
use headgate_limits::{Dead, Held, Looker, Roster, Rules, give_back_claim};

/// Key of the [`Roster`] in shared data.
pub(crate) const ROSTER: &str = "headgate.limits.roster";
/// Pause between two renewals of this worker's place, ms: about a tick.
const RENEW_MS: u64 = 90;
/// Another worker may win the compare-and-set this often before something waits for the next look.
const TRIES: u32 = 8;

fn key(place: u32, slot: u32) -> String {
    format!("headgate.limits.claim.{place}.{slot}")
}

/// The place of the claim of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Number of times that this worker had lost its place then.
    lost: u32,
    slot: u32,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    looker: Looker,
    place: Option<u32>,
    slots: u32,
    free: Vec<u32>,
    /// Number of times that this worker was taken for dead although it lives.
    lost: u32,
}

impl Claims {
    pub(crate) fn new(worker: u64, began_ms: u64) -> Self {
        Self { looker: Looker { worker, began_ms, ..Looker::default() }, ..Self::default() }
    }

    /// Renews this worker's place, and gives back the reservations of dead workers.
    pub(crate) fn look(&mut self, host: &impl Host, process_ms: u64, now_ms: u64, cells: &mut Cells) {
        if now_ms.abs_diff(self.looker.looked_ms) < RENEW_MS {
            return;
        }
        let looker = Looker { process_ms, ..self.looker };
        self.looker.looked_ms = now_ms;
        for _ in 0..TRIES {
            let (bytes, cas) = host.shared(ROSTER);
            let mut roster = Roster::from_bytes(&bytes);
            if self.place.is_some() && !roster.has(looker.worker) {
                // The reservations of this worker are given back already.
                self.lost = self.lost.saturating_add(1);
                (self.place, self.slots, self.free) = (None, 0, Vec::new());
            }
            let place = roster.renew(looker.worker, self.slots, now_ms);
            let dead = roster.take_dead(looker, now_ms);
            if host.set_shared(ROSTER, &roster.to_bytes(), cas).is_ok() {
                self.place = place;
                dead.into_iter().for_each(|dead| clear(host, dead, cells));
                return;
            }
        }
    }

    /// Keeps the reservations of a request; `None` if there is no place for them, and they are then given back in an hour or two
    /// should this worker die.
    pub(crate) fn keep(&mut self, host: &impl Host, rules: &Rules, held: &[Held]) -> Option<Slot> {
        let place = self.place.filter(|_| !held.is_empty())?;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots = self.slots.saturating_add(1);
            self.slots.saturating_sub(1)
        });
        let _ = host.set_shared(&key(place, slot), &rules.claim(held), 0);
        Some(Slot { lost: self.lost, slot })
    }

    /// The request settles by itself. `false` if others have given back its reservations.
    pub(crate) fn drop(&mut self, host: &impl Host, kept: Slot) -> bool {
        let Some(place) = self.place.filter(|_| kept.lost == self.lost) else { return false };
        let _ = host.set_shared(&key(place, kept.slot), b"", 0);
        self.free.push(kept.slot);
        true
    }
}

/// Gives back the reservations at a place, and frees it.
fn clear(host: &impl Host, dead: Dead, cells: &mut Cells) {
    for slot in 0..dead.slots {
        let key = key(dead.place, slot);
        let (claim, _) = host.shared(&key);
        if !claim.is_empty() {
            give_back_claim(&claim, &mut cells.on(host));
            let _ = host.set_shared(&key, b"", 0);
        }
    }
    for _ in 0..TRIES {
        let (bytes, cas) = host.shared(ROSTER);
        let mut roster = Roster::from_bytes(&bytes);
        roster.cleared(dead.place);
        if host.set_shared(ROSTER, &roster.to_bytes(), cas).is_ok() {
            return;
        }
    }
}
