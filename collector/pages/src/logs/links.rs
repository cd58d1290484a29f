//! Values of records as links that search for them.

use super::LogsState;
use super::facets::{excluded, toggled};
use crate::search::Term;
use maud::{Markup, html};

/// Returns a value as a link that shows only the records with it. The script excludes it by a key.
pub(super) fn filtered(state: &LogsState, terms: &[Term], field: &str, value: &str) -> Markup {
    let (only, without) = addresses(state, terms, field, value);
    html! { a.only href=(only) data-exclude=(without) title="Show only these (f), exclude (x)" { bdi { (value) } } }
}

/// Returns the addresses of the search with only this value, and of the search without it.
pub(super) fn addresses(state: &LogsState, terms: &[Term], field: &str, value: &str) -> (String, String) {
    let is_chosen = |term: &&Term| !term.not && term.name.as_deref() == Some(field) && term.values == [value];
    // A second click does not take the filter back: it is the same address.
    let only = match terms.iter().find(is_chosen) {
        Some(_) => terms.to_vec(),
        None => toggled(terms, field, value),
    };
    (state.with_terms(&only).url(), state.with_terms(&excluded(terms, field, value)).url())
}
