//! The delivery statement of the page.

use super::PageParts;
use maud::{Markup, html};

/// Returns the pointer to the statement, where completeness is stated.
pub(super) fn pointer(parts: &PageParts) -> Markup {
    html! {
        @if parts.deliveries.as_ref().is_some_and(|losses| !losses.is_empty()) {
            p.warn { "Systems that get the log from a forwarder have less than this packet: see " a href="#deliveries" { "Deliveries to other systems" } "." }
        }
    }
}

/// Returns the statement.
pub(super) fn statement(parts: &PageParts) -> Markup {
    html! {
        h3 id="deliveries" { "Deliveries to other systems" }
        @match &parts.deliveries {
            None => p.quiet { "Not part of a redacted packet." },
            Some(losses) if losses.is_empty() => p { "No entry is noted that was deleted before a forwarder had delivered it." },
            Some(losses) => {
                p { "Retention deleted these entries before a forwarder had delivered them. The packet reads the log itself, so its own completeness does not depend on them." }
                ul { @for loss in losses { li { (loss) } } }
            }
        }
    }
}
