//! The page on which a person signs in with a token.

use crate::frame::document;
use maud::{Markup, html};

/// The sign-in page.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// The local path to go to afterwards.
    pub return_to: String,
    /// The reason of the last refusal, and the remedy.
    pub problem: Option<String>,
}

impl Login {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self) -> String {
        let body = html! {
            main.login id="main" {
                h1 { "Headgate" }
                p { "Sign in to read the logs of this gateway." }
                (self.form())
                p.quiet { "A token comes from the owner: " code { "headgate-collector token new --role viewer" } "." }
            }
        };
        document("Sign in", &html! {}, &body)
    }

    fn form(&self) -> Markup {
        html! {
            form method="post" action="/auth/login" hx-boost="false" {
                @if let Some(problem) = &self.problem {
                    p.problem role="alert" { (problem) }
                }
                input type="hidden" name="return_to" value=(self.return_to);
                label for="token" { "Collector token" }
                input id="token" name="token" type="password" autocomplete="current-password" required autofocus;
                button.primary type="submit" { "Sign in" }
            }
        }
    }
}
