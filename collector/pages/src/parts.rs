//! Parts that several pages have in common.

use maud::{Markup, html};

/// Returns named values. With `copied`, the script gives each a button.
pub(crate) fn facts(facts: &[(&'static str, String)], copied: bool) -> Markup {
    html! { dl { @for (name, value) in facts { div { dt { (name) } dd { bdi data-copy[copied] { (value) } } } } } }
}

/// Returns the menu of exports; `url` gives the address for the end of a file's name.
pub(crate) fn exports(url: impl Fn(&str) -> String) -> Markup {
    html! {
        details.export {
            summary { "Export" }
            ul {
                @for (end, label) in [("csv", "CSV"), ("ndjson", "NDJSON"), ("json", "JSON")] {
                    li { a href=(url(end)) download hx-boost="false" { (label) } }
                }
            }
        }
    }
}

/// Returns a link of a group from which one is chosen.
pub(crate) fn choice(url: &str, label: &str, is_current: bool) -> Markup {
    html! { a href=(url) aria-current=[is_current.then_some("true")] { (label) } }
}
