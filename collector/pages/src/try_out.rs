//! The page on which a policy is tried. The server sends the text of a policy and the module; everything else happens in the
//! browser.

use crate::assets;
use crate::frame::Frame;
use headgate_record::RequestRecord;
use maud::{Markup, html};

/// The text of a policy to begin with.
#[derive(Debug)]
pub struct Text {
    /// The number of the revision.
    pub number: i64,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// Whether secrets are masked.
    pub masked: bool,
    /// The gateway.yaml.
    pub yaml: String,
}

/// The page.
#[derive(Debug, Default)]
pub struct TryPage {
    /// The policy to begin with; `None` if there is none.
    pub text: Option<Text>,
    /// Whether there is a policy, too large for a page.
    pub too_large: bool,
    /// The record whose request is to be filled in.
    pub record: Option<RequestRecord>,
    /// Now, s since the Unix epoch.
    pub now_s: i64,
}

/// A policy for those who have none yet.
const EXAMPLE: &str = include_str!("../assets/try/example.yaml");

impl TryPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs.tryout {
                h1 { "Try-out" }
                p { "The machines of the filter and the check of the command, in this browser. Nothing that you write here leaves it." }
                @match assets::tryout() {
                    Some(module) => (self.workbench(&module)),
                    None => (not_built()),
                }
            }
        };
        frame.render("Try-out", &main)
    }

    fn workbench(&self, [script, module]: &[String; 2]) -> Markup {
        let [style, own, worker, editor] = assets::try_page();
        let yaml = self.text.as_ref().map_or(EXAMPLE, |text| text.yaml.as_str());
        let revision = self.text.as_ref().map(|text| text.number);
        html! {
            link rel="stylesheet" href=(style);
            noscript { p.problem { "This page needs JavaScript: the policy is tried in the browser, not on the server." } }
            (self.origin())
            div #try data-worker=(worker) data-editor=(editor) data-script=(script) data-module=(module) data-now=(self.now_s) data-revision=[revision] {
                // A line break after the tag is not part of the text.
                textarea #try-source hidden { "\n" (yaml) }
                @if let Some(record) = &self.record { textarea #try-from hidden { "\n" (serde_json::to_string(record).unwrap_or_default()) } }
                p #try-state role="status" { "Loading the module …" }
            }
            script src=(own) type="module" {}
        }
    }

    fn origin(&self) -> Markup {
        html! {
            @match &self.text {
                Some(text) => p.quiet #try-origin {
                    @if text.in_force { "The policy in force, " } @else { "An earlier policy, " }
                    "revision " (text.number)
                    @if text.masked { ". Secrets are masked" }
                    "."
                },
                None if self.too_large => p.quiet #try-origin { "The policy in force is too large for a page. Open its file below." },
                None => p.quiet #try-origin { "No policy is in force yet. This is an example." },
            }
        }
    }
}

fn not_built() -> Markup {
    html! {
        section.empty {
            h2 { "The module is not built in" }
            p { "This collector was built without the module that tries a policy. Build it, then the collector again:" }
            p { code { "just tryout && cargo build --release -p headgate-collector" } }
            p { "The commands " code { "headgate check" } ", " code { "headgate test" } " and " code { "headgate explain" } " do the same on the command line." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EXAMPLE, not_built};

    #[test]
    fn a_page_without_its_module_says_how_to_build_it() {
        assert!(not_built().into_string().contains("just tryout"));
        assert!(EXAMPLE.contains("models:"));
    }
}
