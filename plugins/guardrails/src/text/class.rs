//! Classes of bytes, to be combined.

/// `a-z`
pub(crate) const LOWER: u32 = 1;
/// `A-Z`
pub(crate) const UPPER: u32 = 1 << 1;
/// `0-9`
pub(crate) const DIGIT: u32 = 1 << 2;
/// `0-9a-f`
pub(crate) const HEX: u32 = 1 << 3;
/// `0-9A-F`
pub(crate) const HEX_UPPER: u32 = 1 << 4;
/// `-`
pub(crate) const DASH: u32 = 1 << 5;
/// `_`
pub(crate) const UNDERSCORE: u32 = 1 << 6;
/// `+` and `/`
pub(crate) const BASE64: u32 = 1 << 7;
/// `.`
pub(crate) const DOT: u32 = 1 << 8;
/// The other bytes of the part before the `@` of an address.
pub(crate) const LOCAL: u32 = 1 << 9;
/// ASCII white space.
pub(crate) const SPACE: u32 = 1 << 10;
/// Not ASCII.
pub(crate) const WIDE: u32 = 1 << 11;
/// Punctuation at which something can begin or be decided.
pub(crate) const MARK: u32 = 1 << 12;
/// `=`
pub(crate) const EQUALS: u32 = 1 << 13;
/// Digits of Bech32: no `1`, `b`, `i`, `o`; lower case.
pub(crate) const BECH32: u32 = 1 << 14;
/// Digits of Base58: no `0`, `I`, `O`, `l`.
pub(crate) const BASE58: u32 = 1 << 15;

/// Bytes of a URL.
pub(crate) const URL: u32 = 1 << 16;
/// Bytes of its part before path, query and fragment.
pub(crate) const AUTHORITY: u32 = 1 << 17;
/// Bytes of the body of a private key, and of its last line.
pub(crate) const KEY_BODY: u32 = 1 << 18;
/// Bytes of a value without quotes.
pub(crate) const BARE_VALUE: u32 = 1 << 19;
/// Bytes of a signature in a URL.
pub(crate) const ESCAPED64: u32 = 1 << 20;

pub(crate) const LETTER: u32 = LOWER | UPPER;
pub(crate) const WORD: u32 = LETTER | DIGIT;
/// Base64 for URLs.
pub(crate) const URL64: u32 = WORD | DASH | UNDERSCORE;

static CLASSES: [u32; 256] = classes();

const fn classes() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        {
            table[byte] = classify(byte as u8);
        }
        byte += 1;
    }
    table
}

/// Returns the classes of a byte, when this is compiled.
pub(crate) const fn classify(byte: u8) -> u32 {
    punctuation(byte) | of_runs(byte)
}

const fn punctuation(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => DIGIT | HEX | HEX_UPPER | bit(byte != b'0', BASE58) | bit(byte != b'1', BECH32),
        b'a'..=b'z' => {
            let bech32 = !matches!(byte, b'b' | b'i' | b'o');
            LOWER | bit(byte <= b'f', HEX) | bit(byte != b'l', BASE58) | bit(bech32, BECH32)
        }
        b'A'..=b'Z' => UPPER | bit(byte <= b'F', HEX_UPPER) | bit(!matches!(byte, b'I' | b'O'), BASE58),
        b'-' => DASH | LOCAL | MARK,
        b'_' => UNDERSCORE | LOCAL,
        b'+' => BASE64 | LOCAL | MARK,
        b'/' => BASE64,
        b'.' => DOT | LOCAL,
        b'=' => EQUALS | MARK,
        b'@' | b'(' | b':' | b'<' | b'[' | b'#' => MARK,
        b'~' => LOCAL | MARK,
        b'%' | b'\'' => LOCAL,
        b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => SPACE,
        0x80.. => WIDE,
        _ => 0,
    }
}

/// Classes of which nothing but runs are asked for.
const fn of_runs(byte: u8) -> u32 {
    let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C);
    let url = !(space
        || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b'|' | b'^')
        || byte < b' '
        || byte == 0x7F);
    let authority = url && !matches!(byte, b'/' | b'?' | b'#');
    let sign = matches!(byte, b'\\' | b':' | b',' | b'-' | b'.' | b'(' | b')' | b'"' | b'\'');
    let key = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') || space || sign;
    let ends = byte.is_ascii_whitespace()
        || matches!(byte, b'"' | b',' | b';' | b'\'' | b'`' | b'&' | b'|' | b'<' | b'>' | b')' | b']' | b'}' | b'\\');
    let escaped = byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'+' | b'/' | b'=');
    bit(url, URL) | bit(authority, AUTHORITY) | bit(key, KEY_BODY) | bit(!ends, BARE_VALUE) | bit(escaped, ESCAPED64)
}

const fn bit(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

/// Classes of a byte.
#[inline]
pub(crate) fn class_of(byte: u8) -> u32 {
    // The table has a place for every byte.
    CLASSES.get(byte as usize).copied().unwrap_or(0)
}
