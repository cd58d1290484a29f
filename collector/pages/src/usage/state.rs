//! The state of the Usage page. All of it is in the URL.

use super::division::{DIMENSIONS, Dimension, Measure, TEAM};
use crate::search::Term;
use crate::text::{Unit, Zone};
use form_urlencoded::Serializer;

/// Spans up to now: the word in the URL, the label, and the length in µs.
pub const SPANS: [(&str, &str, i64); 5] = [
    ("24h", "24 h", DAY_US),
    ("7d", "7 d", 7 * DAY_US),
    ("30d", "30 d", 30 * DAY_US),
    ("90d", "90 d", 90 * DAY_US),
    ("12mo", "12 months", 365 * DAY_US),
];
const DAY_US: i64 = 86_400_000_000;
const QUARTER_US: i64 = 900_000_000;
/// Place of the default among the spans.
const DEFAULT_SPAN: usize = 2;

/// The span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The last one of [`SPANS`], by its place.
    Last(usize),
    /// From a time to before another, µs.
    Between(Option<i64>, Option<i64>),
}

impl Default for Span {
    fn default() -> Self {
        Self::Last(DEFAULT_SPAN)
    }
}

/// The state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageState {
    /// The search.
    pub q: String,
    /// The span of time.
    pub span: Span,
    /// Place among [`DIMENSIONS`].
    pub by: usize,
    /// The length of a bar, if the URL says it.
    pub bucket: Option<Unit>,
    /// The number that is drawn.
    pub measure: Measure,
    /// Whether the period before is shown too.
    pub compare: bool,
    /// The time zone of days, if the URL says it.
    pub zone: Option<String>,
}

/// A whole period: what the API is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// From here on, µs; a whole quarter of an hour.
    pub from: i64,
    /// Before this, µs; likewise.
    pub to: i64,
    /// The length of a bar.
    pub bucket: Unit,
}

impl Period {
    /// Returns the period of the same length before.
    #[must_use]
    pub const fn before(self) -> Self {
        let length = self.to.saturating_sub(self.from);
        Self { from: self.from.saturating_sub(length), to: self.from, ..self }
    }

    /// Returns about how many bars it has.
    #[must_use]
    pub const fn bars(self) -> i64 {
        self.to.saturating_sub(self.from) / self.bucket.about_us()
    }
}

impl UsageState {
    /// Reads the state from the parameters of a URL. Days and times without a zone are of the reader's.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter.
    pub fn read(query: &str, reader: &Zone) -> Result<Self, String> {
        let mut state = Self::default();
        let (mut from, mut to) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                _ if value.is_empty() => {}
                "q" => state.q = value.trim().to_owned(),
                "range" => state.span = Span::Last(place(SPANS.iter().map(|(word, ..)| *word), "range", &value)?),
                "from" => from = Some(value),
                "to" => to = Some(value),
                "by" => state.by = place(DIMENSIONS.iter().map(|one| one.word), "by", &value)?,
                "bucket" => {
                    let at = place(Unit::ALL.into_iter().map(Unit::word), "bucket", &value)?;
                    state.bucket = Unit::ALL.get(at).copied();
                }
                "measure" => {
                    let at = place(Measure::ALL.into_iter().map(Measure::word), "measure", &value)?;
                    state.measure = Measure::ALL.get(at).copied().unwrap_or_default();
                }
                "compare" => state.compare = true,
                "tz" => state.zone = Some(Zone::known(&value).ok_or_else(unknown_zone)?.name),
                _ => return Err("The address has a parameter that this page does not know.".to_owned()),
            }
        }
        let zone = state.zone_or(reader);
        let time = |name: &str, text: Option<_>| {
            text.map(|text: std::borrow::Cow<'_, str>| zone.time(name, &text)).transpose()
        };
        if from.is_some() || to.is_some() {
            state.span = Span::Between(time("from", from)?, time("to", to)?);
        }
        Ok(state)
    }

    /// Returns the zone of the page; the reader's if the URL has none.
    #[must_use]
    pub fn zone_or(&self, reader: &Zone) -> Zone {
        self.zone.as_deref().and_then(Zone::known).unwrap_or_else(|| reader.clone())
    }

    /// Returns the dimension.
    #[must_use]
    pub fn dimension(&self) -> &'static Dimension {
        DIMENSIONS.get(self.by).unwrap_or(&TEAM)
    }

    /// Returns the period at this time. A span up to now begins with a whole bar.
    #[must_use]
    pub fn period(&self, now: i64, zone: &Zone) -> Period {
        let quarter_after =
            |us: i64| us.saturating_add(QUARTER_US - 1).div_euclid(QUARTER_US).saturating_mul(QUARTER_US);
        let length = |place: usize| SPANS.get(place).map_or(DAY_US, |(_, _, length)| *length);
        let (from, to) = match self.span {
            Span::Last(_) => (None, quarter_after(now)),
            Span::Between(from, to) => (from, quarter_after(to.unwrap_or(now))),
        };
        let first = match self.span {
            Span::Last(place) => to.saturating_sub(length(place)),
            Span::Between(..) => from.unwrap_or_else(|| to.saturating_sub(length(DEFAULT_SPAN))),
        };
        let bucket = self.bucket.unwrap_or_else(|| fitting(to.saturating_sub(first)));
        let from = match from {
            Some(from) => from.div_euclid(QUARTER_US).saturating_mul(QUARTER_US),
            None => zone.begin_of(first, bucket).unwrap_or(first),
        };
        Period { from: from.min(to), to, bucket }
    }

    /// Returns the query string of `GET /v1/usage` for a period.
    #[must_use]
    pub fn parameters(&self, terms: &[Term], period: Period, zone: &Zone) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("from", &period.from.to_string()).append_pair("to", &period.to.to_string());
        query.append_pair("bucket", period.bucket.word()).append_pair("time_zone", &zone.name);
        query.append_pair("group_by[]", self.dimension().parameter);
        for (name, value) in terms.iter().filter_map(|term| term.parameters().ok()).flatten() {
            query.append_pair(&name, &value);
        }
        query.finish()
    }

    /// Returns the parameters of the URL.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut add = |name: &'static str, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        add("q", Some(self.q.clone()).filter(|q| !q.is_empty()));
        match self.span {
            Span::Last(place) => {
                add("range", SPANS.get(place).filter(|_| place != DEFAULT_SPAN).map(|(word, ..)| (*word).to_owned()))
            }
            Span::Between(from, to) => {
                add("from", from.map(|us| us.to_string()));
                add("to", to.map(|us| us.to_string()));
            }
        }
        add("by", Some(self.dimension().word.to_owned()).filter(|_| self.by > 0));
        add("bucket", self.bucket.map(|unit| unit.word().to_owned()));
        add("measure", Some(self.measure.word().to_owned()).filter(|_| self.measure != Measure::default()));
        add("compare", self.compare.then(|| "1".to_owned()));
        add("tz", self.zone.clone());
        pairs
    }

    /// Returns the address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        match Serializer::new(String::new()).extend_pairs(self.pairs()).finish() {
            none if none.is_empty() => "/usage".to_owned(),
            some => format!("/usage?{some}"),
        }
    }
}

