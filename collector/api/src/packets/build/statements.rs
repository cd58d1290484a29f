//! Gaps, damage and retention.

use super::maker::{Listed, Maker, Writer};
use crate::packets::fault::PacketFault;
use headgate_collector_packet::page::Table;
use headgate_collector_packet::{DAMAGE, GAPS, RETENTION};
use headgate_collector_store::{self as store, Damaged, Gap, GapQuery, GapState};
use headgate_collector_types::visible;
use serde_json::json;
use std::io::Write as _;

/// The gaps of a page.
const PAGE: usize = 500;

/// The sums of the gaps of the period.
#[derive(Debug, Default)]
pub(super) struct GapSums {
    /// Records that are missing.
    pub(super) missing: u64,
    /// The gaps that they are in.
    pub(super) gaps: u64,
    /// Workers that ended without saying how many records they had.
    pub(super) unknown_ends: u64,
    /// Records that proxies dropped before sending.
    pub(super) dropped: u64,
}

impl GapSums {
    fn add(&mut self, gap: &Gap) {
        if gap.closed_at.is_some() {
            return;
        }
        if gap.end_unknown {
            self.unknown_ends = self.unknown_ends.saturating_add(1);
        } else {
            self.gaps = self.gaps.saturating_add(1);
            self.missing = self.missing.saturating_add(u64::try_from(gap.records).unwrap_or(0));
        }
    }
}

impl Maker<'_, '_> {
    /// Writes the gaps that may have occurred in the period, open and closed, one a line of a JSON list.
    pub(super) fn gaps(&mut self, packet: &mut Writer, listed: &mut Listed) -> Result<GapSums, PacketFault> {
        let scope = &self.order.scope;
        let mut query = GapQuery {
            state: GapState::All,
            from: Some(scope.from),
            to: Some(scope.to),
            limit: PAGE,
            ..GapQuery::default()
        };
        let mut sums = GapSums::default();
        packet.begin(GAPS)?;
        packet.write_all(b"{\"gaps\":[\n")?;
        let mut rows = 0_u64;
        let dropped = loop {
            let asked = query.clone();
            let page = self.reading.step(|db| store::gaps(db, &asked))?;
            for gap in &page.gaps {
                let lead = if rows == 0 { "" } else { ",\n" };
                let text = serde_json::to_string(gap).map_err(|e| PacketFault::Io(e.into()))?;
                packet.write_all(format!("{lead}{text}").as_bytes())?;
                rows = rows.saturating_add(1);
                sums.add(gap);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break page.dropped,
            }
        };
        sums.dropped = dropped.iter().map(|one| u64::try_from(one.dropped).unwrap_or(0)).fold(0, u64::saturating_add);
        let dropped = serde_json::to_string(&dropped).map_err(|e| PacketFault::Io(e.into()))?;
        packet.write_all(format!("\n],\"dropped\":{dropped}}}\n").as_bytes())?;
        listed.add(GAPS, Some(rows));
        Ok(sums)
    }

    /// Writes the known damage of both logs.
    pub(super) fn damage(&mut self, packet: &mut Writer, listed: &mut Listed) -> Result<Vec<Damaged>, PacketFault> {
        let (damage, has_more) = self.reading.step(store::damage)?;
        let text = json!({"damage": damage, "has_more": has_more});
        packet.put(DAMAGE, format!("{text:#}\n").as_bytes())?;
        listed.add(DAMAGE, Some(damage.len() as u64));
        Ok(damage)
    }

    /// Writes the rules of retention and the legal holds. Returns both as tables.
    pub(super) fn retention(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
    ) -> Result<(Table, Table), PacketFault> {
        let (settings, holds) = self.reading.step(|db| Ok((store::retention(db)?, store::holds(db)?)))?;
        // Redaction does not look into the reasons and scopes of holds.
        let holds = if self.order.scope.redact.is_empty() { holds } else { Vec::new() };
        let rules = &settings.rules;
        let text =
            json!({"revision": settings.revision, "changed_at": settings.changed_at, "rules": rules, "holds": holds});
        packet.put(RETENTION, format!("{text:#}\n").as_bytes())?;
        listed.add(RETENTION, None);
        let row = |what: String, days: u32| vec![what, format!("{days} days")];
        let mut rows = vec![row("request log".to_owned(), rules.requests.days)];
        rows.extend(
            rules
                .requests
                .classes
                .iter()
                .map(|(class, days)| row(format!("request log, class {}", visible(class)), *days)),
        );
        rows.push(row("audit log".to_owned(), rules.audit.days));
        let hold = |hold: &store::Hold| {
            let scope = serde_json::to_string(&hold.scope).unwrap_or_default();
            vec![hold.id.clone(), hold.log.as_str().to_owned(), visible(&scope), visible(&hold.reason)]
        };
        Ok((
            Table { head: vec!["entries", "kept"], rows },
            Table { head: vec!["hold", "log", "covers", "reason"], rows: holds.iter().map(hold).collect() },
        ))
    }
}
