//! The table `[oidc]` of the file of settings: sign-in of persons at an identity provider.
//!
//! It has no options on the command line: a mapping of groups to roles would not fit there.

use super::tables::{Problem, Written, keys, path, quoted, unknown_key};
use super::variables::named;
use headgate_collector_oidc::{Issuer, RoleMapping, SecretSource, Settings, check_logout_url};
use headgate_collector_types::Role;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The name of the table.
pub(super) const TABLE: &str = "oidc";
/// The keys, in the order of the documentation.
const KEYS: [&str; 12] = [
    "issuer",
    "name",
    "client_id",
    "client_secret",
    "client_secret_file",
    "scopes",
    "role_claim",
    "roles",
    "default_role",
    "name_claim",
    "logout_url",
    "ca_file",
];
/// Longest name, characters.
const MAX_NAME_CHARS: usize = 64;

/// The table, read.
#[derive(Debug)]
pub(super) struct OidcTable {
    /// The settings.
    pub(super) settings: Settings,
    /// Its keys as `config show` writes them, with their lines.
    pub(super) written: Written,
}

/// The keys that have been read so far.
#[derive(Default)]
struct OidcDraft {
    issuer: Option<Issuer>,
    name: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretSource>,
    scopes: Option<Vec<String>>,
    roles: RoleMapping,
    name_claim: Option<String>,
    logout_url: Option<String>,
    ca_file: Option<PathBuf>,
}

/// Reads the table, which begins at `start`.
///
/// # Errors
/// All problems.
pub(super) fn read(
    table: &DeTable<'_>,
    start: usize,
    line_of: impl Fn(usize) -> usize,
) -> Result<OidcTable, Vec<Problem>> {
    let mut draft = OidcDraft::default();
    let (written, mut problems) = keys(table, line_of, |name, value| draft.take(name, value));
    let has = |name: &str| table.iter().any(|(key, _)| key.get_ref() == name);
    if has("client_secret") && has("client_secret_file") {
        problems.push((start, "`client_secret` and `client_secret_file` are both there; keep one".to_owned()));
    }
    for (name, remedy) in [
        ("issuer", "the address of the identity provider"),
        ("client_id", "the id that the provider has given to this collector"),
    ] {
        if !has(name) {
            problems.push((start, format!("`[oidc]` has no `{name}`; set it to {remedy}")));
        }
    }
    if !has("roles") && !has("default_role") {
        let why = "`[oidc]` gives nobody a role; map groups in `roles`, such as { \"sec-audit\" = \"auditor\" }";
        problems.push((start, why.to_owned()));
    }
    match draft.settings() {
        Some(settings) if problems.is_empty() => Ok(OidcTable { settings, written }),
        _ => Err(problems),
    }
}

