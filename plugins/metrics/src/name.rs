//! The name of a series at the host: `FAMILY;LABEL=VALUE;LABEL=VALUE`.
//!
//! No name of a policy has a `;` or a `=`, so each value stands in the name as it is. Envoy's expressions cannot decode, and
//! a value that had to be escaped would be shown escaped. Two things become `_`: a byte that no name of a rendered policy has,
//! and each dot at the end of a name, which Envoy would cut off.

/// Longest value of a label, bytes: the longest name of a policy.
const MAX_VALUE: usize = 128;

/// Writes a label behind a name. Without a value there is no label.
pub(crate) fn push_label(name: &mut String, label: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    name.push(';');
    name.push_str(label);
    name.push('=');
    let value = value.as_bytes().get(..MAX_VALUE).unwrap_or(value.as_bytes());
    let kept = value.iter().rposition(|byte| *byte != b'.').map_or(0, |last| last.saturating_add(1));
    name.extend(value.iter().take(kept).copied().map(shown));
    name.extend(value.iter().skip(kept).map(|_| '_'));
}

fn shown(byte: u8) -> char {
    if byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte) { char::from(byte) } else { '_' }
}

/// Returns the expression by which Envoy takes a label out of a name. Its first group is taken off the name, its second is the
/// value.
#[must_use]
pub fn label_pattern(label: &str) -> String {
    format!("{SERIES}.*?(;{label}=([^;]*))")
}

/// Matches the beginning of a name of ours, as Envoy has it.
const SERIES: &str = r"^wasmcustom\.(?:headgate|gen_ai)_";

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(value: &str) -> String {
        let mut name = "n".to_owned();
        push_label(&mut name, "l", value);
        name
    }

    #[test]
    fn names_of_a_policy_stay_as_they_are() {
        for value in ["gpt-4.1", "a__b", "org/model:free@2+x", "a..b"] {
            assert_eq!(labelled(value), format!("n;l={value}"));
        }
        assert_eq!(labelled(""), "n");
        assert_eq!((labelled("a.b.."), labelled("..")), ("n;l=a.b__".to_owned(), "n;l=__".to_owned()));
    }

    #[test]
    fn other_bytes_cannot_end_a_value() {
        assert_eq!(labelled("a;b=c\"d\n"), "n;l=a_b_c_d_");
        assert_eq!(labelled("é"), "n;l=__");
        assert_eq!(labelled(&"x".repeat(500)).len(), "n;l=".len() + MAX_VALUE);
    }
}
