//! The division of the rest of a count among the proxies that use it.
//!
//! A total alone, a second old, lets each of a hundred proxies spend the same last dollar. So an answer also says how
//! much this proxy may add before it reports again. The share of one proxy is set aside from the others until it
//! reports or is silent for too long, so the shares in force never exceed the rest.

use crate::wire::ReportRow;
use serde::{Deserialize, Serialize};

/// Time for which a share is set aside for a proxy that does not report, ms. Longer than the proxy itself trusts it.
pub const SHARE_TTL_MS: u64 = 10_000;

/// There is plenty while at least this part of the whole is left.
const PLENTY: u64 = 4;
/// This part of the free rest is kept back for newcomers. One that takes the place of another lives on half of it until that one is given
/// up, two and a half reports later, and may begin with far more use.
const KEPT_BACK: u64 = 8;

/// Allowance for a report that is sent late or takes long, ms.
const REPORT_DELAY_MS: u64 = 500;

/// The shares of one count.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Shares {
    all: Vec<Share>,
    since_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Share {
    proxy: String,
    /// Its last share.
    share: u64,
    /// The amount that it may add until the answer with that share has reached it: the rest of an earlier, larger share.
    aside: u64,
    open: u64,
    seen_ms: u64,
    /// Pause between two of its reports; 0 if it did not say.
    #[serde(default)]
    interval_ms: u64,
}

impl Share {
    /// Returns the earliest time at which a part of its share is free. One report lowers the share, the report after it
    /// confirms that the lower share has arrived. A proxy that is overdue keeps its share until it is given up.
    fn yields_ms(&self, now_ms: u64) -> u64 {
        let overdue_ms = self.seen_ms.saturating_add(self.interval_ms.saturating_mul(5) / 2);
        if self.interval_ms > 0 && now_ms <= overdue_ms {
            let reports = if self.aside > self.share { 1 } else { 2 };
            let due_ms = self.seen_ms.saturating_add(self.interval_ms.saturating_mul(reports));
            due_ms.max(now_ms).saturating_add(REPORT_DELAY_MS)
        } else {
            self.seen_ms.saturating_add(SHARE_TTL_MS)
        }
    }
}

/// The state of a count after a row has been counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The part of the row that had not been counted before.
    pub added: u64,
    /// The report has come before, and its answer may not have arrived.
    pub repeated: bool,
    /// The use, with it.
    pub total: u64,
    /// Proxies that may be using the count without having said so.
    pub unheard: u64,
}

/// The answer for a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The amount that it may add to its report.
    pub share: u64,
    /// Reserved by the others.
    pub others_open: u64,
    /// Proxies that use this count, this one included.
    pub peers: u64,
    /// If the share is too small for a request that was refused: the time until another proxy can give some of its own
    /// back, ms. 0 where it is large enough.
    pub wait_ms: u64,
}

