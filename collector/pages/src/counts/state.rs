//! The state of the pages of limits and of budgets. All of it is in the URL.

use form_urlencoded::Serializer;

/// The rules of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RuleKind {
    /// Limits.
    #[default]
    Limits,
    /// Budgets.
    Budgets,
}

impl RuleKind {
    /// Returns the path of the page.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Limits => "/limits",
            Self::Budgets => "/budgets",
        }
    }
}

/// The state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountsState {
    /// The rules.
    pub kind: RuleKind,
    /// Id of the rule.
    pub id: Option<String>,
    /// A value of the subject.
    pub subject: Option<String>,
    /// Name of the meter.
    pub meter: Option<String>,
    /// Least use, percent.
    pub min_percent: Option<String>,
    /// Whether past windows are shown too.
    pub past: bool,
    /// The cursor of the page.
    pub after: Option<String>,
    /// Whether the page is loaded again every 10 s.
    pub auto: bool,
}

impl CountsState {
    /// Reads the state from the parameters of a URL.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter.
    pub fn read(kind: RuleKind, query: &str) -> Result<Self, String> {
        let mut state = Self { kind, ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let text = Some(value.trim().to_owned());
            match name.as_ref() {
                _ if value.trim().is_empty() => {}
                "id" => state.id = text,
                "subject" => state.subject = text,
                "meter" => state.meter = text,
                "min_percent" => state.min_percent = text,
                "window" if kind == RuleKind::Budgets && matches!(&*value, "all" | "current") => {
                    state.past = value == "all"
                }
                "window" => {
                    return Err("`window` is all or current, and of budgets alone: of limits no past window is kept."
                        .to_owned());
                }
                "after" => state.after = text,
                "auto" => state.auto = true,
                _ => return Err("The address has a parameter that this page does not know.".to_owned()),
            }
        }
        Ok(state)
    }

    /// Returns the filters as parameters of the API.
    #[must_use]
    pub fn filters(&self) -> String {
        Serializer::new(String::new()).extend_pairs(self.filter_pairs()).finish()
    }

    /// Returns all parameters of the API.
    #[must_use]
    pub fn parameters(&self) -> String {
        let after = self.after.as_ref().map(|after| ("after", after));
        Serializer::new(self.filters()).extend_pairs(after).finish()
    }

    pub(super) fn filter_pairs(&self) -> Vec<(&'static str, String)> {
        let texts =
            [("id", &self.id), ("subject", &self.subject), ("meter", &self.meter), ("min_percent", &self.min_percent)];
        let mut pairs: Vec<_> = texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect();
        pairs.extend(self.past.then(|| ("window", "all".to_owned())));
        pairs
    }

    /// Returns the address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        let mut query = Serializer::new(self.parameters());
        query.extend_pairs(self.auto.then_some(("auto", "1")));
        match query.finish() {
            none if none.is_empty() => self.kind.path().to_owned(),
            some => format!("{}?{some}", self.kind.path()),
        }
    }

    /// Returns the first page of the same filters.
    #[must_use]
    pub fn first_page(&self) -> Self {
        Self { after: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::{CountsState, RuleKind};

    #[test]
    fn a_url_holds_the_whole_state() {
        let text = |text: &str| Some(text.to_owned());
        let state = CountsState {
            kind: RuleKind::Budgets,
            id: text("month & day"),
            subject: text("<b>"),
            meter: text("nano_usd/month"),
            min_percent: text("80"),
            past: true,
            after: text("l1_5_6"),
            auto: true,
        };
        let url = state.url();
        assert_eq!(CountsState::read(RuleKind::Budgets, url.strip_prefix("/budgets?").unwrap()), Ok(state.clone()));
        assert!(state.parameters().ends_with("window=all&after=l1_5_6") && !state.filters().contains("after"));
        assert_eq!(CountsState::default().url(), "/limits");
        assert_eq!(CountsState::read(RuleKind::Limits, "id=+&subject="), Ok(CountsState::default()), "an empty form");
        for wrong in ["window=all", "nope=1"] {
            assert!(CountsState::read(RuleKind::Limits, wrong).is_err(), "{wrong}");
        }
    }
}
