//! The Keys pages: the virtual keys of the policy in force, how much each was used, and the rules that apply to it.
//!
//! They show names and permissions. The hash of a key is never part of a view.

mod draft;
mod one;

pub use one::{KeyPage, Rule};

use crate::frame::Frame;
use crate::logs::Range;
use crate::parts;
use crate::search::Term;
use crate::text::{self, Zone};
use form_urlencoded::Serializer;
use maud::{Markup, html};

/// Keys of a page.
pub const ROWS: usize = 50;
/// The range of the counts: the last 30 days, by its place in [`crate::logs::RANGES`].
pub const RANGE: Range = Range::Last(4);

/// Whether a key is accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyState {
    /// It is, without an end.
    #[default]
    Active,
    /// It is until this time, µs.
    Until(i64),
    /// It is no longer, since this time, µs.
    Expired(i64),
    /// The policy says that it is not.
    Disabled,
}

/// A virtual key.
#[derive(Debug, Clone, Default)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// The person or service that it belongs to.
    pub owner: Option<String>,
    /// Its team.
    pub team: Option<String>,
    /// Its project, by itself or by its team.
    pub project: Option<String>,
    /// Its application, by itself or by its team.
    pub application: Option<String>,
    /// Names and globs of the models that it may ask for; all if there is none.
    pub models: Vec<String>,
    /// Whether it is accepted.
    pub state: KeyState,
}

/// The requests of a key in the last 30 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// The number of requests.
    pub requests: u64,
    /// Their cost in nano-USD.
    pub cost_nano_usd: u64,
    /// The start of the latest, µs.
    pub last: Option<i64>,
}

/// The state of the Keys page in its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeysState {
    /// A text that id, owner or team contains, in any case.
    pub q: String,
    /// The number of the page, from 1.
    pub page: usize,
}

impl KeysState {
    /// Reads the state from the parameters of a URL.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter.
    pub fn read(query: &str) -> Result<Self, String> {
        let mut state = Self { q: String::new(), page: 1 };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "q" => state.q = value.trim().chars().take(256).collect(),
                "page" => {
                    let page = value.parse().ok().filter(|page| (1..=1_000_000).contains(page));
                    state.page = page.ok_or_else(|| "`page` must be a number from 1.".to_owned())?;
                }
                _ => {
                    return Err(
                        "The address has a parameter that this page does not know: it takes `q` and `page`.".to_owned()
                    );
                }
            }
        }
        Ok(state)
    }

    /// Returns whether a key is found by the search.
    #[must_use]
    pub fn finds(&self, key: &Key) -> bool {
        let wanted = self.q.to_lowercase();
        let texts = [Some(&key.id), key.owner.as_ref(), key.team.as_ref()];
        wanted.is_empty() || texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&wanted))
    }

    fn url(&self, page: usize) -> String {
        let mut query = Serializer::new(String::new());
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        match query.finish() {
            none if none.is_empty() => "/keys".to_owned(),
            some => format!("/keys?{some}"),
        }
    }
}

/// The view of the page.
#[derive(Debug, Default)]
pub struct KeysPage {
    /// The state of the page, as its URL has it.
    pub state: KeysState,
    /// The revision in force; `None` if there is no policy.
    pub revision: Option<i64>,
    /// The keys of this page.
    pub rows: Vec<(Key, KeyUse)>,
    /// The number of keys that the search finds.
    pub found: usize,
    /// The number of all keys.
    pub all: usize,
    /// The names of teams, for a new key.
    pub teams: Vec<String>,
    /// The aliases of models, for a new key.
    pub models: Vec<String>,
    /// The reader's zone.
    pub zone: Zone,
    /// The time of the page, µs.
    pub now: i64,
}

