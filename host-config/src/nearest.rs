//! "Did you mean".

/// The name that was probably meant; none if nothing is close.
#[must_use]
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; a long text is no typing error.
    if written.len() > 128 {
        return None;
    }
    let length = written.chars().count();
    let close = |name: &'a str| {
        let chars = name.chars().count();
        let most = 1 + chars / 4;
        // Cheaper than the distance, which is never less.
        let possible = chars.abs_diff(length) <= most;
        let distance = possible.then(|| strsim::damerau_levenshtein(written, name))?;
        (distance <= most).then_some((distance, name))
    };
    known.into_iter().filter_map(close).min().map(|(_, name)| name)
}
