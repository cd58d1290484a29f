//! The Evidence page: packets for auditors, and the form that asks for one.

use crate::frame::Frame;
use crate::parts;
use crate::text::{self, Zone};
use maud::{Markup, html};

/// The sections that can be chosen, with their words.
pub const SECTIONS: [(&str, &str); 5] = [
    ("requests", "Request records"),
    ("audit", "Audit entries"),
    ("usage", "Usage"),
    ("policies", "Policy revisions and their changes"),
    ("access", "Roles, tokens and reads"),
];

/// The fields that can be redacted, with their words.
pub const REDACTABLE: [(&str, &str); 13] = [
    ("key_id", "Keys"),
    ("owner", "Owners"),
    ("team", "Teams"),
    ("project", "Projects"),
    ("application", "Applications"),
    ("cost_center", "Cost centers"),
    ("tenant", "Tenants"),
    ("use_case", "Use cases"),
    ("end_user", "End users"),
    ("session_id", "Sessions"),
    ("agent_id", "Agents"),
    ("user_agent", "User agents"),
    ("tags", "Tags"),
];

/// A packet.
#[derive(Debug, Clone, Default)]
pub struct PacketRow {
    /// Its id.
    pub id: String,
    /// `waiting`, `running`, `ready` or `failed`.
    pub state: &'static str,
    /// The reason of a failure.
    pub message: Option<String>,
    /// The period, in words.
    pub period: String,
    /// Filters and redacted fields, in words.
    pub scope: Vec<String>,
    /// `Whole`, `Filtered` or `Redacted`.
    pub kind: &'static str,
    /// When it was asked for, µs, and by whom.
    pub created: (i64, String),
    /// Records in it.
    pub records: Option<u64>,
    /// Its size.
    pub bytes: Option<u64>,
    /// SHA-256 of the archive, in hex.
    pub sha256: Option<String>,
}

/// An outside party of one log: a witness, a bucket, an authority.
#[derive(Debug, Clone, Default)]
pub struct OutsideRow {
    /// Its name in the settings.
    pub name: String,
    /// Its kind, in words.
    pub kind: &'static str,
    /// `requests` or `audit`.
    pub log: &'static str,
    /// Its state, in words.
    pub state: &'static str,
    /// Whether it has the last checkpoint that it was handed; `None` if it was handed none yet.
    pub is_well: Option<bool>,
    /// The entries of the newest checkpoint that it has, and since when, µs.
    pub holds: (u64, Option<i64>),
    /// A sentence about objects that were read back, if there is something to say.
    pub read_back: Option<String>,
    /// Since when it fails, µs, and why.
    pub failing: Option<(i64, String)>,
}

/// The fields of the form, as they were sent, and the reason why it was refused.
#[derive(Debug, Clone, Default)]
pub struct PacketDraft {
    /// The beginning of the period, as an input has it.
    pub from: String,
    /// The end of the period.
    pub to: String,
    /// A filter a line.
    pub filters: String,
    /// Id of the record of the sample trace.
    pub sample_request: String,
    /// The chosen sections.
    pub sections: Vec<String>,
    /// The fields to redact.
    pub redact: Vec<String>,
    /// The reason of the refusal.
    pub problem: Option<String>,
}

/// The view of the page.
#[derive(Debug, Default)]
pub struct EvidencePage {
    /// The packets, the newest first.
    pub packets: Vec<PacketRow>,
    /// The form.
    pub draft: PacketDraft,
    /// The sentence about a change that was made.
    pub done: Option<&'static str>,
    /// The signer: the public key of the logs, if there is one.
    pub key: Option<String>,
    /// A sentence about the signer, and those who have confirmed it.
    pub statement: &'static str,
    /// The logs of which no checkpoint is signed any more, with the reason.
    pub stopped: Vec<(&'static str, &'static str)>,
    /// The outside parties.
    pub outside: Vec<OutsideRow>,
    /// The reader's zone.
    pub zone: Zone,
}

