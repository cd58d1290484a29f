//! One count of one subject: the amounts used, reserved, and known of the fleet, and this proxy's
//! share of the rest.
//!
//! Reservations are kept by the hour in which they were made and forgotten after two: one that is never settled,
//! because its worker died, must not bind money or a slot for ever.

use crate::period::Window;
use crate::rule::WhenUnreachable;
use crate::shares::next_part;
use crate::wire::ReplyRow;

/// Fields of a counter, 8 bytes each.
const FIELDS: usize = 18;
/// Bytes of a counter in a cell.
pub(crate) const COUNTER_BYTES: usize = FIELDS * 8;
/// Reservations are remembered for one to two of these.
const ERA_S: u64 = 3_600;
/// Time for which a share holds after the report that it answered. The collector keeps it set aside for longer
/// ([`crate::SHARE_TTL_MS`]), so that a share never counts twice.
const SHARE_S: u64 = 7;
/// Longest wait for a share that is told, s.
const MOST_WAIT_S: u64 = 60;
/// Time before its window's beginning, s, beside one whole window, by which the clock may be set back while the count stays.
const SET_BACK_S: u64 = 60;

/// The relation of this proxy to the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetStatus {
    /// There is a collector that counts for all.
    pub shared: bool,
    /// It has answered lately.
    pub reachable: bool,
    /// Proxies that report to it, this one included; 0 if that is not known.
    pub proxies: u64,
    /// This proxy has just started and waits for its first answer.
    pub starting: bool,
    /// Pause between two reports, s, rounded up.
    pub sync_s: u64,
    /// A request can wait for a report, so nothing goes on without a share.
    pub asks_first: bool,
}

impl FleetStatus {
    /// Of a proxy that counts for itself alone.
    pub const ALONE: Self =
        Self { shared: false, reachable: true, proxies: 1, starting: false, sync_s: 0, asks_first: false };
}

/// See the module's text. All times are seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    /// The current window.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Settled here, in this window.
    pub(crate) used: u64,
    /// Of that, the part that the collector has counted.
    pub(crate) acked: u64,
    /// Reserved here: in this era and in the one before.
    pub(crate) open: [u64; 2],
    pub(crate) era: u64,
    /// Reservations the collector knows of.
    pub(crate) open_acked: u64,
    /// Used by all others, as the collector said last.
    pub(crate) others: u64,
    /// Reserved by all others, at that time.
    pub(crate) others_open: u64,
    /// The amount that this proxy may add to the collector's count.
    pub(crate) share: u64,
    /// When the collector was asked last and answered; 0 for never.
    pub(crate) asked: u64,
    /// Among how many the rest is shared.
    pub(crate) peers: u64,
    /// Largest amount that a share was too small for.
    pub(crate) wanted: u64,
    /// Used in the window before, and not reported yet.
    pub(crate) late_start: u64,
    pub(crate) late: u64,
    /// Thresholds that have been told of, one bit each.
    pub(crate) warned: u64,
    /// When a larger share can be had at the earliest; in the past if that is not known.
    pub(crate) more_at: u64,
}

/// The content of a report on a counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) used: u64,
    pub(crate) open: u64,
}

/// A share that has not been given.
const NO_SHARE: u64 = u64::MAX;

/// The reason why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// One request is more than the whole.
    Never,
    /// It is used up until the window ends.
    Exhausted,
    /// This proxy's share is, until the next report.
    Share,
    /// The collector cannot be reached, and the rule wants no guesses.
    Unreachable,
}

/// Use in a window that is over and has no place in its counter any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) start: u64,
    pub(crate) amount: u64,
}

impl Counter {
    pub(crate) fn new(window: Window) -> Self {
        Self { start: window.start, end: window.end, share: NO_SHARE, ..Self::default() }
    }

    /// Brings it to the given time: a new window, a new era. Returns use that has no place any more.
    pub(crate) fn advance(&mut self, window: Window, now_s: u64) -> Option<Evicted> {
        self.age(now_s);
        let is_same_or_before = window.start <= self.start && self.start <= window.end.saturating_add(SET_BACK_S);
        if is_same_or_before {
            // A clock that was set back a little gives nothing away. If it was far ahead, and this window with it, the
            // count would else be waited for until the true clock comes to that window.
            return None;
        }
        let [Evicted { amount: unreported, .. }, _] = self.unreported();
        let evicted =
            (self.late > 0 && unreported > 0).then_some(Evicted { start: self.late_start, amount: self.late });
        if unreported > 0 {
            (self.late_start, self.late) = (self.start, unreported);
        }
        *self = Self {
            era: self.era,
            asked: self.asked,
            peers: self.peers,
            late_start: self.late_start,
            late: self.late,
            ..Self::new(window)
        };
        evicted
    }