impl Shares {
    /// Of a count that nobody has reported on yet.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { all: Vec::new(), since_ms: now_ms }
    }

    /// Whether a proxy with its last report at that time or later may use this count without having reported so yet.
    #[must_use]
    pub fn may_surprise(&self, proxy: &str, made_ms: u64) -> bool {
        made_ms <= self.since_ms && !self.all.iter().any(|one| one.proxy == proxy)
    }

    /// The shares of the window after this one: proxies that use a count now will go on, and until they report each takes its part of the
    /// whole.
    #[must_use]
    pub fn next_window(&self, max: u64, now_ms: u64) -> Self {
        let mut all = self.all.clone();
        all.retain(|one| now_ms < one.seen_ms.saturating_add(SHARE_TTL_MS));
        let share = next_part(max.div_ceil((all.len() as u64).max(1)));
        all.iter_mut().for_each(|one| (one.share, one.aside, one.open) = (share, share, 0));
        Self { all, since_ms: now_ms }
    }

    /// `proxy` holds nothing any more.
    pub fn give_up(&mut self, proxy: &str) {
        self.all.retain(|one| one.proxy != proxy);
    }

    /// `proxy` is still there.
    pub fn seen(&mut self, proxy: &str, now_ms: u64) {
        let known = self.all.iter_mut().find(|one| one.proxy == proxy);
        known.into_iter().for_each(|one| one.seen_ms = now_ms);
    }

    /// `proxy`, which reports every `interval_ms`, has reported this row.
    pub fn grant(&mut self, proxy: &str, interval_ms: u64, row: &ReportRow, counted: Counted, now_ms: u64) -> Grant {
        let Counted { added, repeated, total, unheard } = counted;
        let before = self.all.iter().find(|one| one.proxy == proxy).cloned();
        self.all.retain(|one| one.proxy != proxy && now_ms < one.seen_ms.saturating_add(SHARE_TTL_MS));
        let sum = |part: fn(&Share) -> u64| self.all.iter().fold(0_u64, |sum, one| sum.saturating_add(part(one)));
        let others_open = sum(|one| one.open);
        let peers = self.all.len() as u64 + 1;
        if row.idle {
            return Grant { share: 0, others_open, peers, wait_ms: 0 };
        }
        let left = row.max.saturating_sub(total).saturating_sub(others_open).saturating_sub(row.open);
        // An equal part; but one that is too small for a single request is of use to nobody.
        let part = left.div_ceil(peers.saturating_add(unheard));
        let aside = sum(|one| one.aside).saturating_add(part.saturating_mul(unheard));
        let taken = added.saturating_add(row.open);
        let free = left.saturating_sub(aside);
        let spare = free.saturating_sub(kept_back(row.max, left, free));
        let share = free.min(spare.min(part).max(row.wanted));
        let rest = before.map_or(0, |one| match repeated {
            // It may still go by the share before the one that it was not told.
            true => one.aside,
            false => one.share.saturating_add(one.open).saturating_sub(taken),
        });
        let wait_ms = if share < row.wanted { self.wait_ms(now_ms) } else { 0 };
        let aside = share.max(rest);
        let proxy = proxy.to_owned();
        self.all.push(Share { proxy, share, aside, open: row.open, seen_ms: now_ms, interval_ms });
        Grant { share, others_open, peers, wait_ms }
    }

    /// The time until the first of those that hold something can give it back.
    fn wait_ms(&self, now_ms: u64) -> u64 {
        let holders = self.all.iter().filter(|one| one.aside > 0 || one.open > 0);
        holders.map(|one| one.yields_ms(now_ms).saturating_sub(now_ms)).min().unwrap_or(0)
    }

    /// Reserved by all proxies that have reported lately.
    #[must_use]
    pub fn open(&self, now_ms: u64) -> u64 {
        self.alive(now_ms).fold(0_u64, |sum, one| sum.saturating_add(one.open))
    }

    /// As [`Shares::open`], without `proxy`.
    #[must_use]
    pub fn others_open(&self, proxy: &str, now_ms: u64) -> u64 {
        let others = self.alive(now_ms).filter(|one| one.proxy != proxy);
        others.fold(0_u64, |sum, one| sum.saturating_add(one.open))
    }

    /// Proxies that have reported lately.
    #[must_use]
    pub fn users(&self, now_ms: u64) -> u64 {
        self.alive(now_ms).count() as u64
    }

    fn alive(&self, now_ms: u64) -> impl Iterator<Item = &Share> {
        self.all.iter().filter(move |one| now_ms < one.seen_ms.saturating_add(SHARE_TTL_MS))
    }

    /// Whether nobody has reported lately.
    #[must_use]
    pub fn is_idle(&self, now_ms: u64) -> bool {
        self.all.iter().all(|one| now_ms >= one.seen_ms.saturating_add(SHARE_TTL_MS))
    }
}

/// Returns the part that a proxy takes of an equal share of a new window: the rest is for newcomers, until it has reported.
pub(crate) const fn next_part(equal: u64) -> u64 {
    equal.saturating_sub(equal / KEPT_BACK)
}

