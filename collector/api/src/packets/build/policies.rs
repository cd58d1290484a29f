//! The revisions of the policy that were in force in the period, with secrets masked.

use super::maker::{Listed, Maker, Writer};
use super::states::Pins;
use crate::packets::fault::PacketFault;
use crate::revision::{changes, masked};
use headgate_collector_packet::{POLICY_DIFFS, policy_file};
use headgate_collector_store::{self as store, PolicyName, PolicyRevision};
use serde_json::json;
use std::io::Write as _;

impl Maker<'_, '_> {
    /// Writes each revision, and then the changes of each from the one before.
    pub(super) fn policies(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        pins: &Pins,
    ) -> Result<(), PacketFault> {
        if !self.has("policies") {
            return Ok(());
        }
        let last_moment = self.order.scope.to.saturating_sub(1).min(pins.as_of());
        let from = self.order.scope.from;
        let ends = self.reading.step(|db| Ok((store::policy_at(db, from)?, store::policy_at(db, last_moment)?)))?;
        let Some(last) = ends.1 else { return Ok(()) };
        let first = ends.0.map_or(1, |first| first.number);
        for number in first..=last.number {
            let Some((revision, text)) = self.revision(number)? else { continue };
            let body = json!({"revision": revision, "resources": masked(&text)});
            packet.put(&policy_file(number), format!("{body:#}\n").as_bytes())?;
            listed.add(policy_file(number), None);
        }
        packet.begin(POLICY_DIFFS)?;
        packet.write_all(b"[")?;
        let mut before = self.revision(first.saturating_sub(1))?;
        for number in first..=last.number {
            let Some((revision, text)) = self.revision(number)? else { continue };
            let found = changes(before.as_ref().map(|(_, text)| text.as_str()), &text);
            let from = before.as_ref().map(|(before, _)| before.number);
            let lead = if number == first { "\n" } else { ",\n" };
            let one = json!({"from": from, "to": revision.number, "changes": found});
            packet.write_all(format!("{lead}{one}").as_bytes())?;
            before = Some((revision, text));
        }
        packet.write_all(b"\n]\n")?;
        listed.add(POLICY_DIFFS, None);
        Ok(())
    }

    fn revision(&mut self, number: i64) -> Result<Option<(PolicyRevision, String)>, PacketFault> {
        self.reading.step(|db| {
            let Some(revision) = store::policy_revision(db, &PolicyName::Number(number))? else { return Ok(None) };
            Ok(store::policy_text(db, number)?.map(|text| (revision, text)))
        })
    }
}
