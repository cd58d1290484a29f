//! The access statement: roles, tokens, and who read the logs.

use super::maker::{Listed, Maker, Writer};
use super::readers::Readers;
use super::states::Pins;
use crate::packets::fault::PacketFault;
use headgate_collector_packet::ACCESS;
use headgate_collector_packet::page::Table;
use headgate_collector_store::{self as store, TokenInfo};
use headgate_collector_types::visible;
use serde_json::json;

/// The roles and what they may do.
const ROLES: [(&str, &str); 5] = [
    ("ingest", "deliver records, heartbeats, reports and other systems' audit entries; read nothing"),
    ("viewer", "read the request log, usage, limits, budgets and data planes"),
    ("auditor", "read the audit log too, and make evidence packets"),
    ("admin", "change the policy too"),
    ("owner", "manage tokens and retention too"),
];

impl Maker<'_, '_> {
    /// Writes the access statement. Returns the roles and the tokens as tables.
    pub(super) fn access(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        readers: Option<&Readers>,
        pins: &Pins,
    ) -> Result<(Table, Table), PacketFault> {
        if !self.has("access") {
            return Ok((Table::default(), Table::default()));
        }
        let mut tokens = self.reading.step(store::tokens)?;
        // What came after the state of the packet is no part of it: not even that somebody asked for the packet.
        tokens.retain(|token| token.created_at <= pins.as_of());
        tokens.sort_by(|one, other| one.id.cmp(&other.id));
        for token in &mut tokens {
            token.last_used = token.last_used.map(|at| at.min(pins.as_of()));
            token.revoked_at = token.revoked_at.filter(|at| *at <= pins.as_of());
        }
        let roles: Vec<_> = ROLES.map(|(role, may)| json!({"role": role, "may": may})).into();
        let readers = readers.map(Readers::json);
        let text = json!({"roles": roles, "tokens": tokens, "reads_in_period": readers});
        packet.put(ACCESS, format!("{text:#}\n").as_bytes())?;
        listed.add(ACCESS, None);
        let roles = ROLES.map(|(role, may)| vec![role.to_owned(), may.to_owned()]).into();
        Ok((
            Table { head: vec!["role", "may"], rows: roles },
            Table {
                head: vec!["token", "role", "name", "made", "last used", "ends"],
                rows: tokens.iter().map(row).collect(),
            },
        ))
    }
}

fn row(token: &TokenInfo) -> Vec<String> {
    let time = |us: Option<i64>| us.map(crate::csv::stored_time).unwrap_or_default();
    let ends = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", time(Some(at))),
        (None, at) => time(at),
    };
    let name = token.name.as_deref().map(visible).unwrap_or_default();
    vec![token.id.clone(), token.role.clone(), name, time(Some(token.created_at)), time(token.last_used), ends]
}
