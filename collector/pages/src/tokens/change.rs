//! The token that was made, shown once; and the page that asks before one is revoked.

use super::Token;
use crate::frame::Frame;
use crate::parts;
use crate::text::Zone;
use maud::html;

/// The answer with a new token.
pub struct MadePage {
    /// Its public id.
    pub id: String,
    /// Its text, this once.
    pub token: String,
    /// The role.
    pub role: &'static str,
    /// The purpose.
    pub name: Option<String>,
    /// From when on it is no longer valid, µs.
    pub expires_at: Option<i64>,
    /// The reader's zone.
    pub zone: Zone,
}

/// Hides the token.
impl std::fmt::Debug for MadePage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadePage").field("id", &self.id).finish_non_exhaustive()
    }
}

impl MadePage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let mut facts = vec![("Id", self.id.clone()), ("Role", self.role.to_owned())];
        facts.extend(self.name.clone().map(|name| ("Purpose", name)));
        facts.extend(self.expires_at.map(|at| ("Expires", self.zone.day_and_clock(at))));
        let main = html! {
            div.logs {
                p.crumbs { a href="/tokens" { "Tokens and sessions" } " / new token" }
                h1 { "The token was made" }
                p { strong { "Shown once." } " Copy it now: the collector keeps only its hash. A reload of this page makes another token." }
                p.secret { code id="token-text" data-copy="the token" { (self.token) } }
                (parts::facts(&facts, false))
                p { a href="/tokens" { "Done, to the tokens" } }
            }
        };
        frame.render("New token", &main)
    }
}

/// The page that asks before a token is revoked.
#[derive(Debug)]
pub struct RevokePage {
    /// The token.
    pub token: Token,
    /// The reader's zone.
    pub zone: Zone,
}

impl RevokePage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let Token { id, role, name, last_used, .. } = &self.token;
        let used = last_used.map_or_else(|| "never".to_owned(), |at| self.zone.day_and_clock(at));
        let mut facts = vec![("Role", role.clone()), ("Last used", used)];
        facts.extend(name.clone().map(|name| ("Purpose", name)));
        let main = html! {
            div.logs {
                p.crumbs { a href="/tokens" { "Tokens and sessions" } " / revoke" }
                h1 { "Revoke " (id) "?" }
                (parts::facts(&facts, false))
                p.sentence {
                    "It stops working at once, and so do the sessions that it signed in. It cannot be made valid again."
                    @if role == "ingest" { " A proxy that delivers with it keeps its records in memory until it has another token, and then drops them." }
                }
                form.inline method="post" action={ (parts::path("/tokens", id)) "/revoke" } hx-boost="false" {
                    (parts::csrf(&frame.person))
                    (parts::justification())
                    button.primary type="submit" { "Revoke the token" }
                    a href="/tokens" { "Cancel" }
                }
            }
        };
        frame.render(&format!("Revoke {id}"), &main)
    }
}
