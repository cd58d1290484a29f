//! The state of the Logs page. All of it is in the URL, so that a link shows the same to everyone.

use super::columns::{OptionalColumn, columns_of, words_of};
use crate::search::{Term, write};
use crate::text::Zone;
use form_urlencoded::Serializer;

/// Ranges up to now: the word in the URL, the label, and the length in µs.
pub const RANGES: [(&str, &str, i64); 5] = [
    ("15m", "15 min", 900_000_000),
    ("1h", "1 h", 3_600_000_000),
    ("24h", "24 h", 86_400_000_000),
    ("7d", "7 d", 7 * 86_400_000_000),
    ("30d", "30 d", 30 * 86_400_000_000),
];

/// Rows of a page from which a reader chooses.
pub const SIZES: [usize; 3] = [10, 25, 50];

const DEFAULT_SIZE: usize = 25;

/// Time by which a record may be ahead of the collector's clock in a range up to now, µs.
const FAST_CLOCK_US: i64 = 60_000_000;

/// The range of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Range {
    /// Everything.
    #[default]
    All,
    /// The last one of [`RANGES`], by its place.
    Last(usize),
    /// From a time to before another, µs.
    Between(Option<i64>, Option<i64>),
}

impl Range {
    /// Returns the bounds at this time, µs.
    #[must_use]
    pub fn bounds(self, now: i64) -> (Option<i64>, Option<i64>) {
        match self {
            Self::All => (None, None),
            // A proxy's clock may be a little fast; one that is wrong must not stretch the range.
            Self::Last(place) => {
                let from = RANGES.get(place).map(|(_, _, length)| now.saturating_sub(*length));
                (from, Some(now.saturating_add(FAST_CLOCK_US)))
            }
            Self::Between(from, to) => (from, to),
        }
    }
}

/// The state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogsState {
    /// The search.
    pub q: String,
    /// The range of time.
    pub range: Range,
    /// Rows of a page, if the URL says it.
    pub size: Option<usize>,
    /// The cursor of the page; it begins behind it.
    pub after: Option<String>,
    /// The cursor of the page; it ends before it.
    pub before: Option<String>,
    /// Id of the opened record.
    pub row: Option<String>,
    /// Whether the page is loaded again every 10 s.
    pub auto: bool,
    /// Whether the page is loaded again when records arrive.
    pub live: bool,
    /// The added columns, if the URL says them.
    pub columns: Option<Vec<OptionalColumn>>,
}

