//! The page of a packet: one file without a network, for the screen and for paper, readable without script.

mod deliveries;
mod sections;
mod style;

use crate::{Kind, Manifest, Undelivered};
use headgate_collector_tree::encode_base64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The most rows of records on the page.
pub const MAX_ROWS: usize = 2_000;

/// A table of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The heads of its columns.
    pub head: Vec<&'static str>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// The sample trace: one record with all that is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleTrace {
    /// Its id.
    pub id: String,
    /// The steps in the order of time: time, step, result.
    pub steps: Table,
    /// The whole record.
    pub record: String,
    /// The revision of the policy that it ran under, if it is known.
    pub revision: Option<i64>,
    /// Its index in the log.
    pub index: u64,
}

/// The content of the page beside the manifest.
#[derive(Debug, Clone, Default)]
pub struct PageParts {
    /// The sources of the entries.
    pub sources: Table,
    /// The fields of a record.
    pub fields: Table,
    /// The rules of retention.
    pub retention: Table,
    /// Legal holds.
    pub holds: Table,
    /// Roles and what they may do.
    pub roles: Table,
    /// Tokens.
    pub tokens: Table,
    /// The readers of the logs in the period.
    pub readers: Table,
    /// What forwarders have not delivered; `None` in a redacted packet.
    pub deliveries: Option<Vec<Undelivered>>,
    /// The sample trace, if there is a record.
    pub sample: Option<SampleTrace>,
    /// The outside parties that have confirmed or hold checkpoints.
    pub outside: Table,
    /// The first records.
    pub rows: Table,
    /// The program that checks a packet in the browser: WebAssembly.
    pub checker: Option<&'static [u8]>,
}

/// Returns the page.
#[must_use]
pub fn render(manifest: &Manifest, parts: &PageParts) -> String {
    let title = format!("Evidence packet of {}", manifest.name);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'wasm-unsafe-eval'";
                style { (PreEscaped(style::STYLE)) }
            }
            body {
                header { h1 { (title) } (banner(manifest)) (verifier(parts)) }
                main {
                    (sections::completeness(manifest, parts))
                    (sections::totals(manifest))
                    (sections::scope(manifest))
                    (sections::sources(parts))
                    (sections::fields(parts))
                    (sections::redaction(manifest))
                    (sections::retention(parts))
                    (sections::access(manifest, parts))
                    (sections::sample(manifest, parts))
                    (sections::outside(manifest, parts))
                    (sections::checking(manifest))
                    (sections::files(manifest))
                    (sections::rows(manifest, parts))
                }
                footer { p { "Made by " (manifest.made_by) ". A packet holds metadata only: no prompt, no answer, no secret." } }
                @if let Some(wasm) = parts.checker {
                    script { (PreEscaped(format!("const WASM = \"{}\";\n{}", encode_base64(wasm), style::SCRIPT))) }
                }
            }
        }
    };
    page.into_string()
}

/// Returns the kind of the packet in big letters, with what it proves and what not.
fn banner(manifest: &Manifest) -> Markup {
    let redacted = !manifest.scope.redact.is_empty();
    let (word, proves, not) = match manifest.kind {
        _ if redacted => (
            "REDACTED",
            "How many records stand between the first and the last position, and the hashes of the originals.",
            "That a row is the row of the log: its values were replaced, so it has another hash. Ask for a packet without redaction to match rows.",
        ),
        Kind::Whole => (
            "WHOLE",
            "Every record that the log has between the first and the last position is in this packet, as it was stored; none was changed, added, removed or moved.",
            "That a request was reported to the log at all. Completeness, below, is about that. That no record of the period stands outside these positions is the collector's statement.",
        ),
        Kind::Filtered => (
            "FILTERED",
            "Each record in this packet is in the log, as it was stored, and how many other records stand between the first and the last position.",
            "That the other records do not match the filters. Only a whole packet shows that.",
        ),
    };
    html! {
        section.kind data-kind=(word) {
            p.word { (word) }
            dl { dt { "Proves" } dd { (proves) } dt { "Does not prove" } dd { (not) } }
            @if manifest.key.is_none() { p.warn { "NOT SIGNED. Anybody could have made this packet." } }
            @else if manifest.witnesses.is_empty() && manifest.anchors.is_empty() { p { "Signed by the operator only: no outside party has confirmed the log." } }
            @else if manifest.witnesses.is_empty() {
                p { "Signed by the operator. Earlier or equal checkpoints are held outside by " (manifest.anchors.join(", ")) ": see " a href="#outside" { "Outside memory" } ". No witness has confirmed the log." }
            }
            @else {
                p { "Signed by the operator. The checkpoint of the request log was confirmed by " (manifest.witnesses.join(", ")) ": each has seen that the log has only grown. Their keys must come from them." }
            }
        }
    }
}

fn verifier(parts: &PageParts) -> Markup {
    html! {
        @if parts.checker.is_some() {
            section.verify id="verify" hidden {
                h2 { "Verify this packet here" }
                p { "Drop the ZIP file on this page, or choose it. It is read by this page alone and sent nowhere." }
                p { label { "Public key of the operator " input id="key" type="text" autocomplete="off" spellcheck="false"; } }
                p { label { "Packet " input id="file" type="file" accept=".zip"; } }
                p id="judgement" role="status" {}
                ul id="checks" {}
            }
        }
    }
}

/// Returns a table, or a sentence where it has no rows.
fn table(table: &Table, none: &str) -> Markup {
    html! {
        @if table.rows.is_empty() { p.quiet { (none) } }
        @else {
            div.wide { table {
                thead { tr { @for head in &table.head { th scope="col" { (head) } } } }
                tbody { @for row in &table.rows { tr { @for cell in row { td { (cell) } } } } }
            } }
        }
    }
}
