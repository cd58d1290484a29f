//! The sections of the page, in their order: completeness first.

use super::{MAX_ROWS, PageParts, deliveries, table};
use crate::{CompletenessVerdict, ControlTotals, LogPart, Manifest, NOTE, PAGE, SUMS};
use maud::{Markup, html};

/// Returns the statement on completeness.
pub(super) fn completeness(manifest: &Manifest, parts: &PageParts) -> Markup {
    let statement = &manifest.completeness;
    let class = match statement.verdict {
        CompletenessVerdict::Complete => "good",
        CompletenessVerdict::CompleteExcept => "warn",
        CompletenessVerdict::CannotBeSaid => "bad",
    };
    html! {
        section id="completeness" {
            h2 { "1. Completeness" }
            p.verdict.(class) { (statement.verdict.words()) @if !statement.reasons.is_empty() { ":" } }
            @if !statement.reasons.is_empty() { ul { @for reason in &statement.reasons { li { (reason) } } } }
            p { "Looked at: " (statement.basis.join("; ")) "." }
            (deliveries::pointer(parts))
            p { "Not looked at: which proxies ought to report. A proxy that never reported is not noticed." }
        }
    }
}

/// Returns the control totals beside those of usage.
pub(super) fn totals(manifest: &Manifest) -> Markup {
    let usage = manifest.reconciliation.usage.map(|usage| usage.values());
    let rows = ControlTotals::NAMES.into_iter().zip(manifest.totals.values());
    html! {
        section id="totals" {
            h2 { "2. Control totals" }
            p { "The records of the period in this packet, added up one by one, beside the usage that the collector counted when each record was stored." }
            div.wide { table {
                thead { tr { th scope="col" { "Sum" } th.number scope="col" { "Records" } th.number scope="col" { "Usage" } } }
                tbody { @for (place, (name, value)) in rows.enumerate() { tr {
                    th scope="row" { (name) } td.number { (count(value)) }
                    td.number { @match usage.and_then(|usage| usage.get(place).copied()) { Some(value) => (count(value)), None => "–" } }
                } } }
            } }
            p.verdict.(agreement(manifest.reconciliation.agrees)) { (manifest.reconciliation.remark) }
        }
    }
}

const fn agreement(agrees: Option<bool>) -> &'static str {
    match agrees {
        Some(true) => "good",
        Some(false) => "bad",
        None => "warn",
    }
}

/// Returns the scope statement.
pub(super) fn scope(manifest: &Manifest) -> Markup {
    let scope = &manifest.scope;
    let actor = |name: &str| manifest.requested_by.get(name).and_then(|value| value.as_str()).unwrap_or("").to_owned();
    html! {
        section id="scope" {
            h2 { "3. Scope" }
            dl {
                dt { "Period" } dd { (time(scope.from)) " to before " (time(scope.to)) ", by the time at which requests began" }
                dt { "Filters" } dd {
                    @if scope.filters.is_empty() { "none" }
                    @for (name, values) in &scope.filters { span.term { (name) " = " (values.join(" or ")) } " " }
                }
                dt { "Sections" } dd { (scope.sections.join(", ")) }
                dt { "Asked for by" } dd { (actor("kind")) " " (actor("id")) @if !actor("name").is_empty() { ", " bdi { (actor("name")) } } }
                dt { "State of the logs" } dd { @match &manifest.as_of { Some(at) => { "as signed " (at) } None => "not signed" } }
                dt { "Request log" } dd { (positions(&manifest.requests, "records")) }
                @if let Some(audit) = &manifest.audit { dt { "Audit log" } dd { (positions(audit, "entries")) } }
            }
        }
    }
}

fn positions(part: &LogPart, what: &str) -> String {
    if part.lines == 0 {
        return format!("no {what}; the checkpoint covers {}", part.size);
    }
    format!(
        "positions {} to {} of {}: {} {what} in the packet, {} of them of the period; {} without a row ({} left out by filters, {} deleted or lost, {} damaged)",
        part.first.saturating_add(1),
        part.end,
        part.size,
        part.lines,
        part.in_period,
        part.outside.total(),
        part.outside.not_matched,
        part.outside.deleted,
        part.outside.damaged
    )
}

/// Returns the source index.
pub(super) fn sources(parts: &PageParts) -> Markup {
    html! {
        section id="sources" {
            h2 { "4. Source index" }
            p { "Observed by the collector. Records come from proxies, which number them; audit entries come from the collector itself and from systems that deliver them." }
            (table(&parts.sources, "No proxy was heard of in the last 30 days."))
        }
    }
}

/// Returns the field dictionary.
pub(super) fn fields(parts: &PageParts) -> Markup {
    html! {
        section id="fields" {
            h2 { "5. Field dictionary" }
            p { "All fields of a record, from the schema that the collector enforces; also as data/fields.csv." }
            details { summary { (parts.fields.rows.len()) " fields" } (table(&parts.fields, "")) }
        }
    }
}

/// Returns the redaction statement.
pub(super) fn redaction(manifest: &Manifest) -> Markup {
    let fields = &manifest.scope.redact;
    html! {
        section id="redaction" {
            h2 { "6. Redaction" }
            p { "Records hold metadata: prompts, answers and secrets are never stored. Secrets in the policy and in audit entries are masked before they are stored or shown." }
            @if fields.is_empty() { p { "Nothing was redacted in this packet." } }
            @else {
                p { "These fields were replaced by pseudonyms: " (fields.join(", ")) ". The same value has the same pseudonym in every packet of this collector, and nobody can compute a value from it without the collector's key." }
                p.warn { "A redacted row has another hash than its record, so no row can be matched with the log. The hashes of the originals are in the proofs." }
            }
        }
    }
}