impl LogsState {
    /// Reads the state from the parameters of a URL.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter.
    pub fn read(query: &str, zone: &Zone) -> Result<Self, String> {
        let (mut state, mut from, mut to) = (Self::default(), None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                _ if value.is_empty() => {}
                "q" => state.q = value.trim().to_owned(),
                "range" => state.range = range(&value)?,
                "from" => from = Some(zone.time("from", &value)?),
                "to" => to = Some(zone.time("to", &value)?),
                "size" => state.size = Some(size(&value)?),
                "after" => state.after = Some(value.into_owned()),
                "before" => state.before = Some(value.into_owned()),
                "row" => state.row = Some(value.into_owned()),
                "auto" => state.auto = true,
                "live" => state.live = true,
                "columns" => state.columns = Some(columns_of(&value)),
                _ => return Err("The address has a parameter that this page does not know.".to_owned()),
            }
        }
        if from.is_some() || to.is_some() {
            state.range = Range::Between(from, to);
        }
        Ok(state)
    }

    /// Returns the number of rows of a page. `remembered` is the reader's last choice.
    #[must_use]
    pub fn rows(&self, remembered: Option<usize>) -> usize {
        self.size.or(remembered.filter(|size| SIZES.contains(size))).unwrap_or(DEFAULT_SIZE)
    }

    /// Returns the added columns. `remembered` is the reader's last choice.
    #[must_use]
    pub fn added_columns(&self, remembered: Option<&str>) -> Vec<OptionalColumn> {
        self.columns.clone().unwrap_or_else(|| columns_of(remembered.unwrap_or_default()))
    }

    /// Returns the address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        let mut parameters = Serializer::new(String::new());
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                parameters.append_pair(name, value);
            }
        };
        add("q", Some(self.q.as_str()).filter(|q| !q.is_empty()));
        match self.range {
            Range::All => {}
            Range::Last(place) => add("range", RANGES.get(place).map(|(word, ..)| *word)),
            Range::Between(from, to) => {
                add("from", from.map(|us| us.to_string()).as_deref());
                add("to", to.map(|us| us.to_string()).as_deref());
            }
        }
        add("size", self.size.map(|size| size.to_string()).as_deref());
        add("after", self.after.as_deref());
        add("before", self.before.as_deref());
        add("row", self.row.as_deref());
        add("auto", self.auto.then_some("1"));
        add("live", self.live.then_some("1"));
        add("columns", self.columns.as_deref().map(words_of).as_deref());
        match parameters.finish() {
            none if none.is_empty() => "/logs".to_owned(),
            some => format!("/logs?{some}"),
        }
    }

    /// Returns the first page of the same search, with no record open.
    #[must_use]
    pub fn first_page(&self) -> Self {
        Self { after: None, before: None, row: None, ..self.clone() }
    }

    /// Returns the first page of a search for these terms.
    #[must_use]
    pub fn with_terms(&self, terms: &[Term]) -> Self {
        Self { q: write(terms), ..self.first_page() }
    }

    /// Returns the first page of another range.
    #[must_use]
    pub fn with_range(&self, range: Range) -> Self {
        Self { range, ..self.first_page() }
    }

    /// Returns the same page with another record open, or none.
    #[must_use]
    pub fn with_row(&self, row: Option<&str>) -> Self {
        Self { row: row.map(str::to_owned), ..self.clone() }
    }
}

fn range(word: &str) -> Result<Range, String> {
    let place = RANGES.iter().position(|(known, ..)| *known == word);
    let words: Vec<_> = RANGES.iter().map(|(word, ..)| *word).collect();
    match (word, place) {
        ("all", _) => Ok(Range::All),
        (_, Some(place)) => Ok(Range::Last(place)),
        _ => Err(format!("`range` must be all or one of {}.", words.join(", "))),
    }
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| SIZES.contains(size));
    size.ok_or_else(|| "`size` must be 10, 25 or 50.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{LogsState, Range};
    use crate::text::Zone;

    #[test]
    fn a_url_holds_the_whole_state() {
        let state = LogsState {
            q: "model:chat \"a & b\"".to_owned(),
            range: Range::Between(Some(1_000_000), Some(2_000_000)),
            size: Some(50),
            after: Some("c1_5f".to_owned()),
            before: None,
            row: Some("01890a5d-ac96-774b-bcce-b302099a8057".to_owned()),
            auto: true,
            live: true,
            columns: Some(super::columns_of("team.node")),
        };
        let url = state.url();
        let query = url.strip_prefix("/logs?").unwrap();
        assert_eq!(LogsState::read(query, &Zone::default()), Ok(state));
        assert_eq!(LogsState::default().url(), "/logs");
        let last = LogsState { range: Range::Last(2), ..LogsState::default() };
        assert_eq!(LogsState::read("range=24h", &Zone::default()), Ok(last.clone()));
        assert_eq!(last.range.bounds(86_400_000_001), (Some(1), Some(86_460_000_001)));
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (query, name) in [("range=2y", "range"), ("size=7", "size"), ("from=noon", "from"), ("nope=1", "parameter")]
        {
            assert!(LogsState::read(query, &Zone::default()).unwrap_err().contains(name), "{query}");
        }
        assert_eq!(LogsState::read("from=&to=&q=", &Zone::default()), Ok(LogsState::default()), "an empty form");
    }
}
