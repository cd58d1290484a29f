//! Whole numbers in every spelling of JSON: `11`, `11.0`, `1.1e1`, and in quotes.

/// Reads a number that is whole and not negative, in any spelling. A number beyond `u64` saturates. Returns `None` for a
/// fraction, a negative number and other text.
pub(crate) fn whole_number(written: &[u8]) -> Option<u64> {
    if written.len() <= 19 && !written.is_empty() && written.iter().all(u8::is_ascii_digit) {
        return Some(digits(written));
    }
    let (mantissa, exponent) = match written.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (written.get(..at)?, exponent(written.get(at + 1..)?)?),
        None => (written, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix(b"-") {
        Some(mantissa) => (true, mantissa),
        None => (false, mantissa),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = mantissa.split_at(point.unwrap_or(mantissa.len()));
    let fraction = fraction.get(1..).unwrap_or_default();
    if whole.is_empty() || (point.is_some() && fraction.is_empty()) {
        return None;
    }
    let number = scaled(whole, fraction, exponent)?;
    (!negative || number == 0).then_some(number)
}

/// Reads digits that fit into `u64`.
fn digits(written: &[u8]) -> u64 {
    written.iter().fold(0, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0')))
}

/// Reads the exponent. It is bounded: a larger one makes every number 0, infinite or a fraction, as the bound does.
fn exponent(written: &[u8]) -> Option<i64> {
    let (sign, digits) = match written.split_first()? {
        (b'-', rest) => (-1, rest),
        (b'+', rest) => (1, rest),
        _ => (1, written),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0_i64, |size, digit| (size * 10 + i64::from(digit - b'0')).min(MAX_EXPONENT));
    Some(sign * size)
}

const MAX_EXPONENT: i64 = 1 << 32;

/// Returns `whole.fraction` times ten to the `exponent`, if it is whole.
fn scaled(whole: &[u8], fraction: &[u8], exponent: i64) -> Option<u64> {
    let all = || whole.iter().chain(fraction);
    if !all().all(u8::is_ascii_digit) {
        return None;
    }
    // Number of digits before the point after it has moved.
    let kept = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
    let mut number = 0_u64;
    for (place, digit) in (0_i64..).zip(all()) {
        if place >= kept {
            if *digit != b'0' {
                return None;
            }
        } else {
            number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        }
    }
    let written = i64::try_from(whole.len().saturating_add(fraction.len())).ok()?;
    let zeros = u32::try_from(kept.saturating_sub(written).clamp(0, 20)).ok()?;
    Some(number.saturating_mul(10_u64.saturating_pow(zeros)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_numbers_count_in_any_spelling() {
        for (written, number) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0e5", 0),
            ("11", 11),
            ("11.0", 11),
            ("1.1e1", 11),
            ("1.10E+1", 11),
            ("110e-1", 11),
            ("6e3", 6_000),
            ("6000.000", 6_000),
            ("0.006e6", 6_000),
            ("0e99999999999999999999", 0),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("1e300", u64::MAX),
            ("1e99999999999999999999", u64::MAX),
        ] {
            assert_eq!(whole_number(written.as_bytes()), Some(number), "{written}");
        }
    }

    #[test]
    fn other_values_are_no_whole_numbers() {
        for written in ["", "-1", "1.5", "15e-1", "1e-1", ".5", "5.", "e5", "1e", "1e+", "null", "true", "0x10", "1 "] {
            assert_eq!(whole_number(written.as_bytes()), None, "{written}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(written in r"-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?") {
            let reference: f64 = serde_json::from_str(&written).unwrap();
            let number = whole_number(written.as_bytes());
            if (1.0..9e15).contains(&reference) && reference.fract() == 0.0 {
                prop_assert_eq!(number, Some(reference as u64));
            } else if reference < 0.0 {
                prop_assert_eq!(number, None);
            }
        }
    }
}
