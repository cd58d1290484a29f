//! Parts that several pages have in common.

use maud::{Markup, html};

/// Returns named values. With `copied`, the script gives each a button.
pub(crate) fn facts(facts: &[(&'static str, String)], copied: bool) -> Markup {
    html! { dl { @for (name, value) in facts { div { dt { (name) } dd { bdi data-copy[copied] { (value) } } } } } }
}

/// Returns a drawing of a key, 16 units wide.
pub(crate) fn key_icon() -> Markup {
    html! { svg viewBox="0 0 16 16" { circle cx="5" cy="8" r="3" {} path d="M8 8h7M12 8v3M15 8v2" {} } }
}

/// Returns a drawing of a person, 16 units wide.
pub(crate) fn person_icon() -> Markup {
    html! { svg viewBox="0 0 16 16" { circle cx="8" cy="5" r="3" {} path d="M2 15c0-4 3-6 6-6s6 2 6 6" {} } }
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
                li { details {
                    summary { "curl" }
                    code data-copy data-curl { "curl -H \"Authorization: Bearer $HEADGATE_TOKEN\" '" span data-origin { "https://COLLECTOR" } (url("ndjson")) "'" }
                } }
            }
        }
    }
}