impl EvidencePage {
    /// Returns whether a packet is being made, so that the page should be loaded again.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.packets.iter().any(|packet| matches!(packet.state, "waiting" | "running"))
    }

    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Evidence" }
                (parts::done(self.done))
                p { "An evidence packet is one ZIP with the records of a period, all that explains them, and the proofs that a reviewer checks without this collector. "
                    a href="/audit?event=packet.created,packet.downloaded,packet.deleted" { "Packets in the audit log" } }
                @match &self.key {
                    Some(key) => p { "Packets are signed with this key; give it to reviewers by another way than the packet: " code { (key) } },
                    None => p.quiet { "No log key is set, so packets are not signed and prove nothing to an outsider." },
                }
                p { (self.statement) }
                @for (log, reason) in &self.stopped {
                    p.problem role="alert" { "No checkpoint of the " (log) " log is signed: " (reason) ". Records are stored as before." }
                }
                @if !self.outside.is_empty() { (self.outside_table()) }
                (self.form(frame))
                @if self.packets.is_empty() { p.quiet { "No packet has been made in the last 7 days." } } @else { (self.table()) }
            }
        };
        frame.render("Evidence", &main)
    }

    fn table(&self) -> Markup {
        html! {
            table.list hx-get=[self.is_working().then_some("/evidence")] hx-trigger="every 3s" hx-target="#main" hx-select="#main" hx-swap="outerHTML show:none" {
                thead { tr {
                    th scope="col" { "Packet" } th scope="col" { "Period" } th scope="col" { "Asked for" } th scope="col" { "State" }
                    th scope="col" { "Content" } th scope="col" { "Action" }
                } }
                tbody { @for packet in &self.packets { (self.row(packet)) } }
            }
        }
    }

    fn outside_table(&self) -> Markup {
        html! {
            table.list {
                thead { tr { th scope="col" { "Outside party" } th scope="col" { "Log" } th scope="col" { "State" } th scope="col" { "Has" } } }
                tbody { @for row in &self.outside { (self.outside_row(row)) } }
            }
        }
    }

    fn outside_row(&self, row: &OutsideRow) -> Markup {
        let OutsideRow { name, kind, log, state, is_well, holds: (size, at), read_back, failing } = row;
        let class = match is_well {
            Some(true) => "chip success",
            Some(false) => "chip error",
            None => "chip aborted",
        };
        html! {
            tr data-outside=(name) data-log=(log) {
                th scope="row" { (name) span.second { (kind) } }
                td data-label="Log" { (log) }
                td data-label="State" {
                    span class=(class) { (state) }
                    @if let Some((since, why)) = failing {
                        span.second { "since " (parts::time(&self.zone, *since)) ": " bdi { (why) } }
                    }
                    @if let Some(sentence) = read_back { span.second { (sentence) } }
                }
                td data-label="Has" {
                    (text::count(*size)) " entries"
                    @if let Some(at) = at { span.second { (parts::time(&self.zone, *at)) } }
                }
            }
        }
    }

    fn row(&self, packet: &PacketRow) -> Markup {
        let path = parts::path("/evidence", &packet.id);
        let (at, by) = &packet.created;
        html! {
            tr data-packet=(packet.id) data-state=(packet.state) {
                th scope="row" { (packet.kind) span.second { (packet.id) } }
                td data-label="Period" { (packet.period) @if !packet.scope.is_empty() { span.second { bdi { (packet.scope.join(", ")) } } } }
                td data-label="Asked for" { (parts::time(&self.zone, *at)) span.second { "by " bdi { (by) } } }
                td data-label="State" { (state(packet)) }
                td data-label="Content" {
                    @match (packet.records, packet.bytes) {
                        (Some(records), Some(bytes)) => { (text::count(records)) " records" span.second { (size(bytes)) } },
                        _ => span.quiet { "–" },
                    }
                    @if let Some(sum) = &packet.sha256 { details { summary { "SHA-256" } code { (sum) } } }
                }
                td data-label="Action" {
                    @if packet.state == "ready" {
                        a href={ (path) "/packet.zip" } download hx-boost="false" { "Download" span.hidden { " " (packet.id) } } " "
                    }
                    a href={ (path) "/delete" } { "Delete" span.hidden { " " (packet.id) } }
                }
            }
        }
    }

    fn form(&self, frame: &Frame) -> Markup {
        let draft = &self.draft;
        let chosen = |list: &[String], name: &str| list.iter().any(|one| one == name);
        let zone = self.zone.name.as_str();
        html! {
            details.draft open[draft.problem.is_some()] {
                summary { "New packet" }
                form.filters method="post" action="/evidence" hx-boost="false" {
                    (parts::csrf(&frame.person))
                    (parts::problem(draft.problem.as_deref()))
                    label { "From (" (zone) ")" input type="datetime-local" name="from" step="900" required value=(draft.from); }
                    label { "To, exclusive (" (zone) ")" input type="datetime-local" name="to" step="900" required value=(draft.to); }
                    label { "Sample trace of record" input type="text" name="sample_request" maxlength="36" placeholder="the first record" value=(draft.sample_request); }
                    label.wide-field { "Filters, one name=value a line; with any, wholeness cannot be proven"
                        textarea name="filters" rows="2" maxlength="4000" spellcheck="false" placeholder="team=search" { (draft.filters) }
                    }
                    fieldset.wide-field { legend { "Sections" }
                        @for (name, words) in SECTIONS { label.check { input type="checkbox" name="section" value=(name) checked[chosen(&draft.sections, name)]; " " (words) } }
                    }
                    fieldset.wide-field { legend { "Replace by pseudonyms; rows can then not be matched with the log, and only records and usage are in the packet" }
                        @for (name, words) in REDACTABLE { label.check { input type="checkbox" name="redact" value=(name) checked[chosen(&draft.redact, name)]; " " (words) } }
                    }
                    button.primary type="submit" { "Make the packet" }
                }
            }
        }
    }
}

fn state(packet: &PacketRow) -> Markup {
    let class = match packet.state {
        "ready" => "chip success",
        "failed" => "chip error",
        _ => "chip aborted",
    };
    html! {
        span class=(class) { (packet.state) }
        @if let Some(message) = &packet.message { span.second { (parts::sentence(message)) } }
    }
}

/// Returns a number of bytes in words.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", text::count(bytes >> 20)),
    }
}

/// The page that asks before a packet is deleted.
#[derive(Debug)]
pub struct DeletePacketPage {
    /// The packet.
    pub packet: PacketRow,
}

impl DeletePacketPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let PacketRow { id, period, created, .. } = &self.packet;
        let main = html! {
            div.logs {
                p.crumbs { a href="/evidence" { "Evidence" } " / delete" }
                h1 { "Delete the packet?" }
                (parts::facts(&[("Packet", id.clone()), ("Period", period.clone()), ("Asked for by", created.1.clone())], false))
                p.sentence { "The logs stay as they are: the same packet can be made again. Copies that were downloaded stay valid." }
                form.inline method="post" action={ (parts::path("/evidence", id)) "/delete" } hx-boost="false" {
                    (parts::csrf(&frame.person))
                    button.primary type="submit" { "Delete the packet" }
                    a href="/evidence" { "Cancel" }
                }
            }
        };
        frame.render("Delete a packet", &main)
    }
}
