//! Conditions that select the requests of a target.

use wildmatch::WildMatch;

/// The facts about a request that a condition can test.
pub trait Facts {
    /// Returns the dialect of the request.
    fn dialect(&self) -> &str;
    /// Returns the first value of the header with this lower-case name.
    fn header(&self, name: &str) -> Option<&str>;
    /// Returns the team of the key.
    fn team(&self) -> Option<&str>;
    /// Returns the id of the key.
    fn key_id(&self) -> &str;
    /// Returns whether the client asks for a stream.
    fn stream(&self) -> bool;
    /// Returns the bytes of prompt text.
    fn prompt_bytes(&self) -> u64;
}

/// A condition of several parts, all of which must hold. An empty one always holds.
#[derive(Debug, Default)]
pub struct Condition {
    dialect: Option<&'static str>,
    headers: Vec<(String, WildMatch)>,
    teams: Vec<String>,
    keys: Vec<WildMatch>,
    stream: Option<bool>,
    prompt_bytes: (u64, Option<u64>),
}

impl Condition {
    /// Adds: the request is in this dialect.
    #[must_use]
    pub fn dialect(mut self, dialect: &'static str) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Adds: this header matches this glob.
    #[must_use]
    pub fn header(mut self, name: &str, glob: &str) -> Self {
        self.headers.push((name.to_owned(), WildMatch::new(glob)));
        self
    }

    /// Adds: the team is one of these.
    #[must_use]
    pub fn teams<'a>(mut self, teams: impl IntoIterator<Item = &'a str>) -> Self {
        self.teams.extend(teams.into_iter().map(str::to_owned));
        self
    }

    /// Adds: the key's id matches one of these globs.
    #[must_use]
    pub fn keys<'a>(mut self, globs: impl IntoIterator<Item = &'a str>) -> Self {
        self.keys.extend(globs.into_iter().map(WildMatch::new));
        self
    }

    /// Adds: the client asks for a stream, or for none.
    #[must_use]
    pub fn stream(mut self, stream: Option<bool>) -> Self {
        self.stream = stream;
        self
    }

    /// Adds: prompt text of at least `min` and at most `max` bytes.
    #[must_use]
    pub fn prompt_bytes(mut self, min: Option<u64>, max: Option<u64>) -> Self {
        self.prompt_bytes = (min.unwrap_or(0), max);
        self
    }

    /// Returns whether the condition holds for this request.
    pub fn holds(&self, facts: &impl Facts) -> bool {
        self.failing(facts).is_none()
    }

    /// Returns the name of the first part that does not hold, as gateway.yaml has it; `api` for the dialect.
    pub fn failing(&self, facts: &impl Facts) -> Option<&'static str> {
        let (min, max) = self.prompt_bytes;
        let fits = facts.prompt_bytes() >= min && max.is_none_or(|max| facts.prompt_bytes() <= max);
        if self.dialect.is_some_and(|dialect| dialect != facts.dialect()) {
            Some("api")
        } else if self.stream.is_some_and(|stream| stream != facts.stream()) {
            Some("stream")
        } else if !fits {
            Some("prompt_bytes")
        } else if !self.teams.is_empty() && !facts.team().is_some_and(|team| self.teams.iter().any(|one| one == team)) {
            Some("team")
        } else if !self.keys.is_empty() && !self.keys.iter().any(|glob| glob.matches(facts.key_id())) {
            Some("key")
        } else if !self.headers.iter().all(|(name, glob)| facts.header(name).is_some_and(|value| glob.matches(value))) {
            Some("header")
        } else {
            None
        }
    }
}
