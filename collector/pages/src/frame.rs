//! The frame of every page: head, menu, who is signed in, and whether the logs are complete.

use crate::{assets, text};
use headgate_collector_types::Role;
use maud::{DOCTYPE, Markup, html};

/// Settings of htmx: no evaluated code, no style elements, no copies of pages in the browser's storage, and refusals are
/// shown as any other page.
const HTMX: &str = r#"{"allowEval":false,"includeIndicatorStyles":false,"historyCacheSize":0,"refreshOnHistoryMiss":true,"scrollIntoViewOnBoost":false,"responseHandling":[{"code":"204","swap":false},{"code":"[2345]..","swap":true}]}"#;

/// A page of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The request log.
    Logs,
    /// The audit log.
    Audit,
    /// The proxies.
    Planes,
    /// Missing and damaged entries.
    Completeness,
    /// The models of the policy in force.
    Models,
    /// The virtual keys of the policy in force.
    Keys,
    /// The guardrails of the policy in force.
    Guardrails,
    /// The revisions of the policy.
    Policy,
    /// How long the logs are kept, and legal holds.
    Retention,
    /// Tokens of the collector, and sessions of persons.
    Tokens,
    /// Keys of the keyboard, the search language, checks.
    Help,
}

impl Page {
    /// Every page, in the order of the menu.
    pub const ALL: [Self; 11] = [
        Self::Logs,
        Self::Models,
        Self::Keys,
        Self::Guardrails,
        Self::Policy,
        Self::Planes,
        Self::Completeness,
        Self::Audit,
        Self::Retention,
        Self::Tokens,
        Self::Help,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Logs => "Logs",
            Self::Audit => "Audit",
            Self::Planes => "Data planes",
            Self::Completeness => "Completeness",
            Self::Models => "Models",
            Self::Keys => "Keys",
            Self::Guardrails => "Guardrails",
            Self::Policy => "Policy",
            Self::Retention => "Retention",
            Self::Tokens => "Tokens",
            Self::Help => "Help",
        }
    }

    /// Returns the path of the page.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Logs => "/logs",
            Self::Audit => "/audit",
            Self::Planes => "/dataplanes",
            Self::Completeness => "/gaps",
            Self::Models => "/models",
            Self::Keys => "/keys",
            Self::Guardrails => "/guardrails",
            Self::Policy => "/policy",
            Self::Retention => "/retention",
            Self::Tokens => "/tokens",
            Self::Help => "/help",
        }
    }

    /// Returns the page of the menu that a path belongs to.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        Self::ALL.into_iter().find(|page| page.path().trim_start_matches('/') == first)
    }
}

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
                a.brand href="/logs" { "Headgate" }
                nav.menu aria-label="Pages" { @for page in &self.menu { (self.entry(*page)) } }
                (self.state())
                (self.person())
            }
            main id="main" tabindex="-1" { (main) }
        };
        document(title, &head, &body)
    }

    fn entry(&self, page: Page) -> Markup {
        let current = (page == self.page).then_some("page");
        html! { a href=(page.path()) aria-current=[current] { (page.name()) } }
    }

    fn state(&self) -> Markup {
        let Completeness { missing, newest_age_us } = self.completeness;
        html! {
            p.state {
                a href=(Page::Completeness.path()) {
                    @if missing == 0 { span.chip.good { "complete" } } @else { span.chip.bad { (text::count(missing)) " missing" } }
                }
                @if let Some(age) = newest_age_us {
                    span.quiet { "newest " (text::duration(age)) " ago" }
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
            body hx-boost="true" hx-target="#main" hx-select="#main" hx-select-oob="#top" hx-swap="outerHTML show:none" { (body) }
        }
    };
    document.into_string()
}
