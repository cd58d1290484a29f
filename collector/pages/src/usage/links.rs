//! Links from numbers of usage to the records that they count.

use super::division::Dimension;
use super::state::Period;
use crate::logs::{LogsState, Range};
use crate::search::{MAX_VALUES, Term, write};

/// Statuses that count as errors of usage.
const ERRORS: [&str; 6] = ["4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];

/// A part of the records of a page.
#[derive(Debug, Clone)]
pub(super) enum Part<'a> {
    /// All records.
    All,
    /// Records with this value.
    Value(&'a str),
    /// Records with none of these values, or with no value.
    Without(Vec<&'a str>),
}

/// Returns the address of the records of a part within a period; `None` if no search can name them.
pub(super) fn records(terms: &[Term], dimension: &Dimension, part: &Part<'_>, period: Period) -> Option<String> {
    logs(&narrowed(terms, dimension.field, part)?, period)
}

/// Returns the address of the records of a part with a status of 400 and above.
pub(super) fn errors(terms: &[Term], dimension: &Dimension, part: &Part<'_>, period: Period) -> Option<String> {
    let mut terms = narrowed(terms, dimension.field, part)?;
    let is_class =
        |term: &&mut Term| is_positive(term, "status") && term.values.iter().any(|value| value.ends_with("xx"));
    match terms.iter_mut().find(is_class) {
        Some(term) => {
            term.values.retain(|value| ERRORS.contains(&value.as_str()));
            if term.values.is_empty() {
                return None;
            }
        }
        None => terms.push(Term { values: ERRORS.map(str::to_owned).to_vec(), ..Term::of("status", "") }),
    }
    logs(&terms, period)
}

fn logs(terms: &[Term], period: Period) -> Option<String> {
    let range = Range::Between(Some(period.from), Some(period.to));
    let state = LogsState { q: write(terms), range, ..LogsState::default() };
    // A search has a most number of characters.
    crate::search::parse(&state.q).is_ok().then(|| state.url())
}

fn is_positive(term: &Term, field: &str) -> bool {
    !term.not && term.name.as_deref() == Some(field)
}

/// Returns the terms of a part of the records.
fn narrowed(terms: &[Term], field: &str, part: &Part<'_>) -> Option<Vec<Term>> {
    let mut terms = terms.to_vec();
    match part {
        Part::All => {}
        // No term can name an empty value.
        Part::Value("") => return None,
        Part::Value(value) => {
            terms.retain(|term| !is_positive(term, field));
            terms.push(Term::of(field, value));
        }
        Part::Without(values) => {
            let known = terms.iter().position(|term| term.not && term.name.as_deref() == Some(field));
            let mut term = known
                .map_or_else(|| Term { not: true, values: Vec::new(), ..Term::of(field, "") }, |at| terms.remove(at));
            let more = values.iter().filter(|value| !term.values.iter().any(|known| known == *value));
            let more: Vec<_> = more.map(|value| (*value).to_owned()).collect();
            term.values.extend(more);
            if term.values.len() > MAX_VALUES || term.values.iter().any(String::is_empty) {
                return None;
            }
            if !term.values.is_empty() {
                terms.push(term);
            }
        }
    }
    Some(terms)
}

#[cfg(test)]
mod tests {
    use super::{Part, errors, records};
    use crate::search::parse;
    use crate::text::Unit;
    use crate::usage::{DIMENSIONS, Period};

    const PERIOD: Period = Period { from: 0, to: 900_000_000, bucket: Unit::Day };

    fn search(url: Option<String>) -> String {
        let url = url.unwrap_or_default();
        let query = url.strip_prefix("/logs?").unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "q")
            .map_or(String::new(), |(_, q)| q.into_owned())
    }

    #[test]
    fn a_part_narrows_the_search() {
        let (team, status) = (&DIMENSIONS[0], &DIMENSIONS[10]);
        let of = |q: &str, part| search(records(&parse(q).unwrap(), team, &part, PERIOD));
        assert_eq!(of("model:chat team:a,b", Part::Value("a")), "model:chat team:a");
        assert_eq!(of("-team:c", Part::Value("a")), "-team:c team:a");
        assert_eq!(of("-team:c", Part::Without(vec!["a", "b"])), "-team:c,a,b");
        assert_eq!(of("", Part::Value("a \"b\"")), "team:\"a \\\"b\\\"\"");
        assert_eq!(records(&[], team, &Part::Value(""), PERIOD), None);
        let many: Vec<_> = (0..21).map(|number| format!("v{number}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(records(&[], team, &Part::Without(many), PERIOD), None);
        assert_eq!(search(errors(&[], team, &Part::Value("a"), PERIOD)), "team:a status:4xx,5xx,6xx,7xx,8xx,9xx");
        let class = parse("status:2xx,4xx").unwrap();
        assert_eq!(search(errors(&class, team, &Part::All, PERIOD)), "status:4xx");
        assert_eq!(errors(&parse("status:2xx").unwrap(), team, &Part::All, PERIOD), None);
        assert_eq!(
            search(errors(&[], status, &Part::Value("429"), PERIOD)),
            "status:429 status:4xx,5xx,6xx,7xx,8xx,9xx"
        );
    }
}
