//! Text from outside that a record may contain: single words and model names, distinguished from payload by their form.
//!
//! A client or a provider can write anything into `error.code`, `service_tier` or `model`. Lists of known words would be
//! outdated with each release of an API, so the form decides: text with blanks, long text, and mixtures of letters and
//! digits like an identifier are not kept.

/// Longest word that is kept.
const MAX_WORD: usize = 64;
/// Longest run of letters in a word.
const MAX_LETTERS: usize = 24;
/// Longest model name that is kept.
const MAX_MODEL_NAME: usize = 128;
/// Longest run of letters and digits in a provider's model name. Ids, hashes and keys have longer ones.
const MAX_MIXED: usize = 16;

/// Returns whether a text has the form of a model's name: 1 to 128 letters, digits and `._:/@+-`. Messages and records do
/// not repeat other text, which could be payload.
#[must_use]
pub fn is_model_name(text: &str) -> bool {
    (1..=MAX_MODEL_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte))
}

/// Returns the model's name in a provider's answer. Stricter than [`is_model_name`], because no policy knows it: a run of
/// letters and digits has at most 16 bytes, one of letters at most 24.
pub(crate) fn response_model(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok().filter(|text| is_model_name(text))?;
    let runs = text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
    let short =
        |run: &[u8]| run.len() <= MAX_MIXED || (run.len() <= MAX_LETTERS && run.iter().all(u8::is_ascii_alphabetic));
    runs.into_iter().all(short).then_some(text)
}

/// Returns a code, a type or a tier: letters, in runs of at most 24, joined by `_`, `-` or `.`; at most 64 bytes. Digits
/// are excluded, so that no identifier passes.
pub(crate) fn plain_word(text: &[u8]) -> Option<&str> {
    let letters = |run: &[u8]| (1..=MAX_LETTERS).contains(&run.len()) && run.iter().all(u8::is_ascii_alphabetic);
    let plain = text.len() <= MAX_WORD && text.split(|byte| b"_-.".contains(byte)).all(letters);
    std::str::from_utf8(text).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_providers_are_plain_words() {
        for code in ["invalid_request_error", "InvalidParameter.DataCheck", "INVALID_ARGUMENT", "flex", "on-demand"] {
            assert_eq!(plain_word(code.as_bytes()), Some(code));
        }
    }

    #[test]
    fn payload_is_no_plain_word() {
        let long = ["a"; 40].join("_");
        let run = "a".repeat(25);
        for odd in ["", "_", "a__b", "two words", "id4711", "4711", "sk-a1", "é", "a\0b", "\u{202e}", &long, &run] {
            assert_eq!(plain_word(odd.as_bytes()), None, "{odd:?}");
        }
        assert_eq!(plain_word(&[0xff]), None);
    }

    #[test]
    fn names_of_models_are_kept() {
        for name in [
            "gpt-4o-mini-2024-07-18",
            "claude-sonnet-4-5-20250929",
            "accounts/fireworks/models/deepseek-v3p1",
            "mistralai/Mixtral-8x7B-Instruct-v0.1",
            "ft:gpt-4o-mini-2024-07-18:my-org:suffix:AbCdEf12",
            "qwen3:235b-a22b-q4_K_M",
            "models/gemini-2.5-flash",
        ] {
            assert_eq!(response_model(name.as_bytes()), Some(name));
        }
    }

    #[test]
    fn payload_is_no_name_of_a_model() {
        for odd in ["", "a b", "canary0123456789abcdef01", "m-0123456789abcdef0", &"a-".repeat(65), &"x".repeat(25)] {
            assert_eq!(response_model(odd.as_bytes()), None, "{odd:?}");
        }
    }
}
