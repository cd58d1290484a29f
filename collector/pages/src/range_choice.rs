//! The choice of one of a few ranges up to now, as the only parameter of a page.

use crate::logs::RANGES;
use crate::parts;
use maud::{Markup, html};

fn word(place: usize) -> Option<&'static str> {
    RANGES.get(place).map(|(word, ..)| *word)
}

/// Reads the place of the range in [`RANGES`] from the parameters of a URL; the first choice without one.
///
/// # Errors
/// A sentence that names the wrong parameter.
pub(crate) fn read(query: &str, choices: &[usize]) -> Result<usize, String> {
    let mut chosen = choices.first().copied().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "range" {
            return Err("The address has a parameter that this page does not know: it takes `range`.".to_owned());
        }
        let place = choices.iter().copied().find(|place| word(*place) == Some(&*value));
        chosen = place.ok_or_else(|| {
            let words: Vec<_> = choices.iter().filter_map(|place| word(*place)).collect();
            format!("`range` must be {}.", words.join(" or "))
        })?;
    }
    Ok(chosen)
}

/// Returns the choice of ranges of the page at a path.
pub(crate) fn render(path: &str, choices: &[usize], chosen: usize) -> Markup {
    html! {
        nav.choice aria-label="Range" {
            @for place in choices { @if let Some((word, label, _)) = RANGES.get(*place) {
                (parts::choice(&format!("{path}?range={word}"), label, *place == chosen))
            } }
        }
    }
}
