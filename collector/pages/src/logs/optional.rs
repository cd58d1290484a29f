//! The columns that a reader has added to the list.

use super::columns::{OPTIONAL, OptionalColumn, columns_of, words_of};
use super::links::filtered;
use super::{Logs, LogsState};
use headgate_record::RequestRecord;
use maud::{Markup, html};

/// Returns the head of a column.
pub(super) fn head(column: OptionalColumn) -> Markup {
    html! { th.more scope="col" { (column.title) } }
}

/// Returns the cell of a record in a column.
pub(super) fn cell(column: OptionalColumn, logs: &Logs, record: &RequestRecord) -> Markup {
    let value = (column.value)(record).filter(|value| !value.is_empty());
    html! {
        td.more data-title=(column.title) {
            @match value {
                Some(value) => (filtered(&logs.state, &logs.terms, column.word, value)),
                None => span.quiet { "–" },
            }
        }
    }
}

/// Returns the choice of columns. Each is a link, so that it needs no script.
pub(super) fn choice(logs: &Logs) -> Markup {
    let url = |column: OptionalColumn| {
        let mut chosen = logs.columns.clone();
        match chosen.iter().position(|known| *known == column) {
            Some(place) => drop(chosen.remove(place)),
            None => chosen.push(column),
        }
        LogsState { columns: Some(columns_of(&words_of(&chosen))), ..logs.state.clone() }.url()
    };
    html! {
        details.menu-of.columns-choice {
            summary { "Columns" }
            ul { @for column in OPTIONAL { @let is_shown = logs.columns.contains(&column);
                li { a href=(url(column)) aria-current=[is_shown.then_some("true")] {
                    span aria-hidden="true" { @if is_shown { "☑ " } @else { "☐ " } } (column.title)
                    span.hidden { @if is_shown { ", shown" } }
                } }
            } }
        }
    }
}
