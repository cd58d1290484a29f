//! The playground: a chat with a model, from the browser straight to the gateway. The server sends the address of the gateway, and
//! sees no prompt.

use crate::assets;
use crate::frame::Frame;
use maud::{Markup, html};

/// The page.
#[derive(Debug, Default)]
pub struct PlaygroundPage {
    /// The gateway's address for browsers, if it is known.
    pub gateway: Option<String>,
    /// Stands for the person in records.
    pub end_user: String,
}

impl PlaygroundPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let [style, script] = assets::playground();
        let main = html! {
            link rel="stylesheet" href=(style);
            div.logs.tryout {
                h1 { "Playground" }
                @match &self.gateway {
                    Some(gateway) => {
                        p { "Real requests of this browser to " code { (gateway) } ", under a virtual key. The collector sees their records and no text. The conversation is kept in this page alone: it is gone when you leave." }
                        noscript { p.problem { "This page needs JavaScript: it talks to the gateway itself." } }
                        div #playground data-gateway=(gateway) data-end-user=(self.end_user) {}
                        script src=(script) type="module" {}
                    },
                    None => (no_address())
                }
            }
        };
        frame.render("Playground", &main)
    }
}

fn no_address() -> Markup {
    html! {
        section.empty {
            h2 { "The gateway's address is not known" }
            p { "Browsers need it to reach the gateway. Set it when the collector starts:" }
            p { code { "headgate-collector serve --gateway-url https://ai.example.com" } }
            p { "The policy needs " code { "cors: {origins: [\"…\"]}" } " with the address of this page, and a key marked " code { "playground: true" } " keeps these requests apart in the log." }
        }
    }
}
