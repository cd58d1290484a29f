//! The frame of every page: head, menu, who is signed in, and whether the logs are complete.

pub use crate::menu::Page;

use crate::menu::menu;
use crate::{assets, text};
use headgate_collector_types::Role;
use maud::{DOCTYPE, Markup, html};

/// Settings of htmx: no evaluated code, no style elements, no copies of pages in the browser's storage, and refusals are
/// shown as any other page.
const HTMX: &str = r#"{"allowEval":false,"includeIndicatorStyles":false,"historyCacheSize":0,"refreshOnHistoryMiss":true,"scrollIntoViewOnBoost":false,"responseHandling":[{"code":"204","swap":false},{"code":"[2345]..","swap":true}]}"#;

/// The signed-in person.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name to show: of the token or of the person.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The session's token against forged forms.
    pub csrf: String,
}

/// Whether all records are there, and how fresh they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Completeness {
    /// Records that are known to be missing.
    pub missing: u64,
    /// Age of the newest record, µs; `None` if there is no record.
    pub newest_age_us: Option<u64>,
}

/// The policy in force, in two words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInForce {
    /// The number of its revision.
    pub revision: i64,
    /// The environment that it names.
    pub environment: Option<String>,
}

/// Everything around the content of a page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The page.
    pub page: Page,
    /// The pages that the person may open.
    pub menu: Vec<Page>,
    /// The person who reads it.
    pub person: Person,
    /// Whether the logs are complete.
    pub completeness: Completeness,
    /// The policy in force, if there is one.
    pub policy: Option<PolicyInForce>,
    /// Seconds after which the page is loaded again by itself, without JavaScript too.
    pub refresh: Option<u32>,
}

impl Frame {
    /// Returns the whole document. `title` is the name of the page and its subject.
    #[must_use]
    pub fn render(&self, title: &str, main: &Markup) -> String {
        let head = html! {
            @if let Some(seconds) = self.refresh {
                noscript { meta http-equiv="refresh" content=(seconds); }
            }
            meta name="htmx-config" content=(HTMX);
            script src=(assets::htmx()) defer {}
            script src=(assets::script()) type="module" {}
        };
        let body = html! {
            a.skip href="#main" { "Skip to content" }
            header.top id="top" {
                (menu(&self.menu, self.page, &self.person()))
                @if self.page != Page::Logs { (self.find()) }
                (self.state())
            }
            main id="main" tabindex="-1" { (main) }
            (self.foot())
        };
        document_of(title, &head, &body, !self.page.has_own_policy())
    }

    /// Returns the search of the request log, for pages that have none.
    fn find(&self) -> Markup {
        // The key goes to the page's own search, if it has one.
        let key = (self.page != Page::Usage).then_some("/");
        html! {
            form.find role="search" action=(Page::Logs.path()) method="get" aria-label="Search the logs" {
                input name="q" type="search" maxlength="1000" autocomplete="off" spellcheck="false" data-key=[key]
                    aria-label="Search the logs" placeholder="Search the logs, or paste an id";
                button type="submit" { "Find" }
            }
        }
    }

    fn foot(&self) -> Markup {
        html! {
            footer.foot id="foot" {
                span { "Headgate " (env!("CARGO_PKG_VERSION")) }
                @if let Some(PolicyInForce { revision, .. }) = &self.policy {
                    @if self.menu.contains(&Page::Policy) {
                        a href={ (Page::Policy.path()) "/" (revision) } { "policy revision " (revision) }
                    } @else {
                        span { "policy revision " (revision) }
                    }
                }
            }
        }
    }

    fn state(&self) -> Markup {
        let environment = self.policy.as_ref().and_then(|policy| policy.environment.as_deref());
        let Completeness { missing, newest_age_us } = self.completeness;
        html! {
            p.state {
                @if let Some(environment) = environment { span.environment title="Environment of the policy in force" { bdi { (environment) } } }
                a href=(Page::Completeness.path()) {
                    @if missing == 0 { span.chip.good { "complete" } } @else { span.chip.bad { (text::count(missing)) " missing" } }
                }
                @if let Some(age) = newest_age_us {
                    span.quiet { "newest " (text::age(age)) " ago" }
                }
            }
        }
    }

    fn person(&self) -> Markup {
        let Person { name, role, csrf } = &self.person;
        html! {
            form.person method="post" action="/auth/logout" hx-boost="false" {
                input type="hidden" name="csrf" value=(csrf);
                span { (name) " · " (role.as_str()) }
                button type="submit" { "Sign out" }
            }
        }
    }
}

/// Returns a document with the parts that all have in common.
pub(crate) fn document(title: &str, head: &Markup, body: &Markup) -> String {
    document_of(title, head, body, true)
}

/// Returns a document; with `boosted`, links replace its content instead of the whole.
fn document_of(title: &str, head: &Markup, body: &Markup, boosted: bool) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) " · Headgate" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" type="image/svg+xml" href=(assets::icon());
                link rel="stylesheet" href=(assets::style());
                (head)
            }
            body hx-boost=(boosted) hx-target="#main" hx-select="#main" hx-select-oob="#top,#foot" hx-swap="outerHTML show:none" { (body) }
        }
    };
    document.into_string()
}
