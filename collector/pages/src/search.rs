//! The search language of the Logs page, and its translation into the parameters of `GET /v1/requests`.
//!
//! `word`, `"two words"`, `name:value`, `name:a,b`, `-name:value`, `name:>250`. All terms must hold; of several values of a
//! term, any. The text is the whole state of a filter: a click on a value adds a term, and a chip is a term.

use std::fmt;

/// A name of the language, and the parameter of the API that it stands for.
#[derive(Debug)]
pub struct Field {
    /// The name in the search.
    pub name: &'static str,
    /// The parameter.
    pub parameter: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Status,
    /// A decimal number that can be compared, with the number of decimals that are stored.
    Number(usize),
}

const fn text(name: &'static str, parameter: &'static str) -> Field {
    Field { name, parameter, kind: Kind::Text }
}

const fn number(name: &'static str, parameter: &'static str, decimals: usize) -> Field {
    Field { name, parameter, kind: Kind::Number(decimals) }
}

/// All names.
pub const FIELDS: &[Field] = &[
    Field { name: "status", parameter: "status", kind: Kind::Status },
    text("model", "requested_model"),
    text("served", "served_model"),
    text("answered", "response_model"),
    text("provider", "provider"),
    text("tried", "attempt_provider"),
    text("attempt", "attempt_error"),
    text("provider_error", "provider_error"),
    text("source", "source"),
    text("key", "key_id"),
    text("owner", "owner"),
    text("team", "team"),
    text("project", "project"),
    text("app", "application"),
    text("cost_center", "cost_center"),
    text("tenant", "tenant"),
    text("use_case", "use_case"),
    text("risk", "risk_class"),
    text("env", "environment"),
    text("node", "node"),
    text("surface", "surface"),
    text("session", "session_id"),
    text("user", "end_user"),
    text("agent", "agent_id"),
    text("client", "user_agent"),
    text("id", "id"),
    text("trace", "trace_id"),
    text("provider_id", "provider_request_id"),
    text("policy", "policy_id"),
    text("stage", "stage"),
    text("rejected", "rejected_by"),
    text("code", "error_code"),
    text("ended", "ended_by"),
    text("finish", "finish_reason"),
    text("revision", "config_revision"),
    text("prices", "price_revision"),
    text("usage", "usage_source"),
    text("assumed", "assumed"),
    text("tier", "service_tier"),
    text("stream", "stream"),
    text("failover", "failover"),
    text("retention", "retention_class"),
    number("latency", "latency_ms", 3),
    number("ttft", "time_to_first_token_ms", 3),
    number("cost", "cost_usd", 9),
];

/// Words of a status that stand for an outcome.
const OUTCOMES: [&str; 4] = ["success", "refused", "error", "aborted"];

/// Returns whether a value of `status:` is an outcome, and no number or class.
pub(crate) fn is_outcome(value: &str) -> bool {
    OUTCOMES.contains(&value)
}

/// Maximum number of characters of a search.
pub const MAX_CHARS: usize = 1_000;
/// Maximum number of terms, and of values of a term.
const MAX_TERMS: usize = 30;
pub(crate) const MAX_VALUES: usize = 20;

/// One condition of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether it must not hold.
    pub not: bool,
    /// The name; `None` for words that may stand anywhere. A tag's is `tag.NAME`.
    pub name: Option<String>,
    /// The values, of which any is enough.
    pub values: Vec<String>,
}

/// A part of a search that has no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The term, as it was written.
    pub term: String,
    /// The reason and the remedy.
    pub message: String,
}

/// Parameters of the API: names and values.
pub type Parameters = Vec<(String, String)>;

/// Parses a search.
///
/// # Errors
/// The first term without meaning.
pub fn parse(search: &str) -> Result<Vec<Term>, Problem> {
    if search.chars().count() > MAX_CHARS {
        return Err(problem("…", format!("A search has at most {MAX_CHARS} characters.")));
    }
    let mut terms = Vec::new();
    let mut rest = search.trim_start();
    while !rest.is_empty() {
        let (token, after) = token(rest);
        terms.push(term(token)?);
        rest = after.trim_start();
    }
    if terms.len() > MAX_TERMS {
        return Err(problem("…", format!("A search has at most {MAX_TERMS} terms.")));
    }
    match repeated(&terms) {
        Some(term) => Err(problem(&term.to_string(), repeats(term))),
        None => Ok(terms),
    }
}

/// Returns the first term that repeats the name of an earlier one: the parameters of the API would join their values. Two
/// bounds of one number differ.
fn repeated(terms: &[Term]) -> Option<&Term> {
    let names = |term: &Term| -> Vec<String> {
        term.parameters().into_iter().flatten().take(1).map(|(name, _)| name).collect()
    };
    let mut known = Vec::new();
    terms.iter().find(|term| {
        let names = names(term);
        let is_known = names.iter().any(|name| known.contains(name));
        known.extend(names);
        is_known
    })
}