/// Returns the bar that fits a length of time.
const fn fitting(length: i64) -> Unit {
    match length / DAY_US {
        0..=2 => Unit::Hour,
        3..=120 => Unit::Day,
        _ => Unit::Month,
    }
}

fn unknown_zone() -> String {
    "`tz` must be the name of a time zone, such as UTC or Europe/Berlin.".to_owned()
}

fn place(words: impl Iterator<Item = &'static str>, name: &str, value: &str) -> Result<usize, String> {
    let words: Vec<_> = words.collect();
    let found = words.iter().position(|word| *word == value);
    found.ok_or_else(|| format!("`{name}` must be one of {}.", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{Measure, Period, Span, UsageState};
    use crate::text::{Unit, Zone};

    const NOW: i64 = 1_795_953_660_000_000; // 2026-11-29T12:01:00Z

    #[test]
    fn a_url_holds_the_whole_state() {
        let state = UsageState {
            q: "model:chat \"a & b\"".to_owned(),
            span: Span::Between(Some(900_000_000), None),
            by: 3,
            bucket: Some(Unit::Week),
            measure: Measure::FirstTokenP95,
            compare: true,
            zone: Some("Asia/Tokyo".to_owned()),
        };
        let url = state.url();
        assert_eq!(UsageState::read(url.strip_prefix("/usage?").unwrap(), &Zone::default()), Ok(state));
        assert_eq!(UsageState::default().url(), "/usage");
        assert_eq!(UsageState::read("", &Zone::default()), Ok(UsageState::default()));
        for wrong in ["range=2y", "by=node", "bucket=year", "measure=fun", "tz=Mars/Olympus", "from=noon", "nope=1"] {
            assert!(UsageState::read(wrong, &Zone::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_period_begins_with_a_whole_bar() {
        let zone = Zone::known("Europe/Berlin").unwrap();
        let period = |query: &str| UsageState::read(query, &zone).unwrap().period(NOW, &zone);
        let thirty = period("");
        assert_eq!((zone.day_and_clock(thirty.from), thirty.bucket), ("2026-10-30 00:00:00".into(), Unit::Day));
        assert_eq!(zone.day_and_clock(thirty.to), "2026-11-29 13:15:00");
        assert_eq!(period("range=24h").bucket, Unit::Hour);
        assert_eq!(zone.day_and_clock(period("range=12mo").from), "2025-11-01 00:00:00");
        let custom = period("from=2026-11-01T10:07:00&to=2026-11-02T10:07:00");
        assert_eq!(zone.clock(custom.from) + " " + &zone.clock(custom.to), "10:00:00 10:15:00");
        assert_eq!(custom.before(), Period { from: custom.from * 2 - custom.to, to: custom.from, bucket: Unit::Hour });
        assert_eq!(period("to=5&from=9").bars(), 0, "an end before the start is an empty period");
    }
}
