//! The bars of usage over time, as SVG: the first groups one upon the other, and the rest together.

use super::links::{Part, records};
use super::state::Period;
use super::{UsageFound, UsagePage};
use maud::{Markup, html};

/// Groups that have a part of their own in a bar.
pub const TOP: usize = 8;

/// One bar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageBar {
    /// Its beginning, µs.
    pub from: i64,
    /// Its end, µs.
    pub to: i64,
    /// The measure of each of the first groups, then of the rest together. Percentiles have one part alone.
    pub parts: Vec<u64>,
}

impl UsageBar {
    fn whole(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }
}

/// Height of the drawing, in its own units, and least height of a part.
const HEIGHT: u64 = 1_000;
const MIN_PART: u64 = 12;
/// Width of a bar in the drawing.
const STEP: usize = 20;
/// Most bars whose parts are links of their own.
const LINKED: usize = 62;

/// Returns the bars and their legend.
pub(super) fn render(page: &UsagePage, found: &UsageFound) -> Markup {
    let most = found.bars.iter().map(UsageBar::whole).max().unwrap_or(0);
    if most == 0 {
        return html! {};
    }
    let zone = &page.zone;
    let (start, end) = (page.period.from, page.period.to);
    html! {
        figure.bars.usage {
            (patterns())
            svg.plot viewBox={ "0 0 " (found.bars.len() * STEP) " " (HEIGHT) } preserveAspectRatio="none" role="group"
                aria-label={ (page.state.measure.label()) " by " (page.period.bucket.word()) "; the table below has the sums" } {
                line.grid x1="0" x2=(found.bars.len() * STEP) y1=(HEIGHT / 2) y2=(HEIGHT / 2) {}
                @for (place, bar) in found.bars.iter().enumerate() { (self::bar(page, found, place, bar, most)) }
            }
            figcaption {
                time { (zone.short(start)) }
                span { "each bar " (match page.period.bucket.word() { "hour" => "an hour", "day" => "a day", "week" => "a week", _ => "a month" }) " · at most " (page.shown(most)) }
                time { (zone.short(end)) " " (zone.name) }
            }
        }
        @if !page.state.measure.is_time() { (legend(page, found)) }
    }
}

/// Returns the fills: each has a color and one of three textures, so that neighbors differ without color too.
fn patterns() -> Markup {
    html! {
        svg.patterns width="0" height="0" aria-hidden="true" {
            defs {
                @for place in 0..=TOP {
                    pattern id={ "u" (place) } width="20" height="60" patternUnits="userSpaceOnUse" {
                        rect class={ "s" (place) } width="20" height="60" {}
                        @if place % 3 > 0 { rect.texture width="20" height=(if place % 3 == 1 { 12 } else { 30 }) {} }
                    }
                }
            }
        }
    }
}

fn bar(page: &UsagePage, found: &UsageFound, place: usize, bar: &UsageBar, most: u64) -> Markup {
    let (x, when) = (place * STEP, page.zone.unit(bar.from, page.period.bucket));
    let period = Period { from: bar.from, to: bar.to, ..page.period };
    let each = stacked(bar, most);
    let link = |part: &Part<'_>| records(&page.terms, page.state.dimension(), part, period);
    if page.state.measure.is_time() || found.bars.len() > LINKED {
        let label = format!("{when}: {}", page.shown(bar.whole()));
        return html! {
            a href=[link(&Part::All)] tabindex="-1" aria-label=(label) {
                title { (label) }
                rect.whole x=(x) y="0" width=(STEP) height=(HEIGHT) {}
                @for (part, top, height) in each { (rect(part, x, top, height)) }
            }
        };
    }
    html! {
        @for (part, top, height) in each {
            @let label = format!("{when}: {} {}", found.name_of(part, page), page.shown(bar.parts.get(part).copied().unwrap_or(0)));
            a href=[part_of(found, part).and_then(|part| link(&part))] tabindex="-1" aria-label=(label) {
                title { (label) }
                (rect(part, x, top, height))
            }
        }
    }
}

fn rect(part: usize, x: usize, top: u64, height: u64) -> Markup {
    html! { rect.part fill={ "url(#u" (part.min(TOP)) ")" } x=(x + 2) y=(top) width=(STEP - 4) height=(height) {} }
}

/// Returns the parts with something in them, with top and height, from the base on. None of them is invisible.
fn stacked(bar: &UsageBar, most: u64) -> Vec<(usize, u64, u64)> {
    let mut top = HEIGHT;
    let mut above = bar.parts.iter().filter(|part| **part > 0).count() as u64;
    let parts = bar.parts.iter().enumerate().filter(|(_, part)| **part > 0);
    parts
        .map(|(place, part)| {
            above = above.saturating_sub(1);
            let share = u128::from(*part) * u128::from(HEIGHT) / u128::from(most.max(1));
            let room = top.saturating_sub(MIN_PART * above).max(MIN_PART);
            let height = u64::try_from(share).unwrap_or(HEIGHT).clamp(MIN_PART, room);
            top = top.saturating_sub(height);
            (place, top, height)
        })
        .collect()
}

/// Returns the records of a part of a bar; `None` if no search can name them.
fn part_of(found: &UsageFound, place: usize) -> Option<Part<'_>> {
    if place < TOP {
        return found.part_of(found.groups.get(place)?);
    }
    let first: Option<Vec<_>> = found.groups.iter().take(TOP).map(|group| group.value.as_deref()).collect();
    first.map(Part::Without)
}

fn legend(page: &UsagePage, found: &UsageFound) -> Markup {
    let rest = found.groups.len().saturating_add(found.more) > TOP;
    html! {
        ol.legend aria-label="Parts of a bar, from the base up" {
            @for place in 0..found.groups.len().min(TOP) {
                @let group = found.groups.get(place);
                @if group.is_some_and(|group| group.now.of(page.state.measure) > 0) {
                    li { (swatch(place)) bdi { (found.name_of(place, page)) } }
                }
            }
            @if rest { li { (swatch(TOP)) "other" } }
        }
    }
}

/// Returns the sample of a fill.
pub(super) fn swatch(place: usize) -> Markup {
    html! { svg.swatch viewBox="0 0 120 120" aria-hidden="true" { rect fill={ "url(#u" (place) ")" } width="120" height="120" {} } }
}
