//! The table of usage: one row for each group, and their sum.

use super::links::{Part, errors, records};
use super::plot::{TOP, swatch};
use super::{Numbers, UsageFound, UsageGroup, UsagePage};
use crate::delta::relative;
use crate::text;
use maud::{Markup, html};

/// A column of numbers.
struct Column {
    title: &'static str,
    /// The explanation of the title.
    about: &'static str,
    text: fn(&Numbers) -> String,
    exact: fn(&Numbers) -> Option<String>,
    /// Whether the cell counts requests with a status of 400 and above alone.
    is_errors: bool,
}

const fn column(title: &'static str, about: &'static str, text: fn(&Numbers) -> String) -> Column {
    Column { title, about, text, exact: |_| None, is_errors: false }
}

const REQUESTS: Column = column("Requests", "Records of requests", |of| text::count(of.requests));
const ERRORS: Column = Column {
    exact: |of| Some(text::count(of.errors)),
    is_errors: true,
    ..column("≥ 400", "Requests with a status of 400 and above; those that the gateway refused are among them", |of| {
        text::percent(of.errors, of.requests)
    })
};
const COST: Column = Column {
    exact: |of| Some(text::exact_usd(of.cost_nano_usd)),
    ..column("Cost", "US dollars", |of| text::cents(of.cost_nano_usd))
};
const AMOUNTS: [Column; 7] = [
    REQUESTS,
    ERRORS,
    column("Input", "Tokens of the prompts", |of| text::count(of.input_tokens)),
    column("Cached", "Input tokens that were read from the provider's cache", |of| text::count(of.cached_tokens)),
    column("Output", "Tokens of the answers", |of| text::count(of.output_tokens)),
    column("Reasoning", "Output tokens that were spent on reasoning", |of| text::count(of.reasoning_tokens)),
    COST,
];
const TIMES: [Column; 6] = [
    REQUESTS,
    ERRORS,
    column("p50", "Half of the requests took no longer", |of| time(of.p50_us)),
    column("p95", "95 of 100 requests took no longer", |of| time(of.p95_us)),
    column("First token p95", "The first token of 95 of 100 streams came no later", |of| time(of.first_token_p95_us)),
    COST,
];

/// Returns a time, or a dash if there is none.
fn time(us: Option<u64>) -> String {
    us.map_or_else(|| "–".to_owned(), text::duration)
}

/// Returns the table.
pub(super) fn render(page: &UsagePage, found: &UsageFound) -> Markup {
    let is_time = page.state.measure.is_time();
    let columns: &[Column] = if is_time { &TIMES } else { &AMOUNTS };
    html! {
        div.wide {
            table.requests.cards {
                thead { tr {
                    th scope="col" { (page.state.dimension().label) }
                    @for column in columns { th.number scope="col" title=(column.about) { (column.title) } }
                    @if !is_time { th.number scope="col" title={ "Of " (page.state.measure.label().to_lowercase()) } { "Share" } }
                    @if page.state.compare { th.number scope="col" title={ (page.state.measure.label()) " against the period before" } { "Δ" } }
                } }
                tbody { @for (place, group) in found.groups.iter().enumerate() { (row(page, found, columns, Some(place), group)) } }
                tfoot { (row(page, found, columns, None, &found.total)) }
            }
        }
        @if found.more > 0 {
            p.quiet { (text::count(found.more as u64)) " more are in the sum and in the CSV." }
        }
    }
}

fn row(page: &UsagePage, found: &UsageFound, columns: &[Column], place: Option<usize>, group: &UsageGroup) -> Markup {
    let part = if place.is_some() { found.part_of(group) } else { Some(Part::All) };
    let dimension = page.state.dimension();
    let link = |is_errors: bool| {
        let of = if is_errors { errors } else { records };
        part.as_ref().and_then(|part| of(&page.terms, dimension, part, page.period))
    };
    let (all, failed) = (link(false), link(true));
    html! {
        tr {
            th scope="row" {
                @match place {
                    Some(place) => { @if place < TOP && !page.state.measure.is_time() { (swatch(place)) } (found.label(group)) }
                    None => "All",
                }
            }
            @for column in columns {
                @let url = if column.is_errors { (group.now.errors > 0).then_some(failed.as_ref()).flatten() } else { (group.now.requests > 0).then_some(all.as_ref()).flatten() };
                td.number data-label=(column.title) title=[(column.exact)(&group.now)] {
                    @match url { Some(url) => a href=(url) { ((column.text)(&group.now)) }, None => ((column.text)(&group.now)) }
                }
            }
            @if !page.state.measure.is_time() {
                td.number data-label="Share" { (text::percent(group.now.of(page.state.measure), found.total.now.of(page.state.measure))) }
            }
            @if page.state.compare { (delta(page, group)) }
        }
    }
}

fn delta(page: &UsagePage, group: &UsageGroup) -> Markup {
    let measure = page.state.measure;
    let before = group.before.unwrap_or_default();
    html! {
        td.number data-label="Δ" title={ "Before: " (page.shown(before.of(measure))) } { (relative(group.now.of(measure), before.of(measure))) }
    }
}
