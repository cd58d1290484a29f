//! How the collector divides what is left of a count among the proxies that use it.
//!
//! A total alone, a second old, lets each of a hundred proxies spend the same last dollar. So an answer also says how
//! much this proxy may add before it reports again. What one proxy was given is set aside from the others until it
//! reports or is silent for too long, so the shares in force never come to more than what is left.

use crate::wire::ReportRow;
use serde::{Deserialize, Serialize};

/// How long a share is set aside for a proxy that does not report, ms. Longer than the proxy itself trusts it.
pub const SHARE_TTL_MS: u64 = 10_000;

/// There is plenty while at least this part of the whole is left.
const PLENTY: u64 = 4;
/// At most this part of what is free is kept back for newcomers,
const KEPT_BACK: u64 = 8;
/// and no more than so many times what one proxy uses at a time.
const KEPT_USES: u64 = 16;

/// The shares of one count.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Shares {
    all: Vec<Share>,
    since_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Share {
    proxy: String,
    /// What it was told last.
    share: u64,
    /// What it may add until the answer with that share has reached it: the rest of an earlier, larger share.
    aside: u64,
    open: u64,
    seen_ms: u64,
}

/// What is known of a count when a row has been counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// What of the row had not been counted before.
    pub added: u64,
    /// The report has come before, and its answer may not have arrived.
    pub repeated: bool,
    /// What is used with it.
    pub total: u64,
    /// Proxies that may be using the count without having said so.
    pub unheard: u64,
}

/// What a proxy is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// What it may add to what it has reported.
    pub share: u64,
    /// Reserved by the others.
    pub others_open: u64,
    /// Proxies that use this count, this one included.
    pub peers: u64,
}

