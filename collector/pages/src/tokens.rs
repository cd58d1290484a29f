//! The Tokens page: tokens of the collector, and sessions of persons, for owners.

mod change;

pub use change::{MadePage, RevokePage};

use crate::frame::Frame;
use crate::parts;
use crate::text::Zone;
use headgate_collector_types::Role;
use maud::{Markup, html};

/// A token, without its text.
#[derive(Debug, Clone, Default)]
pub struct Token {
    /// Its public id.
    pub id: String,
    /// The role.
    pub role: String,
    /// The purpose.
    pub name: Option<String>,
    /// When it was made, and the id of the actor that made it.
    pub made: (i64, String),
    /// From when on it is no longer valid, µs.
    pub expires_at: Option<i64>,
    /// When it was seen last, µs.
    pub last_used: Option<i64>,
    /// When it was revoked, µs.
    pub revoked_at: Option<i64>,
}

/// A session of a person.
#[derive(Debug, Clone, Default)]
pub struct SessionRow {
    /// Its public id.
    pub id: String,
    /// The name of the person, or the id of the token, that signed in.
    pub holder: String,
    /// The role of a person, and who the person is at the identity provider.
    pub grant: Option<String>,
    /// The network address of the sign-in.
    pub address: String,
    /// Sign-in, last use and latest end, µs.
    pub times: (i64, i64, i64),
    /// Whether it is the reader's own.
    pub is_own: bool,
}

/// The fields of the form for a token, as they were sent, and the reason why it was refused.
#[derive(Debug, Clone, Default)]
pub struct TokenDraft {
    /// The role.
    pub role: String,
    /// The purpose.
    pub name: String,
    /// The end, as the input has it.
    pub expires_at: String,
    /// The ingest token that it replaces.
    pub replaces: String,
    /// The reason of the refusal.
    pub problem: Option<String>,
}

/// The view of the page.
#[derive(Debug, Default)]
pub struct TokensPage {
    /// The tokens, the newest first.
    pub tokens: Vec<Token>,
    /// The sessions, the newest first.
    pub sessions: Vec<SessionRow>,
    /// The form.
    pub draft: TokenDraft,
    /// The sentence about a change that was made.
    pub done: Option<&'static str>,
    /// The reason why a change was refused.
    pub problem: Option<String>,
    /// The reader's zone.
    pub zone: Zone,
    /// The time of the page, µs.
    pub now: i64,
}

impl TokensPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Tokens and sessions" }
                (parts::done(self.done))
                (parts::problem(self.problem.as_deref()))
                p { "Tokens open the collector: proxies deliver with them, programs read, persons sign in. " a href="/audit?event=token.created,token.revoked" { "Tokens in the audit log" } }
                (self.form(frame))
                @if self.tokens.is_empty() { p.quiet { "No token is stored. Tokens of the environment are not listed." } } @else { (self.tokens()) }
                h2 { "Sessions" }
                @if self.sessions.is_empty() { p.quiet { "No person is signed in." } } @else { (self.sessions(frame)) }
            }
        };
        frame.render("Tokens and sessions", &main)
    }

    fn form(&self, frame: &Frame) -> Markup {
        let TokenDraft { role, name, expires_at, replaces, problem } = &self.draft;
        html! {
            details.draft open[problem.is_some()] {
                summary { "New token" }
                form.filters method="post" action="/tokens" hx-boost="false" {
                    (parts::csrf(&frame.person))
                    (parts::problem(problem.as_deref()))
                    label { "Role" select name="role" {
                        @for known in [Role::Viewer, Role::Auditor, Role::Admin, Role::Owner, Role::Ingest] {
                            option value=(known.as_str()) selected[role == known.as_str()] { (known.as_str()) " – " (about(known)) }
                        }
                    } }
                    label { "Purpose or person" input type="text" name="name" maxlength="256" value=(name); }
                    label { "Expires (" (self.zone.name) ")" input type="datetime-local" name="expires_at" step="60" value=(expires_at); }
                    label { "Replaces (id of an ingest token)" input type="text" name="replaces" maxlength="256" value=(replaces); }
                    (parts::justification())
                    button.primary type="submit" { "Make the token" }
                }
            }
        }
    }

    fn tokens(&self) -> Markup {
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Token" } th scope="col" { "Role" } th scope="col" { "Made" } th scope="col" { "Last used" }
                    th scope="col" { "Status" } th scope="col" { "Action" }
                } }
                tbody { @for token in &self.tokens { (self.token(token)) } }
            }
        }
    }

    fn token(&self, token: &Token) -> Markup {
        let is_valid = token.revoked_at.is_none() && token.expires_at.is_none_or(|at| at > self.now);
        html! {
            tr data-token=(token.id) {
                th scope="row" { bdi { (token.name.as_deref().unwrap_or("no name")) } span.second { (token.id) } }
                td data-label="Role" { (token.role) }
                td data-label="Made" { (parts::time(&self.zone, token.made.0)) span.second { "by " bdi { (token.made.1) } } }
                td data-label="Last used" { @match token.last_used { Some(at) => (parts::time(&self.zone, at)), None => span.quiet { "never" } } }
                td data-label="Status" { (self.status(token)) }
                td data-label="Action" {
                    @if is_valid { a href={ (parts::path("/tokens", &token.id)) "/revoke" } { "Revoke" span.hidden { " " (token.id) } } } @else { span.quiet { "none" } }
                }
            }
        }
    }

    fn status(&self, token: &Token) -> Markup {
        html! {
            @match (token.revoked_at, token.expires_at) {
                (Some(at), _) => { span.chip.aborted { "revoked" } span.second { (self.zone.day_and_clock(at)) } }
                (None, Some(at)) if at <= self.now => { span.chip.aborted { "expired" } span.second { (self.zone.day_and_clock(at)) } }
                (None, Some(at)) => { span.chip.success { "valid" } span.second { "until " (self.zone.day_and_clock(at)) } }
                (None, None) => span.chip.success { "valid" },
            }
        }
    }

    fn sessions(&self, frame: &Frame) -> Markup {
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Session" } th scope="col" { "Person or token" } th scope="col" { "Address" } th scope="col" { "Signed in" }
                    th scope="col" { "Last used" } th scope="col" { "Ends by" } th scope="col" { "Action" }
                } }
                tbody { @for session in &self.sessions { (self.session(session, frame)) } }
            }
        }
    }

    fn session(&self, session: &SessionRow, frame: &Frame) -> Markup {
        let (begun, seen, end) = session.times;
        html! {
            tr data-session=(session.id) {
                th scope="row" { (session.id) @if session.is_own { span.second { "this one" } } }
                td data-label="Person or token" { bdi { (session.holder) } @if let Some(grant) = &session.grant { span.second { bdi { (grant) } } } }
                td data-label="Address" { (session.address) }
                td data-label="Signed in" { (parts::time(&self.zone, begun)) }
                td data-label="Last used" { (parts::time(&self.zone, seen)) }
                td data-label="Ends by" { (parts::time(&self.zone, end)) }
                td data-label="Action" {
                    form method="post" action={ (parts::path("/tokens/sessions", &session.id)) "/end" } hx-boost="false" {
                        (parts::csrf(&frame.person))
                        button type="submit" aria-label={ "End " (session.id) } { "End" }
                    }
                }
            }
        }
    }
}

fn about(role: Role) -> &'static str {
    match role {
        Role::Ingest => "proxies deliver with it, reads nothing",
        Role::Viewer => "reads requests and usage",
        Role::Auditor => "reads the audit log too",
        Role::Admin => "changes the policy too",
        Role::Owner => "manages tokens and retention too",
    }
}
