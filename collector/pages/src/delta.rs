//! Comparisons with the period before, in words and with a sign.

use maud::{Markup, html};
use std::cmp::Ordering;

/// Returns the change in percent with its sign: `+12.3 %`, `−4.0 %`, `±0 %`, `new`.
pub(crate) fn relative(now: u64, before: u64) -> String {
    match (now.cmp(&before), before) {
        (Ordering::Equal, _) => "±0 %".to_owned(),
        (_, 0) => "new".to_owned(),
        (Ordering::Greater, _) => format!("+{}", share(now - before, before)),
        (Ordering::Less, _) => format!("−{}", share(before - now, before)),
    }
}

/// Returns a part of a whole in percent; the part may be the greater one.
fn share(part: u64, whole: u64) -> String {
    let permille = u128::from(part) * 1_000 / u128::from(whole.max(1));
    match permille {
        0 => "< 0.1 %".to_owned(),
        _ if permille >= 100_000 => {
            format!("{} %", crate::text::count(u64::try_from(permille / 10).unwrap_or(u64::MAX)))
        }
        _ => format!("{}.{} %", permille / 10, permille % 10),
    }
}

/// The words for more and for less, and whether more is bad.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    pub(crate) more: &'static str,
    pub(crate) less: &'static str,
    pub(crate) more_is_bad: bool,
}

/// Returns the change against the day before as a sentence: sign, percent, word and the number before.
pub(crate) fn sentence(now: u64, before: u64, words: Words, shown_before: &str) -> Markup {
    let (sign, word, is_bad) = match now.cmp(&before) {
        Ordering::Greater => ("▲", words.more, words.more_is_bad),
        Ordering::Less => ("▼", words.less, false),
        Ordering::Equal => return html! { "same as the day before (" (shown_before) ")" },
    };
    html! {
        span.worse[is_bad] { span aria-hidden="true" { (sign) " " }
            @if before == 0 { (word) } @else { (share(now.abs_diff(before), before)) " " (word) }
        }
        " than the day before (" (shown_before) ")"
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, relative, sentence};

    #[test]
    fn changes_have_a_sign_and_a_word() {
        let cases =
            [(5, 5, "±0 %"), (5, 0, "new"), (0, 5, "−100.0 %"), (15, 10, "+50.0 %"), (10_001, 10_000, "+< 0.1 %")];
        for (now, before, expected) in cases {
            assert_eq!(relative(now, before), expected);
        }
        assert_eq!(relative(u64::MAX, 1), "+18,446,744,073,709,551,615 %");
        let words = Words { more: "more", less: "fewer", more_is_bad: true };
        let text = sentence(15, 10, words, "10").into_string();
        assert!(text.contains("▲") && text.contains("50.0 % more") && text.contains("(10)"), "{text}");
        assert!(sentence(3, 3, words, "3").into_string().contains("same as the day before"));
        assert!(sentence(3, 0, words, "0").into_string().contains("more</span> than the day before (0)"));
    }
}