    fn age(&mut self, now_s: u64) {
        self.open = self.open_at(now_s);
        self.era = self.era.max(now_s / ERA_S);
    }

    /// Reservations as they are by then: they are forgotten in time, whether or not anybody touches the counter.
    fn open_at(&self, now_s: u64) -> [u64; 2] {
        let [current, _] = self.open;
        match (now_s / ERA_S).saturating_sub(self.era) {
            0 => self.open,
            1 => [0, current],
            _ => [0, 0],
        }
    }

    pub(crate) fn reserved(&self, now_s: u64) -> u64 {
        let [current, before] = self.open_at(now_s);
        current.saturating_add(before)
    }

    /// Whether the collector counts it too: a window of a second is over before anybody could be told of it.
    fn is_told(&self) -> bool {
        self.end.saturating_sub(self.start) > 1
    }

    /// All that is known to be used or reserved. Reservations come and go, so the collector's figure for
    /// those of others is forgotten when it is old.
    pub(crate) fn known(&self, now_s: u64) -> u64 {
        let others_open = if self.is_fresh(now_s) { self.others_open } else { 0 };
        self.used.saturating_add(self.reserved(now_s)).saturating_add(self.others).saturating_add(others_open)
    }

    /// Whether others wait for this proxy to say that it does not need its share.
    pub(crate) fn holds_share(&self, now_s: u64) -> bool {
        self.is_fresh(now_s) && self.share != NO_SHARE && self.share > 0
    }

    fn is_fresh(&self, now_s: u64) -> bool {
        // Either way: a clock that was set back does not make a share hold for longer.
        self.asked > 0 && now_s.abs_diff(self.asked) < SHARE_S
    }

    /// Whether `amount` more fits under `max`.
    pub(crate) fn check(
        &self,
        max: u64,
        amount: u64,
        fleet_status: FleetStatus,
        unreachable: WhenUnreachable,
        now_s: u64,
    ) -> Result<(), Full> {
        if fleet_status.shared
            && !fleet_status.reachable
            && !(fleet_status.starting && unreachable == WhenUnreachable::LastKnown)
        {
            match unreachable {
                WhenUnreachable::Allow => return Ok(()),
                WhenUnreachable::Deny => return Err(Full::Unreachable),
                WhenUnreachable::LastKnown => {}
            }
        }
        if amount > max {
            return Err(Full::Never);
        }
        if self.known(now_s).saturating_add(amount) > max {
            return Err(Full::Exhausted);
        }
        if fleet_status.shared && self.exceeds_share(max, amount, fleet_status, now_s) {
            return Err(Full::Share);
        }
        Ok(())
    }

    /// Whether this proxy would exceed its share. Amounts that it has given back since it
    /// reported, it may use again.
    fn exceeds_share(&self, max: u64, amount: u64, fleet_status: FleetStatus, now_s: u64) -> bool {
        let here = self.used.saturating_add(self.reserved(now_s));
        let counted = self.acked.saturating_add(self.open_acked);
        let fresh = self.is_fresh(now_s);
        if fresh && self.share != NO_SHARE {
            return here.saturating_add(amount) > counted.saturating_add(self.share);
        }
        if fleet_status.asks_first && self.is_told() {
            return true;
        }
        // Without a share, one request at a time may go on, and more as far as an equal part of the rest allows.
        // A proxy that had a share of the last window counts on the same peers, a new one on all proxies, and one that has just
        // started does not know their number.
        let goes_on = fresh && self.peers > 0;
        let among = if goes_on { self.peers } else { fleet_status.proxies };
        let left = max.saturating_sub(self.others.saturating_add(counted));
        let part = if fleet_status.starting { 0 } else { left.div_ceil(among.max(1)) };
        let part = if goes_on { next_part(part) } else { part };
        here > counted && here.saturating_add(amount) > counted.saturating_add(part)
    }

    /// After how many seconds this proxy may have a larger share. While the collector answers, a refusal has it asked at once;
    /// while it does not, the next report is the next chance.
    pub(crate) fn share_wait_s(&self, fleet_status: FleetStatus, now_s: u64) -> u64 {
        let told_s = self.more_at.saturating_sub(now_s);
        let retry_s = if fleet_status.reachable || fleet_status.starting { 1 } else { fleet_status.sync_s };
        told_s.clamp(retry_s.max(1), MOST_WAIT_S)
    }

