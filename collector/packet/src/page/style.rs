//! The style and the script of the page.

/// The style, for the screen and for paper.
pub(super) const STYLE: &str = include_str!("packet.css");

/// The script: checks a ZIP file that is dropped on the page.
pub(super) const SCRIPT: &str = include_str!("packet.js");
