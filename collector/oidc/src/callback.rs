//! The address to which the provider sends the browser back.

use crate::fault::Fault;

/// Longest query, bytes.
const MAX_BYTES: usize = 8 << 10;

/// The fields of a callback.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Callback {
    /// The state of the sign-in.
    pub(crate) state: Option<String>,
    /// The code.
    pub(crate) code: Option<String>,
    /// The issuer that sends it.
    pub(crate) issuer: Option<String>,
    /// The provider's error.
    pub(crate) error: Option<String>,
}

impl Callback {
    /// Reads the query string.
    ///
    /// # Errors
    /// A field is there twice, or all are too long.
    pub fn parse(query: &str) -> Result<Self, Fault> {
        if query.len() > MAX_BYTES {
            return Err(Fault::Callback);
        }
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut found.state,
                "code" => &mut found.code,
                "iss" => &mut found.issuer,
                "error" => &mut found.error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Fault::Callback);
            }
        }
        Ok(found)
    }

    /// Returns the code, if this is the callback of an issuer that has accepted. `must_name` says that this issuer names
    /// itself each time.
    pub(crate) fn code(&self, issuer: &str, must_name: bool) -> Result<&str, Fault> {
        match &self.issuer {
            Some(named) if named != issuer => return Err(Fault::CallbackIssuer),
            None if must_name => return Err(Fault::CallbackIssuer),
            _ => {}
        }
        match self.error.as_deref() {
            Some("access_denied" | "login_required" | "interaction_required" | "consent_required") => {
                Err(Fault::Denied)
            }
            Some("unauthorized_client") => Err(Fault::Client),
            Some(_) => Err(Fault::Provider),
            None => self.code.as_deref().filter(|code| !code.is_empty()).ok_or(Fault::Callback),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example";

    #[test]
    fn a_callback_has_one_code_of_this_issuer() {
        let good = Callback::parse("code=a%2Fb&state=s&session_state=x&iss=https%3A%2F%2Flogin.example").unwrap();
        assert_eq!(good.code(ISSUER, true), Ok("a/b"));
        let unnamed = Callback::parse("code=a&state=s").unwrap();
        assert_eq!(unnamed.code(ISSUER, false), Ok("a"));
        for (query, must_name, fault) in [
            ("code=a&state=s", true, Fault::CallbackIssuer),
            ("code=a&state=s&iss=https%3A%2F%2Fevil.example", false, Fault::CallbackIssuer),
            ("error=access_denied&iss=", false, Fault::CallbackIssuer),
            ("error=access_denied&code=a", false, Fault::Denied),
            ("error=server_error&error_description=%3Cscript%3E", false, Fault::Provider),
            ("error=unauthorized_client", false, Fault::Client),
            ("state=s", false, Fault::Callback),
            ("code=", false, Fault::Callback),
            ("", false, Fault::Callback),
        ] {
            assert_eq!(Callback::parse(query).unwrap().code(ISSUER, must_name), Err(fault), "{query}");
        }
        for twice in ["code=a&code=b", "state=a&state=a", "iss=a&iss=a", "error=a&error=a"] {
            assert_eq!(Callback::parse(twice), Err(Fault::Callback));
        }
        assert_eq!(Callback::parse(&"a".repeat(MAX_BYTES + 1)), Err(Fault::Callback));
    }
}
