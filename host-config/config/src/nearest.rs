//! Suggestions for misspelt words.

/// Returns the nearest known name, or none if nothing is close.
#[must_use]
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; a long text is not a typing error.
    if written.len() > 128 {
        return None;
    }
    let written = written.to_ascii_lowercase();
    let length = written.chars().count();
    let close = |name: &'a str| {
        let chars = name.chars().count();
        let most = 1 + chars / 4;
        // The difference of lengths is cheap and never more than the distance.
        let possible = chars.abs_diff(length) <= most;
        let distance = possible.then(|| strsim::damerau_levenshtein(&written, &name.to_ascii_lowercase()))?;
        (distance <= most).then_some((distance, name))
    };
    known.into_iter().filter_map(close).min().map(|(_, name)| name)
}
