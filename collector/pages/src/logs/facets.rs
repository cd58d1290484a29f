//! Facets: the most frequent values of the records that match. A click adds a value to the search or removes it.

use super::{Logs, without};
use crate::search::{Term, is_outcome, quoted};
use crate::text;
use maud::{Markup, html};

/// A column with a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FacetColumn {
    /// The heading.
    pub title: &'static str,
    /// The name in the search.
    pub field: &'static str,
    /// The facet's name in the API.
    pub parameter: &'static str,
}

const fn column(title: &'static str, field: &'static str, parameter: &'static str) -> FacetColumn {
    FacetColumn { title, field, parameter }
}

/// The facets of the page, in order.
pub const FACETS: [FacetColumn; 13] = [
    column("Status", "status", "outcome"),
    column("Model", "model", "requested_model"),
    column("Served by", "served", "served_model"),
    column("Provider", "provider", "provider"),
    column("Team", "team", "team"),
    column("Key", "key", "key_id"),
    column("Owner", "owner", "owner"),
    column("Source", "source", "source"),
    column("Surface", "surface", "surface"),
    column("Error code", "code", "error_code"),
    column("Policy", "policy", "policy_id"),
    column("Ended by", "ended", "ended_by"),
    column("Node", "node", "node"),
];

/// Values that are shown at once, and all together.
const SHOWN: usize = 8;
const MAX_VALUES: usize = 40;

/// The values of a column.
#[derive(Debug, Clone)]
pub struct Facet {
    /// The column.
    pub column: FacetColumn,
    /// Values and their records, the most frequent first.
    pub values: Vec<(String, u64)>,
}

impl Facet {
    pub(super) fn render(&self, logs: &Logs) -> Markup {
        // No term can name an empty value.
        let values: Vec<_> = self.values.iter().filter(|(value, _)| !value.is_empty()).collect();
        if values.is_empty() {
            return html! {};
        }
        let (first, more) = values.split_at(values.len().min(SHOWN));
        html! {
            details open data-facet=(self.column.field) {
                summary { (self.column.title) }
                ul { @for value in first { (self.value(logs, value)) } }
                @if !more.is_empty() {
                    details.more {
                        summary { "more" }
                        ul { @for value in more.iter().take(MAX_VALUES) { (self.value(logs, value)) } }
                    }
                }
            }
        }
    }

    fn value(&self, logs: &Logs, (value, count): &(String, u64)) -> Markup {
        let field = self.column.field;
        let chosen = logs.terms.iter().any(|term| is_of(term, field, false) && term.values.contains(value));
        let url = logs.state.with_terms(&toggled(&logs.terms, field, value)).url();
        let without = logs.state.with_terms(&excluded(&logs.terms, field, value)).url();
        html! {
            li.chosen[chosen] {
                a.value href=(url) data-term=(quoted(value, true)) data-exclude=(without) aria-current=[chosen.then_some("true")] { bdi { (value) } }
                a.exclude href=(without) title="Exclude" {
                    span.hidden { "Exclude " (value) } span aria-hidden="true" { "−" }
                }
                span.number { (text::short(*count)) }
            }
        }
    }
}

/// Returns the terms with a value excluded: added to the excluded values of its name, and removed from the chosen ones.
pub(super) fn excluded(terms: &[Term], field: &str, value: &str) -> Vec<Term> {
    let chosen = terms.iter().any(|term| is_of(term, field, false) && term.values.iter().any(|known| known == value));
    let mut terms = if chosen { toggled(terms, field, value) } else { terms.to_vec() };
    match terms.iter_mut().find(|term| is_of(term, field, true)) {
        Some(term) => {
            term.values.retain(|known| known != value && (field != "status" || is_outcome(known)));
            term.values.push(value.to_owned());
        }
        None => terms.push(Term { not: true, ..Term::of(field, value) }),
    }
    terms
}

fn is_of(term: &Term, field: &str, not: bool) -> bool {
    term.not == not && term.name.as_deref() == Some(field)
}

/// Returns the terms with a value added to those of its name, or removed if it is among them.
pub(super) fn toggled(terms: &[Term], field: &str, value: &str) -> Vec<Term> {
    let mut terms = terms.to_vec();
    let Some(place) = terms.iter().position(|term| is_of(term, field, false)) else {
        terms.push(Term::of(field, value));
        return terms;
    };
    if let Some(term) = terms.get_mut(place) {
        // Numbers and classes of a status cannot stand beside outcomes.
        term.values.retain(|known| field != "status" || is_outcome(known));
        match term.values.iter().position(|known| known == value) {
            Some(known) => drop(term.values.remove(known)),
            None => term.values.push(value.to_owned()),
        }
        if term.values.is_empty() {
            return without(&terms, place);
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::{excluded, toggled};
    use crate::search::{parse, write};

    #[test]
    fn a_click_adds_a_value_or_removes_it() {
        let click = |search: &str| write(&toggled(&parse(search).unwrap(), "team", "ops"));
        assert_eq!(click("chat"), "chat team:ops");
        assert_eq!(click("team:search chat"), "team:search,ops chat");
        assert_eq!(click("team:search,ops chat"), "team:search chat");
        assert_eq!(click("team:ops"), "");
        assert_eq!(click("-team:ops"), "-team:ops team:ops");
        let exclude = |search: &str| write(&excluded(&parse(search).unwrap(), "team", "ops"));
        assert_eq!(exclude("chat"), "chat -team:ops");
        assert_eq!(exclude("team:ops,search -team:a"), "team:search -team:a,ops");
        assert_eq!(write(&toggled(&parse("status:429").unwrap(), "status", "error")), "status:error");
    }
}
