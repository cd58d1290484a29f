//! The state of the Audit page in its URL, and its parameters for `GET /v1/audit`.

use crate::text::Zone;
use form_urlencoded::Serializer;

/// Maximum length of a parameter in bytes, and maximum number of its values.
const MAX_BYTES: usize = 4_096;
const MAX_VALUES: usize = 20;

/// The state. Operators, events, resource ids and sources may be several, separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditState {
    /// Entries from this time, µs.
    pub from: Option<i64>,
    /// Entries before this time, µs.
    pub to: Option<i64>,
    /// Ids or names of actors.
    pub actor: Option<String>,
    /// Event types.
    pub event: Option<String>,
    /// Resource ids.
    pub resource: Option<String>,
    /// Sources.
    pub source: Option<String>,
    /// The number of a policy revision.
    pub revision: Option<String>,
    /// Outcomes.
    pub outcome: Option<String>,
    /// A text that a name of the entry contains.
    pub q: Option<String>,
    /// The cursor of the page; it begins behind it.
    pub after: Option<String>,
    /// The cursor of the page; it ends before it.
    pub before: Option<String>,
    /// Id of the opened entry.
    pub row: Option<String>,
}

impl AuditState {
    /// Reads the state from the parameters of a URL.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter.
    pub fn read(query: &str, zone: &Zone) -> Result<Self, String> {
        let mut state = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if value.len() > MAX_BYTES || value.split(',').count() > MAX_VALUES {
                return Err(format!("A filter takes at most {MAX_VALUES} values and {MAX_BYTES} bytes."));
            }
            let text = Some(value.trim().to_owned());
            match name.as_ref() {
                _ if value.trim().is_empty() => {}
                "from" => state.from = Some(zone.time("from", &value)?),
                "to" => state.to = Some(zone.time("to", &value)?),
                "actor" => state.actor = text,
                "event" => state.event = text,
                "resource" => state.resource = text,
                "source" => state.source = text,
                "revision" => state.revision = text,
                "outcome" => state.outcome = text,
                "q" => state.q = text,
                "after" => state.after = text,
                "before" => state.before = text,
                "row" => state.row = text,
                _ => return Err("The address has a parameter that this page does not know.".to_owned()),
            }
        }
        Ok(state)
    }

    /// Returns the state without the page and the opened entry.
    #[must_use]
    pub fn first_page(&self) -> Self {
        Self { after: None, before: None, row: None, ..self.clone() }
    }

    /// Returns the same page with another entry open, or none.
    #[must_use]
    pub fn with_row(&self, row: Option<&str>) -> Self {
        Self { row: row.map(str::to_owned), ..self.clone() }
    }

    /// Returns the filters as they stand in the URL.
    #[must_use]
    pub(super) fn filters(&self) -> String {
        self.first_page().url()
    }

    /// Returns the address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        let time = |us: Option<i64>| us.map(|us| us.to_string());
        let all = [
            ("from", time(self.from)),
            ("to", time(self.to)),
            ("actor", self.actor.clone()),
            ("event", self.event.clone()),
            ("resource", self.resource.clone()),
            ("source", self.source.clone()),
            ("revision", self.revision.clone()),
            ("outcome", self.outcome.clone()),
            ("q", self.q.clone()),
            ("after", self.after.clone()),
            ("before", self.before.clone()),
            ("row", self.row.clone()),
        ];
        let pairs = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        match Serializer::new(String::new()).extend_pairs(pairs).finish() {
            none if none.is_empty() => "/audit".to_owned(),
            some => format!("/audit?{some}"),
        }
    }

    /// Returns the filters as the query string of `GET /v1/audit`.
    #[must_use]
    pub fn parameters(&self) -> String {
        let mut query = Serializer::new(String::new());
        let lists = [
            ("actor", &self.actor),
            ("event_types", &self.event),
            ("resource_ids", &self.resource),
            ("sources", &self.source),
            ("revision", &self.revision),
            ("outcomes", &self.outcome),
        ];
        for (name, values) in lists {
            let values =
                values.iter().flat_map(|values| values.split(',')).map(str::trim).filter(|value| !value.is_empty());
            values.for_each(|value| {
                query.append_pair(name, value);
            });
        }
        if let Some(text) = &self.q {
            query.append_pair("q", text);
        }
        // µs, with more digits than seconds have.
        for (name, bound) in [("effective_at[gte]", self.from), ("effective_at[lt]", self.to)] {
            if let Some(us) = bound {
                query.append_pair(name, &format!("{us:012}"));
            }
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::AuditState;
    use crate::text::Zone;

    #[test]
    fn a_url_holds_the_whole_state() {
        let url = "/audit?from=1795953600000000&actor=Ann&event=token.created%2Ctoken.revoked&row=x";
        let state = AuditState::read(url.strip_prefix("/audit?").unwrap(), &Zone::default()).unwrap();
        assert_eq!(state.url(), url);
        let parameters =
            "actor=Ann&event_types=token.created&event_types=token.revoked&effective_at%5Bgte%5D=1795953600000000";
        assert_eq!(state.parameters(), parameters);
        assert!(AuditState::read(&format!("actor={}", "a,".repeat(21)), &Zone::default()).is_err());
        assert!(AuditState::read("nope=1", &Zone::default()).is_err());
        assert_eq!(AuditState::read("from=&actor=+", &Zone::default()), Ok(AuditState::default()));
    }
}
