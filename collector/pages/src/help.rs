//! The Help pages: keys of the keyboard, the search language, what is not stored, and why traffic does not appear.

mod traffic;

pub use traffic::{Check, Mark, TrafficPage};

use crate::frame::Frame;
use crate::logs;
use maud::{Markup, html};

/// Keys of the keyboard and their effect.
const KEYS: [(&[&str], &str); 11] = [
    (&["/"], "Go to the search"),
    (&["j", "k", "↓", "↑"], "Next and previous row; with a sheet open, next and previous record"),
    (&["Enter", "o"], "Open a row here, in a new tab"),
    (&["Esc"], "Close the sheet, leave a field"),
    (&["e", "E"], "Next and previous row that is refused or failed"),
    (&["r"], "Load again"),
    (&["a"], "Load again every 10 s"),
    (&["c"], "Copy the address of the page"),
    (&["g"], "Then a letter: go to a page, as below"),
    (&["?"], "Help"),
    (&["Tab"], "Next link or field; all of them can be reached"),
];

/// Contents that no record has, and the reason or what there is in its place.
const NOT_STORED: [(&str, &str); 6] = [
    (
        "Prompts and answers",
        "A record has no field for them. It has sizes, token counts, models and times; with a fingerprint key also a keyed hash, which tells equal texts from others.",
    ),
    (
        "Found secrets and personal data",
        "A guardrail's decision has the kind and the number of findings, never the text.",
    ),
    ("Images, sounds, files, tool arguments", "Their number is counted."),
    (
        "Keys and credentials",
        "Virtual keys are in the policy as SHA-256, tokens of the collector too. Providers' credentials stay in the environment of the proxy.",
    ),
    ("Headers of clients", "Of them a record has the trace id, the user agent and the tags that the policy names."),
    (
        "Addresses of clients",
        "The network address of a client is not in its record. The audit log has those of operators.",
    ),
];

/// The Help page.
#[derive(Debug, Clone, Copy, Default)]
pub struct HelpPage;

impl HelpPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(self, frame: &Frame) -> String {
        let main = html! {
            div.logs.prose {
                h1 { "Help" }
                p.sentence { a href="/help/traffic" { "Traffic does not appear? Check it" } }
                (keys(frame))
                section id="search" { h2 { "Search" } p { "All terms must hold. " a href="/logs" { "To the logs" } } (logs::search_help()) }
                (not_stored())
            }
        };
        frame.render("Help", &main)
    }
}

fn keys(frame: &Frame) -> Markup {
    html! {
        section id="keys" {
            h2 { "Keys of the keyboard" }
            table.keys { tbody {
                @for (keys, effect) in KEYS { tr {
                    th scope="row" { @for key in keys { kbd { (key) } " " } }
                    td { (effect) }
                } }
                @for page in &frame.menu { tr {
                    th scope="row" { kbd { "g" } " " kbd { (page.key()) } }
                    td { a href=(page.path()) { (page.name()) } }
                } }
            } }
        }
    }
}

fn not_stored() -> Markup {
    html! {
        section id="not-stored" {
            h2 { "What is not stored, and why" }
            p { "Headgate answers who asked for what, when, at which cost and under which rules. None of it needs the text, and text that is not stored cannot leak, be subpoenaed or be sold." }
            dl { @for (what, why) in NOT_STORED { div { dt { (what) } dd { (why) } } } }
        }
    }
}