/// Returns the amount that is kept back of the free rest, while there is plenty, for the next proxy. It would else have to wait until
/// the holders of the rest have reported, or are given up.
fn kept_back(max: u64, left: u64, free: u64) -> u64 {
    if left < max / PLENTY {
        0
    } else if free < left / 2 {
        // Others hold most of it, so more newcomers may stand behind this one.
        free / 2
    } else {
        free / KEPT_BACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ReportRow {
        ReportRow { max: 100, ..ReportRow::default() }
    }

    fn grant(shares: &mut Shares, proxy: &str, row: &ReportRow, total: u64, now_ms: u64) -> Grant {
        shares.grant(proxy, 1_000, row, Counted { total, ..Counted::default() }, now_ms)
    }

    #[test]
    fn unheard_proxies_keep_their_part() {
        let mut shares = Shares::new(1_000);
        assert!(shares.may_surprise("b", 1_000) && !shares.may_surprise("b", 1_001));
        let counted = Counted { unheard: 3, ..Counted::default() };
        let grant = shares.grant("a", 1_000, &row(), counted, 1_000);
        assert_eq!(
            grant,
            Grant { share: 13, others_open: 0, peers: 1, wait_ms: 0 },
            "half of its part is for newcomers"
        );
        assert!(!shares.may_surprise("a", 0), "it has been heard");
    }

    #[test]
    fn lone_proxy_may_use_nearly_all() {
        let mut shares = Shares::default();
        let busy = ReportRow { open: 5, ..row() };
        let plenty = grant(&mut shares, "a", &busy, 30, 0);
        assert_eq!(plenty, Grant { share: 57, others_open: 0, peers: 1, wait_ms: 0 }, "an eighth is for newcomers");
        let little = grant(&mut shares, "a", &busy, 80, 100);
        assert_eq!(little.share, 15, "where little is left, all of it is given");
    }

    #[test]
    fn newcomers_find_a_share_in_plenty() {
        let mut shares = Shares::default();
        let busy = ReportRow { max: 100_000, open: 100, ..ReportRow::default() };
        grant(&mut shares, "a", &busy, 0, 0);
        for newcomer in ["b", "c", "d"] {
            assert!(grant(&mut shares, newcomer, &busy, 0, 100).share >= 50, "{newcomer}");
        }
    }

    #[test]
    fn a_successor_has_a_share_while_its_forerunner_is_not_given_up() {
        let mut shares = Shares::default();
        let limit = ReportRow { max: 10_000, ..ReportRow::default() };
        grant(&mut shares, "a", &limit, 20, 0);
        assert!(grant(&mut shares, "b", &limit, 20, 500).share > 600, "though a had no use for it");
    }

    #[test]
    fn second_proxy_waits_for_a_report() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &row(), 80, 0);
        assert_eq!(grant(&mut shares, "b", &row(), 80, 500).share, 0, "all is set aside for a");
        assert_eq!(grant(&mut shares, "a", &row(), 80, 1_000).share, 10);
        assert_eq!(grant(&mut shares, "b", &row(), 80, 1_500).share, 0, "a may not have heard of it yet");
        grant(&mut shares, "a", &row(), 80, 2_000);
        assert_eq!(grant(&mut shares, "b", &row(), 80, 2_500).share, 10);
    }

    #[test]
    fn idle_proxy_gives_its_share_back() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &row(), 0, 0);
        grant(&mut shares, "a", &ReportRow { idle: true, ..row() }, 0, 500);
        assert_eq!(grant(&mut shares, "b", &row(), 0, 600), Grant { share: 88, others_open: 0, peers: 1, wait_ms: 0 });
    }

    #[test]
    fn large_request_gets_a_large_share() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &row(), 95, 0);
        grant(&mut shares, "b", &row(), 95, 100);
        grant(&mut shares, "a", &row(), 95, 200);
        grant(&mut shares, "a", &row(), 95, 300);
        let wants = ReportRow { wanted: 5, ..row() };
        assert_eq!(grant(&mut shares, "b", &wants, 95, 400).share, 2, "the rest is a's");
        grant(&mut shares, "a", &ReportRow { idle: true, ..row() }, 95, 500);
        assert_eq!(grant(&mut shares, "b", &wants, 95, 600).share, 5);
    }

    #[test]
    fn lost_answer_keeps_the_larger_share() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &row(), 0, 0);
        grant(&mut shares, "b", &row(), 0, 500);
        assert_eq!(grant(&mut shares, "a", &row(), 0, 1_000).share, 50, "and this answer is lost");
        let again = Counted { repeated: true, ..Counted::default() };
        assert_eq!(shares.grant("a", 1_000, &row(), again, 2_000).share, 50);
        assert_eq!(grant(&mut shares, "b", &row(), 0, 2_500).share, 6, "a may still use all but the part of newcomers");
    }

    #[test]
    fn the_wait_is_until_a_holder_can_give_back() {
        let mut shares = Shares::default();
        let wants = ReportRow { wanted: 60, ..row() };
        shares.grant("a", 5_000, &row(), Counted::default(), 0);
        assert_eq!(grant(&mut shares, "b", &wants, 0, 500).wait_ms, 10_000, "two reports");
        shares.grant("a", 5_000, &row(), Counted::default(), 5_000);
        assert_eq!(grant(&mut shares, "b", &wants, 0, 5_500).wait_ms, 5_000, "one report");
        let silent = SHARE_TTL_MS - 2_000;
        shares.grant("a", 1_000, &row(), Counted::default(), 6_000);
        assert_eq!(grant(&mut shares, "b", &wants, 0, 8_400).wait_ms, 500, "late is not dead");
        assert_eq!(
            grant(&mut shares, "b", &wants, 0, 6_000 + 2_501).wait_ms,
            SHARE_TTL_MS - 2_501,
            "it is given up then"
        );
        assert_eq!(grant(&mut shares, "b", &wants, 0, 6_000 + silent).wait_ms, 2_000);
        let given = grant(&mut shares, "b", &wants, 0, 6_000 + SHARE_TTL_MS);
        assert!(given.share >= wants.wanted && given.wait_ms == 0, "{given:?}");
    }

    #[test]
    fn a_silent_proxy_is_given_up_in_time() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &ReportRow { open: 7, ..row() }, 0, 0);
        assert_eq!(
            grant(&mut shares, "b", &row(), 0, SHARE_TTL_MS),
            Grant { share: 88, others_open: 0, peers: 1, wait_ms: 0 }
        );
    }
}