impl KeysPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Keys" }
                @match self.revision {
                    None => (parts::no_policy()),
                    Some(revision) => {
                        p { "Virtual keys of the policy in force, revision " (revision) ". A key is shown by its id; the key itself is nowhere in Headgate, only its hash." }
                        (draft::form(&self.teams, &self.models))
                        (self.search())
                        @if self.rows.is_empty() { (self.empty()) } @else { (self.table()) }
                    }
                }
            }
        };
        frame.render("Keys", &main)
    }

    fn search(&self) -> Markup {
        html! {
            form.search role="search" action="/keys" method="get" {
                label.hidden for="q" { "Search keys" }
                input id="q" type="search" name="q" value=(self.state.q) maxlength="256" placeholder="Id, owner or team";
                button type="submit" { "Search" }
            }
            p.totals { (text::count(u64::try_from(self.found).unwrap_or(u64::MAX))) @if self.found == 1 { " key" } @else { " keys" }
                @if self.found != self.all { " of " (self.all) } }
        }
    }

    fn empty(&self) -> Markup {
        html! {
            div.empty {
                @if self.all == 0 {
                    h2 { "The policy has no keys." }
                    p { "Without a key no client is admitted. Draft one above, put its entry under " code { "keys" } " of gateway.yaml, and apply it." }
                } @else {
                    h2 { "No key matches." }
                    p { a href="/keys" { "Show all keys" } }
                }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Key" } th scope="col" { "Owner" } th scope="col" { "Team" } th scope="col" { "Models" }
                    th scope="col" { "Status" } th scope="col" { "Last used" }
                    th.number scope="col" { "Requests, 30 d" } th.number scope="col" { "Cost, 30 d" }
                } }
                tbody { @for (key, used) in &self.rows { (self.row(key, used)) } }
            }
            (self.paging())
        }
    }

    fn row(&self, key: &Key, used: &KeyUse) -> Markup {
        let term = Term::of("key", &key.id);
        html! {
            tr data-row=(key.id) {
                th scope="row" { a href=(parts::path("/keys", &key.id)) { bdi { (key.id) } } }
                td data-label="Owner" { bdi { (key.owner.as_deref().unwrap_or("–")) } }
                td data-label="Team" { bdi { (key.team.as_deref().unwrap_or("–")) } }
                td data-label="Models" { (models(&key.models)) }
                td data-label="Status" { (state(key.state, &self.zone)) }
                td data-label="Last used" { (last(used.last, &self.zone, self.now)) }
                td.number data-label="Requests, 30 d" {
                    a href=(parts::logs(&[term], RANGE)) { (text::count(used.requests)) span.hidden { " requests in the log" } }
                }
                td.number data-label="Cost, 30 d" title=(text::exact_usd(used.cost_nano_usd)) { (text::usd(used.cost_nano_usd)) }
            }
        }
    }

    fn paging(&self) -> Markup {
        let page = self.state.page;
        html! {
            nav.paging aria-label="Pages of keys" {
                @if page > 1 { a href=(self.state.url(page - 1)) rel="prev" { "← Before" } }
                @if page.saturating_mul(ROWS) < self.found { a href=(self.state.url(page + 1)) rel="next" { "Next →" } }
            }
        }
    }
}

fn models(models: &[String]) -> Markup {
    html! { @if models.is_empty() { span.quiet { "all" } } @else { bdi { (models.join(", ")) } } }
}

fn state(state: KeyState, zone: &Zone) -> Markup {
    let day = |us: i64| zone.day_and_clock(us);
    html! {
        @match state {
            KeyState::Active => span.chip.success { "active" },
            KeyState::Until(us) => { span.chip.success { "active" } span.second { "until " (day(us)) } },
            KeyState::Expired(us) => { span.chip.error { "expired" } span.second { "on " (day(us)) } },
            KeyState::Disabled => span.chip.aborted { "disabled" },
        }
    }
}

fn last(last: Option<i64>, zone: &Zone, now: i64) -> Markup {
    html! {
        @match last {
            None => span.quiet { "not in 30 days" },
            Some(us) => {
                time datetime=(text::rfc3339(us)) title=(zone.day_and_clock(us)) {
                    (text::age(u64::try_from(now.saturating_sub(us)).unwrap_or(0))) " ago"
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeysState};

    #[test]
    fn the_state_is_in_the_url() {
        let state = KeysState::read("q=Search+team&page=3").unwrap();
        assert_eq!(
            (state.url(state.page), state.url(1)),
            ("/keys?q=Search+team&page=3".into(), "/keys?q=Search+team".into())
        );
        assert!(KeysState::read("page=0").is_err() && KeysState::read("nope=1").is_err());
        let key = Key { id: "a".to_owned(), team: Some("a TEAM of research".to_owned()), ..Key::default() };
        assert!(KeysState::read("q=team").unwrap().finds(&key) && !state.finds(&key));
    }
}
