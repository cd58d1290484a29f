//! A page that says why there is nothing to see, and what to do.

use crate::frame::{Frame, document};
use crate::parts::sentence;
use maud::html;

/// A notice in place of a page's content.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The sentence that says what happened.
    pub title: String,
    /// The cause and the remedy.
    pub text: String,
}

impl Notice {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            section.notice { h1 { (self.title) } p { (sentence(&self.text)) } p { a href="/logs" { "To the logs" } } }
        };
        frame.render(&self.title, &main)
    }

    /// Returns the whole document without the frame, for a person of whom nothing is known.
    #[must_use]
    pub fn alone(&self) -> String {
        let body = html! {
            main.login id="main" { h1 { (self.title) } p { (sentence(&self.text)) } p { a href="/" { "To the first page" } } }
        };
        document(&self.title, &html! {}, &body)
    }
}
