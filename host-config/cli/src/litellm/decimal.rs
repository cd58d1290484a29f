//! Reads a JSON price digit by digit: `2.5e-06` dollars per token is 2.5 dollars per million.

use std::fmt;

/// Nano-USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PerToken(pub(super) u64);

/// A million dollars per million tokens. A higher price would be a mistake, and gateway.yaml does not accept it.
const MAX_NANO_USD: u128 = 1_000_000_000_000_000;

/// Power of ten from dollars per token to nano-dollars per million tokens.
const SHIFT: i32 = 15;

impl PerToken {
    /// Reads a JSON number that is not negative or too large, and nothing else. Fractions of a nano-dollar are rounded up.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (digits, exponent) = number(text)?;
        let nano = scale(digits, exponent.checked_add(SHIFT)?)?;
        u64::try_from(nano).ok().filter(|_| nano <= MAX_NANO_USD).map(Self)
    }

    pub(super) fn times(self, factor: Factor) -> Option<Self> {
        let nano = u128::from(self.0).checked_mul(u128::from(factor.0))?.div_ceil(1_000_000);
        u64::try_from(nano).ok().filter(|_| nano <= MAX_NANO_USD).map(Self)
    }
}

/// Formats dollars per million tokens as gateway.yaml writes them.
impl fmt::Display for PerToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nano) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        match format!("{nano:09}").trim_end_matches('0') {
            "" => write!(out, "{whole}"),
            digits => write!(out, "{whole}.{digits}"),
        }
    }
}

/// A factor on a price, in millionths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factor(u64);

impl Factor {
    /// Reads a JSON number from 1 to 1000.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (digits, exponent) = number(text)?;
        let millionths = u64::try_from(scale(digits, exponent.checked_add(6)?)?).ok()?;
        (1_000_000..=1_000_000_000).contains(&millionths).then_some(Self(millionths))
    }
}

/// Splits a number that is not negative into digits and a power of ten.
fn number(text: &str) -> Option<(u128, i32)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let fits = !whole.is_empty() && digits.len() <= 30 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let places = i32::try_from(fraction.len()).ok()?;
    Some((digits.parse().ok().filter(|_| fits)?, exponent.checked_sub(places)?))
}

/// Multiplies by a power of ten and rounds up.
fn scale(digits: u128, exponent: i32) -> Option<u128> {
    let power = 10_u128.checked_pow(exponent.unsigned_abs());
    match (digits, power) {
        (0, _) => Some(0),
        (_, Some(power)) if exponent >= 0 => digits.checked_mul(power),
        (_, Some(power)) => Some(digits.div_ceil(power)),
        // Even the smallest number is not free.
        (_, None) => (exponent < 0).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::{Factor, PerToken};

    #[test]
    fn prices_are_read_without_floats() {
        let cases = [
            ("2.5e-06", "2.5"),
            ("1.25E-7", "0.125"),
            ("0.0000006", "0.6"),
            ("1e-5", "10"),
            ("0", "0"),
            ("0.0", "0"),
            ("3.0000000000000003e-06", "3.000000001"),
            ("1e-30", "0.000000001"),
            ("1e-999999", "0.000000001"),
            ("1", "1000000"),
        ];
        for (text, usd) in cases {
            assert_eq!(PerToken::read(text).map(|price| price.to_string()).as_deref(), Some(usd), "{text}");
        }
    }

    #[test]
    fn invalid_prices_are_refused() {
        let digits = "1".repeat(40);
        for text in ["-1e-6", "2", "1e99", "1e999999999999", "\"1e-6\"", "null", "[]", "", ".", "e", "NaN", &digits] {
            assert!(PerToken::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_factor_raises_a_price() {
        let price = PerToken::read("5e-06").unwrap();
        assert_eq!(price.times(Factor::read("2.5").unwrap()).unwrap().to_string(), "12.5");
        for text in ["0", "0.5", "1001", "-2", "x"] {
            assert!(Factor::read(text).is_none(), "{text}");
        }
    }
}