impl Shares {
    /// Of a count that nobody has reported on yet.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { all: Vec::new(), since_ms: now_ms }
    }

    /// Whether a proxy whose last report was made then or later may use this count without having said so yet.
    #[must_use]
    pub fn may_surprise(&self, proxy: &str, made_ms: u64) -> bool {
        made_ms <= self.since_ms && !self.all.iter().any(|one| one.proxy == proxy)
    }

    /// The shares of the window after this one: who uses a count now will go on, and until it reports it takes its part of the
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

    /// `proxy` has reported this row.
    pub fn grant(&mut self, proxy: &str, row: &ReportRow, counted: Counted, now_ms: u64) -> Grant {
        let Counted { added, repeated, total, unheard } = counted;
        let before = self.all.iter().find(|one| one.proxy == proxy).cloned();
        self.all.retain(|one| one.proxy != proxy && now_ms < one.seen_ms.saturating_add(SHARE_TTL_MS));
        let sum = |part: fn(&Share) -> u64| self.all.iter().fold(0_u64, |sum, one| sum.saturating_add(part(one)));
        let others_open = sum(|one| one.open);
        let peers = self.all.len() as u64 + 1;
        if row.idle {
            return Grant { share: 0, others_open, peers };
        }
        let left = row.max.saturating_sub(total).saturating_sub(others_open).saturating_sub(row.open);
        // An equal part; but one that is too small for a single request is of use to nobody.
        let part = left.div_ceil(peers.saturating_add(unheard));
        let aside = sum(|one| one.aside).saturating_add(part.saturating_mul(unheard));
        let taken = added.saturating_add(row.open);
        let free = left.saturating_sub(aside);
        let spare = free.saturating_sub(kept_back(row.max, left, free, taken.max(row.wanted)));
        let share = free.min(spare.min(part).max(row.wanted));
        let rest = before.map_or(0, |one| match repeated {
            // It may still go by the share before the one that it was not told.
            true => one.aside,
            false => one.share.saturating_add(one.open).saturating_sub(taken),
        });
        let aside = share.max(rest);
        self.all.push(Share { proxy: proxy.to_owned(), share, aside, open: row.open, seen_ms: now_ms });
        Grant { share, others_open, peers }
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

/// What a proxy takes of an equal part of a window that has just begun: the rest is for newcomers, until it has reported.
pub(crate) const fn next_part(equal: u64) -> u64 {
    equal.saturating_sub(equal / KEPT_BACK)
}

/// What is kept back of what is free, while there is plenty, for a proxy that comes next: it would else have to wait until
/// those who hold the rest have reported, or are given up. `use_now` is what the proxy that asks needs at a time.
fn kept_back(max: u64, left: u64, free: u64, use_now: u64) -> u64 {
    if left < max / PLENTY {
        0
    } else if free < left / 2 {
        // Others hold most of it, so more newcomers may stand behind this one.
        free / 2
    } else {
        (free / KEPT_BACK).min(use_now.saturating_mul(KEPT_USES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ReportRow {
        ReportRow { max: 100, ..ReportRow::default() }
    }

    fn grant(shares: &mut Shares, proxy: &str, row: &ReportRow, total: u64, now_ms: u64) -> Grant {
        shares.grant(proxy, row, Counted { total, ..Counted::default() }, now_ms)
    }

    #[test]
    fn those_who_may_use_a_count_unheard_keep_their_part() {
        let mut shares = Shares::new(1_000);
        assert!(shares.may_surprise("b", 1_000) && !shares.may_surprise("b", 1_001));
        let counted = Counted { unheard: 3, ..Counted::default() };
        let grant = shares.grant("a", &row(), counted, 1_000);
        assert_eq!(grant, Grant { share: 13, others_open: 0, peers: 1 }, "half of its part is for newcomers");
        assert!(!shares.may_surprise("a", 0), "it has been heard");
    }

    #[test]
    fn one_proxy_alone_may_use_nearly_all_that_is_left() {
        let mut shares = Shares::default();
        let busy = ReportRow { open: 5, ..row() };
        let plenty = grant(&mut shares, "a", &busy, 30, 0);
        assert_eq!(plenty, Grant { share: 57, others_open: 0, peers: 1 }, "an eighth is for newcomers");
        let little = grant(&mut shares, "a", &busy, 80, 100);
        assert_eq!(little.share, 15, "where little is left, all of it is given");
    }

    #[test]
    fn newcomers_find_a_share_while_there_is_plenty() {
        let mut shares = Shares::default();
        let busy = ReportRow { max: 100_000, open: 100, ..ReportRow::default() };
        grant(&mut shares, "a", &busy, 0, 0);
        for newcomer in ["b", "c", "d"] {
            assert!(grant(&mut shares, newcomer, &busy, 0, 100).share >= 50, "{newcomer}");
        }
    }

    #[test]
    fn a_second_one_waits_for_the_first_to_report_and_then_they_share() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &row(), 0, 0);
        assert_eq!(grant(&mut shares, "b", &row(), 0, 500).share, 0, "all is set aside for a");
        assert_eq!(grant(&mut shares, "a", &row(), 0, 1_000).share, 50);
        assert_eq!(grant(&mut shares, "b", &row(), 0, 1_500).share, 0, "a may not have heard of it yet");
        grant(&mut shares, "a", &row(), 0, 2_000);
        assert_eq!(grant(&mut shares, "b", &row(), 0, 2_500).share, 50);
    }

    #[test]
    fn one_that_has_nothing_to_do_gives_its_share_back() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &row(), 0, 0);
        grant(&mut shares, "a", &ReportRow { idle: true, ..row() }, 0, 500);
        assert_eq!(grant(&mut shares, "b", &row(), 0, 600), Grant { share: 100, others_open: 0, peers: 1 });
    }

    #[test]
    fn a_request_that_is_larger_than_an_equal_part_gets_what_it_needs() {
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
    fn one_that_asks_again_may_not_have_heard_that_its_share_is_smaller() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &row(), 0, 0);
        grant(&mut shares, "b", &row(), 0, 500);
        assert_eq!(grant(&mut shares, "a", &row(), 0, 1_000).share, 50, "and this answer is lost");
        let again = Counted { repeated: true, ..Counted::default() };
        assert_eq!(shares.grant("a", &row(), again, 2_000).share, 50);
        assert_eq!(grant(&mut shares, "b", &row(), 0, 2_500).share, 0, "a may still use its hundred");
    }

    #[test]
    fn a_silent_proxy_is_given_up_in_time() {
        let mut shares = Shares::default();
        grant(&mut shares, "a", &ReportRow { open: 7, ..row() }, 0, 0);
        assert_eq!(grant(&mut shares, "b", &row(), 0, SHARE_TTL_MS), Grant { share: 100, others_open: 0, peers: 1 });
    }
}
