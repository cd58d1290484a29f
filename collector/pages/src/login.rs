//! The pages on which a person signs in, with a token or at the identity provider, and has signed out.

use crate::frame::document;
use maud::{Markup, html};

/// The sign-in page.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// The local path to go to afterwards.
    pub return_to: String,
    /// The reason of the last refusal, and the remedy.
    pub problem: Option<String>,
    /// The identity provider, if there is one.
    pub provider: Option<ProviderChoice>,
}

/// The identity provider on the sign-in page.
#[derive(Debug, Clone, Default)]
pub struct ProviderChoice {
    /// Its name.
    pub name: String,
    /// The reason for which it cannot be used now, if it was away the last time it was asked.
    pub away: Option<String>,
}

impl Login {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self) -> String {
        let body = html! {
            main.login id="main" {
                h1 { "Headgate" }
                p { "Sign in to read the logs of this gateway." }
                @if let Some(problem) = &self.problem {
                    p.problem role="alert" { (problem) }
                }
                @if let Some(provider) = &self.provider {
                    (self.choice(provider))
                    p.or { span { "or" } }
                }
                (self.form())
                p.quiet { "A token comes from the owner: " code { "headgate-collector token new --role viewer" } "." }
            }
        };
        document("Sign in", &html! {}, &body)
    }

    /// Returns the way to the provider. It is a link: a form may not lead to another site.
    fn choice(&self, provider: &ProviderChoice) -> Markup {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &self.return_to).finish();
        html! {
            a.button.primary href=(format!("/auth/oidc?{query}")) hx-boost="false" { "Sign in with " (provider.name) }
            @if let Some(away) = provider.away.as_ref().filter(|_| self.problem.is_none()) {
                p.away role="status" { (away) }
            }
        }
    }

    fn form(&self) -> Markup {
        // With a provider the token is the second way, for which the button stands back and nothing takes the focus.
        let first = self.provider.is_none();
        html! {
            form method="post" action="/auth/login" hx-boost="false" {
                input type="hidden" name="return_to" value=(self.return_to);
                label for="token" { "Collector token" }
                input id="token" name="token" type="password" autocomplete="current-password" required autofocus[first];
                button class=[first.then_some("primary")] type="submit" { "Sign in" @if !first { " with a token" } }
            }
        }
    }
}

/// The page after signing out, which leads on to the identity provider.
#[derive(Debug, Clone)]
pub struct SignedOut {
    /// The provider's name.
    pub provider: String,
    /// The address at which it ends its own session.
    pub address: String,
}

impl SignedOut {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self) -> String {
        let head = html! { meta http-equiv="refresh" content=(format!("0; url={}", self.address)); };
        let body = html! {
            main.login id="main" {
                h1 { "Signed out" }
                p { "You are signed out of Headgate. " (self.provider) " ends its own session next." }
                p { a href=(self.address) hx-boost="false" { "Sign out of " (self.provider) } }
                p { a href="/login" { "Sign in again" } }
            }
        };
        document("Signed out", &head, &body)
    }
}
