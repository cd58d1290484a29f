//! The histogram: the records of the whole range over time, as SVG. Each bar is a link to its part of the range.

use super::{Logs, Range};
use crate::text;
use maud::{Markup, html};

/// The records of a part of the range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bar {
    /// Successful requests.
    pub success: u64,
    /// Requests that the gateway rejected.
    pub refused: u64,
    /// Requests that ended with an error.
    pub error: u64,
    /// Requests whose client left.
    pub aborted: u64,
    /// Cost in nano-USD.
    pub cost_nano_usd: u64,
}

impl Bar {
    const fn requests(&self) -> u64 {
        self.success + self.refused + self.error + self.aborted
    }
}

/// The histogram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bars {
    /// Beginning of the first bar, µs.
    pub start: i64,
    /// Width of a bar, µs.
    pub width: i64,
    /// The bars in order.
    pub bars: Vec<Bar>,
}

/// Height of the drawing, in its own units.
const HEIGHT: u64 = 100;
/// Least height of a part of a bar.
const MIN_PART: u64 = 2;
/// Width of a bar in the drawing.
const STEP: usize = 10;

impl Bars {
    pub(super) fn render(&self, logs: &Logs) -> Markup {
        let most = self.bars.iter().map(Bar::requests).max().unwrap_or(0);
        if most == 0 {
            return html! {};
        }
        let end = self.start_of(self.bars.len());
        let clock = |us| logs.zone.day_and_clock(us);
        html! {
            figure.bars {
                svg viewBox={ "0 0 " (self.bars.len() * STEP) " " (HEIGHT) } preserveAspectRatio="none" role="group"
                    aria-label="Requests over time" data-from=(self.bounds(logs).0) data-to=(self.bounds(logs).1) data-start=(self.start) data-width=(self.width) data-bars=(self.bars.len())
                    data-url=(logs.state.with_range(Range::All).url()) {
                    @for (place, bar) in self.bars.iter().enumerate() { (self.bar(logs, place, bar, most)) }
                }
                figcaption {
                    time { (clock(self.start)) }
                    span { "each bar " (text::duration(self.width.unsigned_abs())) " · at most " (text::count(most)) }
                    time { (clock(end)) " " (logs.zone.name) }
                }
            }
        }
    }

    fn start_of(&self, place: usize) -> i64 {
        self.start.saturating_add(self.width.saturating_mul(i64::try_from(place).unwrap_or(i64::MAX)))
    }

    /// Returns the bounds of what is counted: the first and the last bar may reach beyond the range.
    fn bounds(&self, logs: &Logs) -> (i64, i64) {
        let (from, to) = logs.state.range.bounds(logs.now);
        let end = self.start_of(self.bars.len());
        (from.map_or(self.start, |from| from.max(self.start)), to.map_or(end, |to| to.min(end)))
    }

    fn bar(&self, logs: &Logs, place: usize, bar: &Bar, most: u64) -> Markup {
        if bar.requests() == 0 {
            return html! {};
        }
        let (from, to) = self.bounds(logs);
        let (start, end) = (self.start_of(place).max(from), self.start_of(place + 1).min(to));
        let url = logs.state.with_range(Range::Between(Some(start), Some(end))).url();
        let label = format!(
            "{}: {} requests, {} refused, {} errors, {}",
            logs.zone.day_and_clock(start),
            text::count(bar.requests()),
            text::count(bar.refused),
            text::count(bar.error),
            text::usd(bar.cost_nano_usd)
        );
        html! {
            a href=(url) tabindex="-1" aria-label=(label) {
                title { (label) }
                rect.whole x=(place * STEP) y="0" width=(STEP) height=(HEIGHT) {}
                (stacked(place * STEP, bar, most))
            }
        }
    }
}

/// Returns the parts of a bar, one upon the other. A part with a record is never invisible.
fn stacked(x: usize, bar: &Bar, most: u64) -> Markup {
    let parts = [("success", bar.success), ("refused", bar.refused), ("error", bar.error), ("aborted", bar.aborted)];
    let mut top = HEIGHT;
    let mut above = parts.iter().filter(|(_, count)| *count > 0).count() as u64;
    let parts = parts.into_iter().filter(|(_, count)| *count > 0).map(|(class, count)| {
        above = above.saturating_sub(1);
        let share = u128::from(count) * u128::from(HEIGHT) / u128::from(most.max(1));
        let height =
            u64::try_from(share).unwrap_or(HEIGHT).clamp(MIN_PART, top.saturating_sub(MIN_PART * above).max(MIN_PART));
        top = top.saturating_sub(height);
        (class, top, height)
    });
    html! {
        @for (class, y, height) in parts {
            rect class=(class) x=(x + 1) y=(y) width=(STEP - 2) height=(height) {}
        }
    }
}