/// Returns the retention statement.
pub(super) fn retention(parts: &PageParts) -> Markup {
    html! {
        section id="retention" {
            h2 { "7. Retention" }
            (table(&parts.retention, "No rules are known."))
            h3 { "Legal holds" }
            (table(&parts.holds, "No hold stands."))
        }
    }
}

/// Returns the access statement.
pub(super) fn access(manifest: &Manifest, parts: &PageParts) -> Markup {
    html! {
        section id="access" {
            h2 { "8. Access" }
            @if manifest.scope.sections.iter().any(|section| section == "access") {
                h3 { "Roles" } (table(&parts.roles, ""))
                h3 { "Tokens" } (table(&parts.tokens, "There is no token in the store."))
                h3 { "Reads and exports in the period" }
                (table(&parts.readers, "Nobody read the logs, or the audit log is not part of this packet."))
            } @else { p.quiet { "Not part of this packet: the section `access` was not asked for." } }
            (deliveries::statement(parts))
        }
    }
}

/// Returns the sample trace.
pub(super) fn sample(manifest: &Manifest, parts: &PageParts) -> Markup {
    html! {
        section id="sample" {
            h2 { "9. Sample trace" }
            @match &parts.sample {
                None => p.quiet { "There is no record." },
                Some(sample) => {
                    p { "Record " code { (sample.id) } ", index " (sample.index) " of the log. "
                        @if manifest.scope.redact.is_empty() { "Its proof is proofs/sample.tlog-proof. " }
                        @if let Some(revision) = sample.revision { "It ran under revision " (revision) " of the policy." }
                    }
                    (table(&sample.steps, ""))
                    details { summary { "The whole record" } pre { (sample.record) } }
                }
            }
        }
    }
}

/// Returns the outside parties that have confirmed or hold checkpoints.
pub(super) fn outside(manifest: &Manifest, parts: &PageParts) -> Markup {
    let none = match manifest.key {
        Some(_) => {
            "Signed by the operator only: no witness has confirmed a checkpoint, and no place outside holds one."
        }
        None => "Not signed, and nobody outside holds anything of the log.",
    };
    html! {
        section id="outside" {
            h2 { "10. Outside memory" }
            p { "Whoever wants to replace the log has to replace these too. The check of this packet shows that its log continues each of these checkpoints; that the party really has it, only the party can show." }
            (table(&parts.outside, none))
        }
    }
}

/// Returns how a reader checks the packet.
pub(super) fn checking(manifest: &Manifest) -> Markup {
    html! {
        section id="checking" {
            h2 { "11. How to check this packet" }
            ol {
                li { "Files: " code { "sha256sum -c " (SUMS) } " in the unpacked folder." }
                li { "Signature: " code { (NOTE) } " is a signed note over " (SUMS) " (c2sp.org/signed-note)." }
                li { "Everything: " code { "headgate-collector verify --packet FILE --key KEY" } " ends with 0 if all holds, 1 if something is contradicted, 2 if it cannot be judged." }
                li { "By hand: SHA-256 of a zero byte and a line of data/requests.ndjson is a leaf of the tree (RFC 6962); proofs/requests.nodes has all other subtrees." }
            }
            @if let Some(key) = &manifest.key {
                p { "The packet says that it is signed with this key. Compare it with the one that the operator gave you by another way:" }
                p { code.key { (key) } }
            }
        }
    }
}

/// Returns the list of files.
pub(super) fn files(manifest: &Manifest) -> Markup {
    html! {
        section id="files" {
            h2 { "12. Files" }
            div.wide { table {
                thead { tr { th scope="col" { "File" } th.number scope="col" { "Rows" } } }
                tbody {
                    @for file in &manifest.files { tr {
                        td { a href=(file.name) { (file.name) } }
                        td.number { @if let Some(rows) = file.rows { (rows) } }
                    } }
                    @for name in [crate::MANIFEST, PAGE, SUMS, NOTE] { tr { td { a href=(name) { (name) } } td {} } }
                }
            } }
        }
    }
}

/// Returns the first records.
pub(super) fn rows(manifest: &Manifest, parts: &PageParts) -> Markup {
    html! {
        section id="rows" {
            h2 { "13. Records" }
            p { (parts.rows.rows.len()) " of " (manifest.requests.lines) " records; the page shows " (MAX_ROWS) " at most, data/requests.csv has all of them." }
            (table(&parts.rows, "There is no record."))
        }
    }
}

/// Returns a number with separators: `12,345`.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Returns a time in µs as seconds of UTC.
fn time(us: i64) -> String {
    let seconds = us.div_euclid(1_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a date: Howard Hinnant's algorithm for the Gregorian calendar.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let part = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * part + 2) / 5 + 1, if part < 10 { part + 3 } else { part - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::{count, time};

    #[test]
    fn numbers_have_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn times_are_dates_of_utc() {
        for (us, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_225_600_000_000, "2026-01-01T00:00:00Z"),
            (1_709_210_096_000_000, "2024-02-29T12:34:56Z"),
            (951_782_399_000_000, "2000-02-28T23:59:59Z"),
        ] {
            assert_eq!(time(us), text);
        }
    }
}