fn repeats(term: &Term) -> String {
    match &term.name {
        Some(name) => format!("`{name}:` stands here twice. Join values of which any is enough: `{name}:a,b`."),
        None => {
            "Only one word can be searched. Use names for the others, or quote words that stand together.".to_owned()
        }
    }
}

/// Splits off the first token: everything up to a space outside quotation marks.
fn token(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character.is_whitespace() && !quoted => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

fn term(token: &str) -> Result<Term, Problem> {
    let (not, positive) = match token.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, token),
    };
    let named = positive.split_once(':').filter(|(name, _)| is_name(name));
    let Some((name, values)) = named else {
        return Ok(Term { not, name: None, values: vec![unquoted(positive)] });
    };
    let values: Vec<String> = split(values).into_iter().map(unquoted).filter(|value| !value.is_empty()).collect();
    let name = name.to_lowercase();
    let name = FIELDS.iter().find(|field| field.parameter == name).map_or(name, |field| field.name.to_owned());
    if values.len() > MAX_VALUES {
        return Err(problem(&name, format!("`{name}:` takes at most {MAX_VALUES} values.")));
    }
    if values.is_empty() {
        return Err(problem(token, format!("`{name}:` needs a value, as in `{name}:VALUE`.")));
    }
    let term = Term { not, name: Some(name), values };
    term.parameters().map(|_| term)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '-'))
}

/// Splits values at commas outside quotation marks.
fn split(values: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = |character: char| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return character == ',' && !quoted,
        }
        false
    };
    values.split(separates).collect()
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        out.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    out
}

fn problem(term: &str, message: String) -> Problem {
    Problem { term: term.to_owned(), message }
}

impl Term {
    /// Returns a term for one value of a name.
    #[must_use]
    pub fn of(name: &str, value: &str) -> Self {
        Self { not: false, name: Some(name.to_owned()), values: vec![value.to_owned()] }
    }

    /// Returns the parameters of the API. Terms without a name are words, or an id of any kind if they are shaped like one.
    ///
    /// # Errors
    /// The name is not known, or cannot have this value.
    pub fn parameters(&self) -> Result<Parameters, Problem> {
        let Some(name) = &self.name else {
            let word = self.values.concat();
            let parameter = if is_id(&word) { "any_id" } else { "q" };
            return Ok(vec![(self.negated(parameter), word)]);
        };
        if let Some(tag) = name.strip_prefix("tag.") {
            return Ok(self.each(&format!("tag[{tag}]")));
        }
        let field = FIELDS.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| problem(&self.to_string(), unknown(name)))?;
        match field.kind {
            Kind::Text => Ok(self.each(field.parameter)),
            Kind::Status => self.status(),
            Kind::Number(decimals) => self.compared(field, decimals),
        }
    }

    fn negated(&self, parameter: &str) -> String {
        if self.not { format!("{parameter}[not]") } else { parameter.to_owned() }
    }

    fn each(&self, parameter: &str) -> Parameters {
        self.values.iter().map(|value| (self.negated(parameter), value.clone())).collect()
    }

    fn status(&self) -> Result<Parameters, Problem> {
        let parameter = |value: &str| match value {
            outcome if is_outcome(outcome) => Some("outcome"),
            class if class.len() == 3 && class.ends_with("xx") => Some("status_class"),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => Some("status"),
            _ => None,
        };
        let mut kinds = self.values.iter().map(|value| parameter(value));
        let first = kinds.next().flatten();
        match first {
            Some(first) if kinds.all(|kind| kind == Some(first)) => Ok(self.each(first)),
            _ => Err(problem(
                &self.to_string(),
                format!(
                    "`status:` takes numbers (`429`), classes (`5xx`) or one of {}, and one kind at a time.",
                    OUTCOMES.join(", ")
                ),
            )),
        }
    }

    fn compared(&self, field: &Field, decimals: usize) -> Result<Parameters, Problem> {
        let wrong = || {
            let message = format!("`{0}:` is compared with a number, as in `{0}:>250` or `{0}:<=1.5`.", field.name);
            problem(&self.to_string(), message)
        };
        let ([value], false) = (self.values.as_slice(), self.not) else { return Err(wrong()) };
        let (bound, number) = match (value.strip_prefix('>'), value.strip_prefix('<')) {
            (Some(number), _) => ("gte", number),
            (_, Some(number)) => ("lte", number),
            _ => return Err(wrong()),
        };
        // The API has bounds that are included; the next stored number stands for one that is not.
        let step = match (number.strip_prefix('='), bound) {
            (Some(_), _) => 0,
            (None, "gte") => 1,
            (None, _) => -1,
        };
        let units = units(number.strip_prefix('=').unwrap_or(number), decimals).ok_or_else(wrong)?;
        let units = units.checked_add_signed(step).ok_or_else(wrong)?;
        Ok(vec![(format!("{}[{bound}]", field.parameter), decimal(units, decimals))])
    }
}

