//! The timeline of a request: the gateway, each try, the first token, the end, as SVG.

use crate::text;
use headgate_record::{AttemptRecord, RequestRecord};
use maud::{Markup, html};

/// Width of the drawing in its own units.
const WIDTH: u64 = 1_000;
const ROW: usize = 22;

pub(super) fn timeline(record: &RequestRecord) -> Markup {
    let whole = record.attempts.iter().map(end).fold(record.duration_us, u64::max).max(1);
    let at =
        |us: u64| u64::try_from(u128::from(us) * u128::from(WIDTH) / u128::from(whole)).unwrap_or(WIDTH).min(WIDTH);
    let height = ROW * (record.attempts.len() + 1);
    html! {
        figure.timeline {
            svg viewBox={ "0 0 " (WIDTH) " " (height) } preserveAspectRatio="none" role="img" aria-label="Timeline; the table below has its figures" {
                rect.gate x="0" y="4" width=(at(record.duration_us).max(2)) height=(ROW - 8) {}
                @if let Some(first) = record.time_to_first_token_us {
                    line.first x1=(at(first)) x2=(at(first)) y1="0" y2=(height) {}
                }
                @for (place, attempt) in record.attempts.iter().enumerate() {
                    rect.try.failed[attempt.error.is_some()] x=(at(attempt.started_after_us)) y=(ROW * (place + 1) + 4)
                        width=(at(attempt.latency_us).max(2)) height=(ROW - 8) {}
                }
            }
            (table(record))
        }
    }
}

fn end(attempt: &AttemptRecord) -> u64 {
    attempt.started_after_us.saturating_add(attempt.latency_us)
}

fn table(record: &RequestRecord) -> Markup {
    html! {
        table.steps {
            thead { tr { th scope="col" { "Step" } th scope="col" { "Result" } th.number scope="col" { "Begins" } th.number scope="col" { "Takes" } } }
            tbody {
                @for attempt in &record.attempts {
                    tr {
                        td { bdi { (attempt.provider) "/" (attempt.model) } " " span.quiet { (attempt.kind.as_str()) } }
                        td { (result(attempt)) }
                        td.number { (text::duration(attempt.started_after_us)) }
                        td.number { (text::duration(attempt.latency_us)) }
                    }
                }
                @if let Some(first) = record.time_to_first_token_us {
                    tr { td { "First token" } td {} td.number { (text::duration(first)) } td {} }
                }
                tr {
                    td { "End" } td { (record.ended_by.as_str()) }
                    td.number { (text::duration(record.duration_us)) } td {}
                }
            }
        }
    }
}

fn result(attempt: &AttemptRecord) -> Markup {
    html! {
        @if let Some(status) = attempt.status { (status) " " }
        @match attempt.error { Some(error) => (error.as_str()), None => "ok" }
        @if let Some(own) = &attempt.provider_error { " " bdi.quiet { (own) } }
    }
}