impl OidcDraft {
    /// Reads the value of a key; returns it as it is shown.
    fn take(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, String> {
        let value = value.get_ref();
        let in_key = |why: String| format!("`{name}`: {why}");
        match name {
            "scopes" => return self.take_scopes(value).map_err(in_key),
            "roles" => return self.take_roles(value).map_err(in_key),
            "redirect_uri" => {
                return Err(in_key("the collector makes it of `public_url`; register that at the provider".to_owned()));
            }
            _ if !KEYS.contains(&name) => return Err(unknown_key(name, "`[oidc]`", &KEYS)),
            _ => {}
        }
        let DeValue::String(text) = value else { return Err(in_key("it must be a text in quotes".to_owned())) };
        self.take_text(name, text).map_err(in_key)?;
        Ok(quoted(text))
    }

    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "issuer" => self.issuer = Some(Issuer::parse(text)?),
            "name" => self.name = Some(shown_name(text)?),
            "client_id" => self.client_id = Some(word(text)?),
            "client_secret" => self.client_secret = Some(SecretSource::Variable(variable(text)?)),
            "client_secret_file" => self.client_secret = Some(SecretSource::File(path(text)?)),
            "role_claim" => self.roles.claim = word(text)?,
            "default_role" => self.roles.default = default_role(text)?,
            "name_claim" => self.name_claim = Some(word(text)?),
            "logout_url" => self.logout_url = Some(check_logout_url(text)?),
            // All other keys are known not to be there.
            _ => self.ca_file = Some(path(text)?),
        }
        Ok(())
    }

    fn take_scopes(&mut self, value: &DeValue<'_>) -> Result<String, String> {
        let form = "write a list of words, such as [\"openid\", \"email\"]";
        let DeValue::Array(list) = value else { return Err(form.to_owned()) };
        let mut scopes = Vec::new();
        for one in list.iter() {
            let DeValue::String(text) = one.get_ref() else { return Err(form.to_owned()) };
            scopes.push(word(text).ok().filter(|word| !word.contains(['"', '\\', ' '])).ok_or(form)?);
        }
        let shown = scopes.iter().map(|scope| quoted(scope)).collect::<Vec<_>>().join(", ");
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        self.scopes = Some(scopes);
        Ok(format!("[{shown}]"))
    }

    fn take_roles(&mut self, value: &DeValue<'_>) -> Result<String, String> {
        let form = "write a table of groups and roles, such as { \"sec-audit\" = \"auditor\" }";
        let DeValue::Table(table) = value else { return Err(form.to_owned()) };
        for (group, role) in table.iter() {
            let DeValue::String(role) = role.get_ref() else { return Err(form.to_owned()) };
            let group = group.get_ref().to_string();
            let role = RoleMapping::role(role).map_err(|why| format!("of {}: {why}", quoted(&group)))?;
            self.roles.roles.insert(group, role);
        }
        if self.roles.roles.is_empty() {
            return Err(format!("it gives nobody a role; {form}"));
        }
        let one = |(group, role): (&String, &Role)| format!("{} = {}", quoted(group), quoted(role.as_str()));
        Ok(format!("{{ {} }}", self.roles.roles.iter().map(one).collect::<Vec<_>>().join(", ")))
    }

    fn settings(self) -> Option<Settings> {
        let Self { issuer, name, client_id, client_secret, scopes, mut roles, name_claim, logout_url, ca_file } = self;
        let issuer = issuer?;
        if roles.claim.is_empty() {
            "groups".clone_into(&mut roles.claim);
        }
        Some(Settings {
            name: name.unwrap_or_else(|| issuer.host()),
            issuer,
            client_id: client_id?,
            client_secret,
            scopes: scopes.unwrap_or_else(|| ["openid", "email", "profile"].map(str::to_owned).into()),
            roles,
            name_claim: name_claim.unwrap_or_else(|| "email".to_owned()),
            logout_url,
            ca_file,
        })
    }
}

fn word(text: &str) -> Result<String, String> {
    let fits = (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if fits { Ok(text.to_owned()) } else { Err("it must have 1 to 512 characters of ASCII".to_owned()) }
}

fn shown_name(text: &str) -> Result<String, String> {
    let is_hidden = text.chars().any(headgate_config::diagnostic::is_hidden);
    if text.trim().is_empty() || is_hidden || text.chars().count() > MAX_NAME_CHARS {
        return Err(format!("it must have 1 to {MAX_NAME_CHARS} visible characters, such as \"Keycloak\""));
    }
    Ok(text.to_owned())
}

/// Returns the name of the environment variable in `${NAME}`. A secret does not belong into the file.
fn variable(text: &str) -> Result<String, String> {
    named(text).map(str::to_owned).ok_or_else(|| {
        "a secret does not belong into this file; write \"${NAME}\" and set NAME in the environment, or use \
         `client_secret_file`"
            .to_owned()
    })
}

fn default_role(text: &str) -> Result<Option<Role>, String> {
    match text {
        "none" => Ok(None),
        word => RoleMapping::role(word).map(Some).map_err(|why| format!("{why}, or \"none\"")),
    }
}