/// Parses a decimal number in units of its last stored decimal.
fn units(text: &str, decimals: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > decimals || !is_number(whole) || !is_number(part) {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

/// Writes a number of units as a decimal number without zeros at its end.
fn decimal(units: u64, decimals: usize) -> String {
    let digits = format!("{units:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    match part.trim_end_matches('0') {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

fn unknown(name: &str) -> String {
    let names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
    format!(
        "`{name}:` is no name that can be searched. Known are {}, tag.NAME. Quote a text with a colon.",
        names.join(", ")
    )
}

/// Returns whether a word is shaped like an id: a UUID or a trace id.
fn is_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_hexdigit).count();
    digits == 32 && (word.len() == 32 || (word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4))
}

impl fmt::Display for Term {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not {
            out.write_str("-")?;
        }
        if let Some(name) = &self.name {
            write!(out, "{name}:")?;
        }
        let in_name = self.name.is_some();
        for (place, value) in self.values.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(out, "{comma}{}", quoted(value, in_name))?;
        }
        Ok(())
    }
}

/// Returns a value as it is written, with quotation marks where it needs them.
pub(crate) fn quoted(value: &str, in_name: bool) -> String {
    let special = |one: char| {
        one.is_whitespace() || matches!(one, '"' | '\\') || (one == ',' && in_name) || (one == ':' && !in_name)
    };
    if value.is_empty() || value.contains(special) || (!in_name && value.starts_with('-')) {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        value.to_owned()
    }
}

/// Returns a search as text.
#[must_use]
pub fn write(terms: &[Term]) -> String {
    terms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{FIELDS, Term, parse, write};
    use proptest::prelude::*;

    fn parameters(search: &str) -> Vec<(String, String)> {
        parse(search).unwrap().iter().flat_map(|term| term.parameters().unwrap()).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn terms_become_parameters() {
        let cases = [
            ("chat", vec![pair("q", "chat")]),
            ("\"two words\" -gpt", vec![pair("q", "two words"), pair("q[not]", "gpt")]),
            (
                "model:chat,fast -team:search",
                vec![pair("requested_model", "chat"), pair("requested_model", "fast"), pair("team[not]", "search")],
            ),
            ("status:error", vec![pair("outcome", "error")]),
            ("status:5xx", vec![pair("status_class", "5xx")]),
            ("-status:200,429", vec![pair("status[not]", "200"), pair("status[not]", "429")]),
            ("latency:>250 cost:<=0.5", vec![pair("latency_ms[gte]", "250.001"), pair("cost_usd[lte]", "0.5")]),
            ("cost:>0 cost:<=1", vec![pair("cost_usd[gte]", "0.000000001"), pair("cost_usd[lte]", "1")]),
            ("ttft:<1.5", vec![pair("time_to_first_token_ms[lte]", "1.499")]),
            ("requested_model:chat", vec![pair("requested_model", "chat")]),
            ("tag.cost:high", vec![pair("tag[cost]", "high")]),
            ("owner:\"Ann, Lee\"", vec![pair("owner", "Ann, Lee")]),
            ("01890a5d-ac96-774b-bcce-b302099a8057", vec![pair("any_id", "01890a5d-ac96-774b-bcce-b302099a8057")]),
            ("\"http://a\"", vec![pair("q", "http://a")]),
        ];
        for (search, expected) in cases {
            assert_eq!(parameters(search), expected, "{search}");
        }
    }

    #[test]
    fn terms_without_meaning_are_named() {
        for search in ["chat gpt", "team:a team:b", "latency:>1.2.3", "latency:<0", "cost:>0.0000000001"] {
            assert!(parse(search).is_err(), "{search}");
        }
        for search in [
            "modle:chat",
            "status:fine",
            "status:200,5xx",
            "latency:250",
            "-cost:>1",
            "team:",
            "latency:>",
            "ttft:>1,>2",
        ] {
            let problem = parse(&format!("chat {search}")).unwrap_err();
            assert_eq!(problem.term, search);
            assert!(!problem.message.is_empty());
        }
    }

    #[test]
    fn each_name_is_known_once() {
        let mut names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIELDS.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn any_text_is_parsed_or_refused(search in "\\PC{0,60}") {
            if let Ok(terms) = parse(&search) {
                prop_assert_eq!(parse(&write(&terms)).unwrap(), terms);
            }
        }

        #[test]
        fn any_value_survives(value in "\\PC{1,20}", not: bool) {
            let term = Term { not, ..Term::of("team", &value) };
            prop_assert_eq!(parse(&term.to_string()).unwrap(), vec![term]);
        }
    }
}
