//! Parts that several pages have in common.

use crate::assets;
use crate::frame::Person;
use crate::logs::{LogsState, Range};
use crate::search::{Term, write};
use crate::text;
use headgate_collector_types::audit::{Change, Justification, MASK};
use maud::{Markup, html};
use serde_json::Value;

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

/// Returns the menu of the reader's named views. The script shows and fills it.
pub(crate) fn views() -> Markup {
    html! { details.menu-of.views hidden data-views=(assets::views()) { summary { "Views" } } }
}

/// Returns a link of a group from which one is chosen.
pub(crate) fn choice(url: &str, label: &str, is_current: bool) -> Markup {
    html! { a href=(url) aria-current=[is_current.then_some("true")] { (label) } }
}

/// Returns the fields of a form that state the reason for a change. They may stay empty.
pub(crate) fn justification() -> Markup {
    let labels = ["Reason for the change", "Ticket", "Approved by"];
    html! {
        details.wide-field {
            summary { "Reason, ticket and approval, for the audit log" }
            @for (name, label) in Justification::FIELDS.into_iter().zip(labels) {
                label { (label) input type="text" name=(name) maxlength=(Justification::MAX_CHARS); }
            }
        }
    }
}

/// Returns the changes of a resource by path, with the values before and after.
pub(crate) fn changes(changes: &[Change]) -> Markup {
    html! {
        div.wide { table.steps {
            thead { tr { th scope="col" { "Path" } th scope="col" { "Before" } th scope="col" { "After" } } }
            tbody { @for change in changes { tr {
                td { code { (change.path) } }
                td { (value(change.before.as_ref())) }
                td { (value(change.after.as_ref())) }
            } } }
        } }
    }
}

fn value(value: Option<&Value>) -> Markup {
    match value {
        None => html! { span.quiet { "none" } },
        Some(Value::String(text)) if text == MASK => {
            html! { span.masked title="This value is a secret. The collector shows that it changed, not what it is." { "masked" } }
        }
        Some(Value::String(text)) => html! { bdi { (text) } },
        Some(other) => html! { code { (other) } },
    }
}

/// Returns the field that every form needs which changes something.
pub(crate) fn csrf(person: &Person) -> Markup {
    html! { input type="hidden" name="csrf" value=(person.csrf); }
}

/// Returns the reason why a form was refused.
pub(crate) fn problem(problem: Option<&str>) -> Markup {
    html! { @if let Some(problem) = problem { p.problem role="alert" { (problem) } } }
}

/// Returns the sentence about a change that was made.
pub(crate) fn done(done: Option<&str>) -> Markup {
    html! { @if let Some(done) = done { p.done role="status" { "✓ " (done) } } }
}

/// Returns the address of the log with the records that these terms find.
pub(crate) fn logs(terms: &[Term], range: Range) -> String {
    LogsState { q: write(terms), range, ..LogsState::default() }.url()
}

/// Returns the path of one resource below a page.
pub(crate) fn path(page: &str, id: &str) -> String {
    let mut path = format!("{page}/");
    for character in id.chars() {
        match character {
            one if one.is_ascii_alphanumeric() || "-_~:@+/.".contains(one) => path.push(one),
            one => path.extend(one.to_string().bytes().map(|byte| format!("%{byte:02X}"))),
        }
    }
    path
}

/// Returns a time in the reader's zone, with the exact time in UTC behind it.
pub(crate) fn time(zone: &text::Zone, us: i64) -> Markup {
    html! { time datetime=(text::rfc3339(us)) title=(text::utc(us)) { (zone.day_and_clock(us)) } }
}

/// Returns a sentence in which code stands between backquotes.
pub(crate) fn sentence(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

/// Returns what a page says that reads a policy where there is none.
pub(crate) fn no_policy() -> Markup {
    html! {
        div.empty {
            h2 { "No policy is in force at this collector." }
            p { "This page reads the gateway.yaml that " code { "headgate apply" } " put in force. Proxies whose files were rendered by hand run a policy that the collector does not know." }
            p { "To begin: " code { "headgate apply --collector URL --out DIR --wasm PATH gateway.yaml" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_names_any_id() {
        assert_eq!(path("/keys", "alice-laptop"), "/keys/alice-laptop");
        assert_eq!(path("/models", "org/gpt-5:x"), "/models/org/gpt-5:x");
        assert_eq!(path("/keys", "a b?é\""), "/keys/a%20b%3F%C3%A9%22");
    }
}
