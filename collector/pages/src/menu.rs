//! The pages of the menu, and their groups.
//!
//! A new page is a variant of [`Page`] and a line of [`MENU`].

use maud::{Markup, html};

/// A page of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The last day in numbers.
    Overview,
    /// The request log.
    Logs,
    /// Usage by group and over time.
    Usage,
    /// The use of limits.
    Limits,
    /// The use of budgets.
    Budgets,
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
    /// A policy, tried in the browser.
    Try,
    /// A chat through the gateway.
    Playground,
    /// Packets for auditors.
    Evidence,
    /// How long the logs are kept, and legal holds.
    Retention,
    /// Receivers of the logs.
    Forwarders,
    /// Tokens of the collector, and sessions of persons.
    Tokens,
    /// Keys of the keyboard, the search language, checks.
    Help,
}

/// A group of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MenuGroup {
    Traffic,
    Gateway,
    Evidence,
    Help,
}

impl MenuGroup {
    const ALL: [Self; 4] = [Self::Traffic, Self::Gateway, Self::Evidence, Self::Help];

    const fn name(self) -> &'static str {
        match self {
            Self::Traffic => "Traffic",
            Self::Gateway => "Gateway",
            Self::Evidence => "Evidence",
            Self::Help => "Help",
        }
    }
}

/// A line of the menu.
#[derive(Debug)]
struct Line {
    page: Page,
    group: MenuGroup,
    name: &'static str,
    path: &'static str,
    /// The key that opens the page after `g`.
    key: &'static str,
}

const fn line(page: Page, group: MenuGroup, name: &'static str, path: &'static str, key: &'static str) -> Line {
    Line { page, group, name, path, key }
}

/// Every page once, in the order of the menu.
const MENU: &[Line] = &[
    line(Page::Overview, MenuGroup::Traffic, "Overview", "/", "o"),
    line(Page::Logs, MenuGroup::Traffic, "Logs", "/logs", "l"),
    line(Page::Usage, MenuGroup::Traffic, "Usage", "/usage", "u"),
    line(Page::Limits, MenuGroup::Traffic, "Limits", "/limits", "i"),
    line(Page::Budgets, MenuGroup::Traffic, "Budgets", "/budgets", "b"),
    line(Page::Policy, MenuGroup::Gateway, "Policy", "/policy", "p"),
    line(Page::Keys, MenuGroup::Gateway, "Keys", "/keys", "k"),
    line(Page::Models, MenuGroup::Gateway, "Models", "/models", "m"),
    line(Page::Guardrails, MenuGroup::Gateway, "Guardrails", "/guardrails", "r"),
    line(Page::Try, MenuGroup::Gateway, "Try-out", "/try", "y"),
    line(Page::Playground, MenuGroup::Gateway, "Playground", "/playground", "x"),
    line(Page::Planes, MenuGroup::Gateway, "Data planes", "/dataplanes", "d"),
    line(Page::Completeness, MenuGroup::Gateway, "Completeness", "/gaps", "c"),
    line(Page::Audit, MenuGroup::Evidence, "Audit", "/audit", "a"),
    line(Page::Evidence, MenuGroup::Evidence, "Evidence", "/evidence", "e"),
    line(Page::Retention, MenuGroup::Evidence, "Retention", "/retention", "h"),
    line(Page::Forwarders, MenuGroup::Evidence, "Forwarders", "/forwarders", "f"),
    line(Page::Tokens, MenuGroup::Evidence, "Tokens", "/tokens", "t"),
    line(Page::Help, MenuGroup::Help, "Help", "/help", "?"),
];

impl Page {
    /// Returns every page, in the order of the menu.
    pub fn all() -> impl Iterator<Item = Self> {
        MENU.iter().map(|line| line.page)
    }

    fn line(self) -> Option<&'static Line> {
        MENU.iter().find(|line| line.page == self)
    }

    /// Returns the path of the page.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.line().map_or("/", |line| line.path)
    }

    /// Returns the name of the page.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.line().map_or("", |line| line.name)
    }

    /// Returns whether browsers get another security policy for the page than for the others. It is then a document of its own:
    /// a page whose content is put into another document has that document's policy.
    #[must_use]
    pub fn has_own_policy(self) -> bool {
        matches!(self, Self::Try | Self::Playground)
    }

    /// Returns the key that opens the page after `g`.
    pub(crate) fn key(self) -> &'static str {
        self.line().map_or("", |line| line.key)
    }

    /// Returns the page to which a path belongs; the request log if there is none.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let is_under = |line: &&Line| {
            path.strip_prefix(line.path).is_some_and(|rest| matches!(rest.bytes().next(), None | Some(b'/' | b'.')))
        };
        MENU.iter().find(is_under).map_or(Self::Logs, |line| line.page)
    }
}

/// Returns the menu of these pages, with the signed-in person below. It is at the side; on a narrow screen a button opens it.
pub(crate) fn menu(pages: &[Page], current: Page, person: &Markup) -> Markup {
    html! {
        button.opens type="button" popovertarget="menu" { "Menu" }
        nav.menu id="menu" popover aria-label="Pages" {
            a.brand href="/" { "Headgate" }
            @for group in MenuGroup::ALL {
                @let lines: Vec<_> = MENU.iter().filter(|line| line.group == group && pages.contains(&line.page)).collect();
                @if !lines.is_empty() {
                    p.group aria-hidden="true" { (group.name()) }
                    ul aria-label=(group.name()) { @for line in lines { li { (entry(line, current)) } } }
                }
            }
            (person)
        }
    }
}

fn entry(line: &Line, current: Page) -> Markup {
    let is_current = (line.page == current).then_some("page");
    let boost = line.page.has_own_policy().then_some("false");
    html! {
        a hx-boost=[boost] href=(line.path) aria-current=[is_current] data-go=(line.key) title={ "g " (line.key) } { (line.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::{MENU, Page};

    #[test]
    fn each_page_has_its_own_path_and_key() {
        let sorted = |of: fn(&super::Line) -> &'static str| {
            let mut all: Vec<_> = MENU.iter().map(of).collect();
            all.sort_unstable();
            all.dedup();
            all.len()
        };
        assert_eq!([sorted(|line| line.path), sorted(|line| line.key), sorted(|line| line.name)], [MENU.len(); 3]);
        assert!(Page::all().all(|page| Page::of_path(page.path()) == page));
        assert_eq!(Page::of_path("/audit/1"), Page::Audit);
        assert_eq!(Page::of_path("/auditors"), Page::Logs);
    }
}
