//! The form that drafts a key in the browser.
//!
//! The script makes the secret and its hash, so the secret never leaves the browser. Without the script the form stays hidden
//! and the page names the command that does the same.

use crate::assets;
use maud::{Markup, html};

/// Returns the form, with the teams and models of the policy to choose from.
pub(super) fn form(teams: &[String], models: &[String]) -> Markup {
    html! {
        details.draft {
            summary { "New key" }
            noscript {
                p { "With JavaScript this page drafts a key in your browser. The command does the same:" }
                pre { "headgate keys new --id NAME --owner OWNER --team TEAM" }
            }
            div hidden data-draft=(assets::draft()) {
                p { "Your browser makes the key and its hash. The key is not sent to the collector and not stored anywhere: hand it to its owner now." }
                form.filters autocomplete="off" hx-boost="false" {
                    label { "Id" input type="text" id="draft-id" required maxlength="128" pattern="[A-Za-z0-9._:\\/@+\\-]+" title="Letters, digits and ._:/@+-"; }
                    label { "Owner" input type="text" id="draft-owner" maxlength="256"; }
                    label { "Team" select id="draft-team" {
                        option value="" { "none" }
                        @for team in teams { option value=(team) { (team) } }
                    } }
                    label { "Expires" input type="date" id="draft-expires"; }
                    @if !models.is_empty() {
                        fieldset.models {
                            legend { "Models; all if none is chosen" }
                            @for (place, model) in models.iter().enumerate() {
                                label { input type="checkbox" id={ "draft-model-" (place) } value=(model); " " bdi { (model) } }
                            }
                        }
                    }
                    button.primary type="submit" { "Make the key" }
                }
                p.problem id="draft-problem" role="alert" hidden {}
                section id="draft-made" hidden aria-live="polite" {
                    h2 { "The key" }
                    p { strong { "Shown once." } " Copy it now; nobody can show it again." }
                    p.secret { code id="draft-key" data-copy="the key" {} }
                    h2 { "Its entry" }
                    p { "Put this under " code { "keys" } " of gateway.yaml and apply the file. It has the hash, not the key." }
                    pre id="draft-entry" data-copy="the entry" {}
                }
            }
        }
    }
}
