//! Which requests a target is for.

use wildmatch::WildMatch;

/// What a condition can ask about a request.
pub trait Facts {
    /// Dialect it is written in.
    fn dialect(&self) -> &str;
    /// First value of the header with this lower-case name.
    fn header(&self, name: &str) -> Option<&str>;
    /// Team of the key.
    fn team(&self) -> Option<&str>;
    /// Id of the key.
    fn key_id(&self) -> &str;
    /// Whether a stream is asked for.
    fn stream(&self) -> bool;
    /// Bytes of prompt text.
    fn prompt_bytes(&self) -> u64;
}

/// All that is given must hold; nothing given holds always.
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
    /// Adds: it is written in this dialect.
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

    /// Adds: a stream is asked for, or none.
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

    /// Whether it holds for this request.
    pub fn holds(&self, facts: &impl Facts) -> bool {
        let (min, max) = self.prompt_bytes;
        self.dialect.is_none_or(|dialect| dialect == facts.dialect())
            && self.stream.is_none_or(|stream| stream == facts.stream())
            && facts.prompt_bytes() >= min
            && max.is_none_or(|max| facts.prompt_bytes() <= max)
            && (self.teams.is_empty() || facts.team().is_some_and(|team| self.teams.iter().any(|one| one == team)))
            && (self.keys.is_empty() || self.keys.iter().any(|glob| glob.matches(facts.key_id())))
            && self.headers.iter().all(|(name, glob)| facts.header(name).is_some_and(|value| glob.matches(value)))
    }
}
