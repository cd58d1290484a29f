//! The numbers of a day: each with the day before and its course by hour.

use super::{Day, OverviewFound, OverviewPage};
use crate::delta::{Words, sentence};
use crate::logs::{LogsState, Range};
use crate::search::{Term, write};
use crate::text;
use crate::usage::{Measure, Span, UsageState, by};
use maud::{Markup, html};

/// The numbers of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    /// Its beginning, µs.
    pub start: i64,
    /// Its numbers.
    pub numbers: Day,
}

/// A card.
struct Card {
    title: &'static str,
    url: String,
    shown: String,
    exact: Option<String>,
    against: Markup,
    /// The value of an hour, and how it is shown.
    of: fn(&Day) -> u64,
    text: fn(u64) -> String,
}

const MORE: Words = Words { more: "more", less: "fewer", more_is_bad: false };
const HIGHER: Words = Words { more: "higher", less: "lower", more_is_bad: false };
const WORSE: Words = Words { more: "more", less: "fewer", more_is_bad: true };
const SLOWER: Words = Words { more: "slower", less: "faster", more_is_bad: true };

/// Returns the cards.
pub(super) fn cards(page: &OverviewPage, found: &OverviewFound) -> Markup {
    let (now, before) = (&found.now, &found.before);
    let logs = |word: Option<&str>| {
        let terms: Vec<_> = word.map(|word| Term::of("status", word)).into_iter().collect();
        let range = Range::Between(Some(page.from), Some(page.to));
        LogsState { q: write(&terms), range, ..LogsState::default() }.url()
    };
    let usage = |measure| {
        let span = Span::Between(Some(page.from), Some(page.to));
        UsageState { span, measure, by: by("model"), ..UsageState::default() }.url()
    };
    let share = |day: &Day, part: u64| format!("{} of {}", text::count(part), text::count(day.requests));
    let times = |now: Option<u64>, before: Option<u64>| match (now, before) {
        (Some(now), Some(before)) => sentence(now, before, SLOWER, &text::duration(before)),
        (_, before) => html! { "the day before: " (time(before)) },
    };
    let all = [
        Card {
            title: "Requests",
            url: logs(None),
            shown: text::count(now.requests),
            exact: None,
            against: sentence(now.requests, before.requests, MORE, &text::count(before.requests)),
            of: |day| day.requests,
            text: text::count,
        },
        Card {
            title: "Errors",
            url: logs(Some("error")),
            shown: text::percent(now.errors, now.requests),
            exact: Some(share(now, now.errors)),
            against: sentence(now.errors, before.errors, WORSE, &share(before, before.errors)),
            of: |day| day.errors,
            text: text::count,
        },
        Card {
            title: "Refused",
            url: logs(Some("refused")),
            shown: text::count(now.refused),
            exact: None,
            against: sentence(now.refused, before.refused, WORSE, &text::count(before.refused)),
            of: |day| day.refused,
            text: text::count,
        },
        Card {
            title: "Cost",
            url: logs(None),
            shown: text::cents(now.cost_nano_usd),
            exact: Some(text::exact_usd(now.cost_nano_usd)),
            against: sentence(now.cost_nano_usd, before.cost_nano_usd, HIGHER, &text::cents(before.cost_nano_usd)),
            of: |day| day.cost_nano_usd,
            text: text::cents,
        },
        Card {
            title: "First token, p95",
            url: usage(Measure::FirstTokenP95),
            shown: time(now.first_token_p95_us),
            exact: None,
            against: times(now.first_token_p95_us, before.first_token_p95_us),
            of: |day| day.first_token_p95_us.unwrap_or(0),
            text: text::duration,
        },
        Card {
            title: "Duration, p95",
            url: usage(Measure::P95),
            shown: time(now.p95_us),
            exact: None,
            against: times(now.p95_us, before.p95_us),
            of: |day| day.p95_us.unwrap_or(0),
            text: text::duration,
        },
    ];
    html! { ul.cards-of-day { @for card in &all { li { (card.render(page, found)) } } } }
}

fn time(us: Option<u64>) -> String {
    us.map_or_else(|| "–".to_owned(), text::duration)
}

impl Card {
    fn render(&self, page: &OverviewPage, found: &OverviewFound) -> Markup {
        html! {
            h2 { (self.title) }
            p.figure { a href=(self.url) title=[self.exact.as_deref()] { (self.shown) } }
            p.quiet { (self.against) }
            (self.course(page, found))
        }
    }

    /// Returns the course by hour as bars.
    fn course(&self, page: &OverviewPage, found: &OverviewFound) -> Markup {
        let values: Vec<_> = found.hours.iter().map(|hour| (hour.start, (self.of)(&hour.numbers))).collect();
        let Some((at, most)) = values.iter().copied().max_by_key(|(_, value)| *value).filter(|(_, most)| *most > 0)
        else {
            return html! {};
        };
        let label = format!("By hour, at most {} from {}", (self.text)(most), page.zone.short(at));
        html! {
            svg.course viewBox={ "0 0 " (values.len() * 10) " 100" } preserveAspectRatio="none" role="img" aria-label=(label) {
                @for (place, (start, value)) in values.iter().enumerate() {
                    @let height = height(*value, most);
                    rect x=(place * 10 + 1) y=(100 - height) width="8" height=(height) {
                        title { (page.zone.short(*start)) ": " ((self.text)(*value)) }
                    }
                }
            }
        }
    }
}

fn height(value: u64, most: u64) -> u64 {
    let height = u128::from(value) * 100 / u128::from(most.max(1));
    let height = u64::try_from(height).unwrap_or(100);
    if value > 0 { height.max(3) } else { 0 }
}
