//! "Traffic does not appear?": checks in the order in which records travel, each with a mark and a remedy.

use crate::frame::Frame;
use crate::parts::sentence;
use maud::{Markup, html};

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It holds.
    Good,
    /// It may be the cause.
    Warning,
    /// It is a cause.
    Bad,
    /// It cannot be told.
    Unknown,
}

impl Mark {
    const fn sign(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("success", "✓ good"),
            Self::Warning => ("refused", "! look"),
            Self::Bad => ("error", "✕ fault"),
            Self::Unknown => ("aborted", "? unknown"),
        }
    }
}

/// One check.
#[derive(Debug, Clone)]
pub struct Check {
    /// The question.
    pub question: &'static str,
    /// The result.
    pub mark: Mark,
    /// The finding of the collector.
    pub found: String,
    /// The remedy, unless it is good.
    pub remedy: Option<String>,
    /// The page with more: its name and path.
    pub more: Option<(&'static str, String)>,
}

/// The page.
#[derive(Debug)]
pub struct TrafficPage {
    /// The checks in order.
    pub checks: Vec<Check>,
}

impl TrafficPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let first = self.checks.iter().find(|check| matches!(check.mark, Mark::Bad | Mark::Warning));
        let main = html! {
            div.logs.prose {
                p.crumbs { a href="/help" { "Help" } " / traffic" }
                h1 { "Traffic does not appear?" }
                p.sentence {
                    @match first {
                        None => "Everything that the collector can see is in order.",
                        Some(check) => { "Begin with: " strong { (check.question) } },
                    }
                    " " a href="/help/traffic" data-key="r" { "Check again" }
                }
                ol.checks { @for check in &self.checks { (line(check)) } }
                p.quiet { "A record appears once its request has ended and its batch has arrived, normally within two seconds. A client that never reached the gateway leaves no record: send a request to the gateway's own address, and look at the proxy's log." }
            }
        };
        frame.render("Traffic does not appear?", &main)
    }
}

fn line(check: &Check) -> Markup {
    let (class, word) = check.mark.sign();
    html! {
        li data-mark=(class) {
            h2 { (check.question) " " span class={ "chip " (class) } { (word) } }
            p { bdi { (sentence(&check.found)) } @if let Some((name, path)) = &check.more { " " a href=(path) { (name) } } }
            @if let Some(remedy) = check.remedy.as_ref().filter(|_| check.mark != Mark::Good) { p.remedy { strong { "Do: " } (sentence(remedy)) } }
        }
    }
}
