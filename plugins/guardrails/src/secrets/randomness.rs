//! Whether a value looks as if a machine had made it up.
//!
//! Variety alone takes long identifiers for keys. What tells them apart is how often letters and digits and cases
//! alternate: `getUserByIdAndTenant` does so at its humps, a key does everywhere.

/// How many different bytes a value is as good as: the length squared over the sum of the squares of their counts. It says
/// what entropy says, in whole numbers.
pub(crate) fn variety(value: &[u8]) -> usize {
    let mut counts = [0_u8; 256];
    for &byte in value.iter().take(255) {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = value.len().min(255);
    let squares: usize = counts.iter().map(|count| usize::from(*count) * usize::from(*count)).sum();
    length * length / squares.max(1)
}

/// How many times neighbours are of different sorts: upper case, lower case, digit. A capital before small letters, as
/// at the beginning of a word, does not count.
pub(crate) fn changes(value: &[u8]) -> usize {
    let sort = |byte: u8| match byte {
        b'0'..=b'9' => Some(0),
        b'a'..=b'z' => Some(1),
        b'A'..=b'Z' => Some(2),
        _ => None,
    };
    let change = |pair: &&[u8]| match **pair {
        [a, b] => matches!((sort(a), sort(b)), (Some(a), Some(b)) if a != b && (a, b) != (2, 1)),
        _ => false,
    };
    value.windows(2).filter(change).count()
}

/// Whether a value of at least `least` bytes looks random.
pub(crate) fn looks_random(value: &[u8], least: usize) -> bool {
    let (letters, digits) = (count(value, u8::is_ascii_alphabetic), count(value, u8::is_ascii_digit));
    if value.len() < least || letters == 0 {
        return false;
    }
    if value.iter().all(u8::is_ascii_hexdigit) {
        return digits >= 2 && letters >= 2 && variety(value) >= 5 && changes(value) * 5 >= value.len();
    }
    let wanted = if value.len() >= 24 { 10 } else { 7 };
    let plain = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte));
    let mixed = digits > 0 || plain && value.len() >= 24 && changes(value) * 3 >= value.len();
    variety(value) >= wanted && changes(value) * 5 >= value.len() && mixed
}

/// Whether a value could be a password that somebody chose: letters with digits or signs in it.
pub(crate) fn looks_chosen(value: &[u8], quoted: bool) -> bool {
    let (letters, digits) = (count(value, u8::is_ascii_alphabetic), count(value, u8::is_ascii_digit));
    let upper = count(value, u8::is_ascii_uppercase);
    let signs = count(value, |byte| byte.is_ascii_punctuation() && !b"_-./".contains(byte));
    let sorts =
        usize::from(upper > 0) + usize::from(letters > upper) + usize::from(digits > 0) + usize::from(signs > 0);
    let least = if quoted { 6 } else { 8 };
    value.len() >= least
        && super::placeholder::distinct(value) >= 5
        && (sorts >= 3 || sorts == 2 && digits > 0 && letters > 0 && value.len() >= 8)
        && (digits > 0 || signs > 0)
}

fn count(value: &[u8], of: impl Fn(&u8) -> bool) -> usize {
    value.iter().filter(|byte| of(byte)).count()
}
