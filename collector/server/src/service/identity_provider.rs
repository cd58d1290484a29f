//! The identity provider at which persons sign in, from the settings.

use headgate_collector_oidc::{Provider, PublicUrl, Settings};

/// The path to which the provider sends browsers back.
const CALLBACK: &str = "/auth/oidc/callback";

/// Returns the provider, if the settings have one. It is not asked yet.
///
/// # Errors
/// The message names the setting and the remedy.
pub(super) fn of(settings: Option<Settings>, url: Option<&PublicUrl>) -> Result<Option<Provider>, String> {
    let Some(settings) = settings else { return Ok(None) };
    let url = url.ok_or(
        "`[oidc]` needs `public_url`: the provider sends browsers back to it; set it to the address that browsers use, such as \
         \"https://logs.example.com\"",
    )?;
    let redirect_uri = format!("{}{CALLBACK}", url.origin());
    Provider::new(settings, redirect_uri).map(Some).map_err(|why| format!("[oidc] {why}"))
}