    /// Reserves.
    pub(crate) fn reserve(&mut self, amount: u64) {
        let [current, before] = self.open;
        self.open = [current.saturating_add(amount), before];
    }

    /// Gives a reservation back.
    pub(crate) fn release(&mut self, era: u64, amount: u64) {
        let [current, before] = self.open;
        if era == self.era {
            self.open = [current.saturating_sub(amount), before];
        } else if era.saturating_add(1) == self.era {
            self.open = [current, before.saturating_sub(amount)];
        }
    }

    /// Counts `amount` as used in the window that began at `start`.
    pub(crate) fn count(&mut self, start: u64, amount: u64) -> Option<Evicted> {
        if start == self.start {
            self.used = self.used.saturating_add(amount);
        } else if amount == 0 || !self.is_told() {
            return None;
        } else if self.late == 0 || self.late_start == start {
            self.late_start = start;
            self.late = self.late.saturating_add(amount);
        } else {
            return Some(Evicted { start, amount });
        }
        None
    }

    /// Returns the unreported use: of this window, and of the one before.
    pub(crate) fn unreported(&self) -> [Evicted; 2] {
        let amount = if self.is_told() { self.used.saturating_sub(self.acked) } else { 0 };
        let current = Evicted { start: self.start, amount };
        [current, Evicted { start: self.late_start, amount: self.late }]
    }

    /// Gives the share back: later amounts are added without one.
    pub(crate) fn give_back_share(&mut self) {
        (self.share, self.asked) = (NO_SHARE, 0);
    }

    /// Takes in the collector's answer to a report of this window.
    pub(crate) fn answered(&mut self, row: &ReplyRow, told: Told, now_s: u64) {
        if row.start == self.start {
            self.acked = self.acked.saturating_add(told.used);
            self.open_acked = told.open;
            self.learned(row);
            self.asked = now_s;
            // The missing amount is asked for again.
            self.wanted = if row.wait_ms > 0 { self.wanted } else { 0 };
            self.more_at = now_s.saturating_add(row.wait_ms.div_ceil(1_000));
            if let Some(share) = row.share {
                (self.share, self.peers) = (share, row.peers);
            }
        } else if row.start == self.late_start {
            self.late = self.late.saturating_sub(told.used);
        }
    }

    /// Takes in the collector's figures for other proxies.
    pub(crate) fn learned(&mut self, row: &ReplyRow) {
        // Less than was reported from here: it was corrected. Unreported use stays.
        let excess = self.acked.saturating_sub(row.total);
        self.acked = self.acked.saturating_sub(excess);
        self.used = self.used.saturating_sub(excess);
        self.others = row.total.saturating_sub(self.acked);
        self.others_open = row.others_open;
        self.warned |= row.told;
    }

    /// Whether nothing would be lost with it.
    pub(crate) fn is_settled(&self, shared: bool, now_s: u64) -> bool {
        let unreported = shared && self.unreported().iter().any(|evicted| evicted.amount > 0);
        let is_only_here = !shared || !self.is_told();
        let counts = is_only_here && self.used > 0 && now_s < self.end;
        self.reserved(now_s) == 0 && !unreported && !counts
    }

    pub(crate) fn to_bytes(self) -> [u8; COUNTER_BYTES] {
        let [open, open_before] = self.open;
        let fields = [
            self.start,
            self.end,
            self.used,
            self.acked,
            open,
            open_before,
            self.era,
            self.open_acked,
            self.others,
            self.others_open,
            self.share,
            self.asked,
            self.peers,
            self.wanted,
            self.late_start,
            self.late,
            self.warned,
            self.more_at,
        ];
        let mut bytes = [0; COUNTER_BYTES];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut fields = bytes.chunks_exact(8).map(|field| field.try_into().map_or(0, u64::from_le_bytes));
        let mut next = || fields.next().unwrap_or(0);
        Self {
            start: next(),
            end: next(),
            used: next(),
            acked: next(),
            open: [next(), next()],
            era: next(),
            open_acked: next(),
            others: next(),
            others_open: next(),
            share: next(),
            asked: next(),
            peers: next(),
            wanted: next(),
            late_start: next(),
            late: next(),
            warned: next(),
            more_at: next(),
        }
    }
}
