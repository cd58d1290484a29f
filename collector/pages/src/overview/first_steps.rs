//! The steps to the first record, on an installation without one.

use maud::{Markup, html};

/// Seconds between two loads of the page while it waits for the first record.
pub const WAIT_S: u32 = 5;

/// The state of an installation without a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstSteps {
    /// The base of the gateway's URLs, by the address at which it listens, if the reader may know it.
    pub gateway: Option<String>,
    /// Proxies that report.
    pub proxies: usize,
}

impl FirstSteps {
    pub(super) fn render(&self) -> Markup {
        let base = self.gateway.as_deref().map_or_else(|| "http://GATEWAY:8080".to_owned(), base);
        let call = format!(
            "curl {base}/v1/chat/completions \\\n  -H \"authorization: Bearer $HEADGATE_KEY\" -H 'content-type: application/json' \\\n  -d '{{\"model\": \"chat\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
        );
        html! {
            div.steps {
                h1 { "Three steps to the first record" }
                ol {
                    li {
                        h2 { "Make a virtual key" }
                        pre { "headgate keys new --id my-laptop --owner me" }
                        p.quiet { "It shows the key once, and its entry for " code { "keys" } " of gateway.yaml." }
                    }
                    li {
                        h2 { "Send a request through the gateway" }
                        pre { (call) }
                        p.quiet {
                            @if self.gateway.is_some() { "The address is " code { "listen" } " of the policy in force; " code { "chat" } " is a model of it." }
                            @else { "GATEWAY is the host of " code { "listen" } " in gateway.yaml; " code { "chat" } " is one of its models." }
                        }
                    }
                    li {
                        h2 { "Waiting for the first record …" }
                        p role="status" {
                            @match self.proxies {
                                0 => { "No proxy reports yet. Give it the address of this collector: " code { "collector:" } " in gateway.yaml." },
                                1 => "One proxy reports to this collector.",
                                more => { (more) " proxies report to this collector." },
                            }
                        }
                        p.quiet {
                            "This page turns by itself as soon as a record is here. "
                            a href="/" data-key="r" data-auto=(WAIT_S) { "Look now" }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the base for people. An address that means every interface is reached on this machine's name.
fn base(gateway: &str) -> String {
    let (scheme, address) = gateway.split_once("://").unwrap_or(("http", gateway));
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "8080"));
    let host = if matches!(host, "" | "0.0.0.0" | "[::]") { "GATEWAY" } else { host };
    format!("{scheme}://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn an_address_for_every_interface_names_no_host() {
        assert_eq!(base("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(base("http://0.0.0.0:80"), "http://GATEWAY:80");
        assert_eq!(base("https://[::]:8443"), "https://GATEWAY:8443");
    }
}
