//! Folds case, width and accents, which do not matter in words of context.

/// The role of a character in words of context.
pub(crate) enum Folded {
    /// A letter or digit.
    Letter(char),
    /// Nothing: an accent that stands by itself.
    Nothing,
    /// A separator between the words of a phrase.
    Gap,
    /// The end of a phrase.
    Other,
}

/// Folds a character: "Geburts-Datum", "GEBURTSDATUM" and "ｇｅｂｕｒｔｓｄａｔｕｍ" are one word, "né" is "ne".
pub(crate) fn fold(c: char) -> Folded {
    match c {
        'a'..='z' | '0'..='9' => Folded::Letter(c),
        'A'..='Z' => Folded::Letter(c.to_ascii_lowercase()),
        '\0'..='\x7f' if is_gap(c as u8) => Folded::Gap,
        '\0'..='\x7f' => Folded::Other,
        '\u{A0}' | '\u{2019}' | '\u{3000}' => Folded::Gap,
        '\u{300}'..='\u{36F}' => Folded::Nothing,
        FIRST_ACCENTED..=LAST_ACCENTED => Folded::Letter(without_accent(c)),
        '\u{FF01}'..='\u{FF5E}' => narrow(c).map_or(Folded::Other, fold),
        _ if c.is_alphanumeric() || is_mark(c) => Folded::Letter(lower(c)),
        _ => Folded::Other,
    }
}

/// Returns whether an ASCII character may stand between the words of a phrase.
pub(crate) fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'_' | b'-' | b'\'' | b'.' | b'/' | b'\n' | b'\r' | b'\t')
}

/// Folds a character of a text on the way through a trie. A character that is no letter has no child there either, so Unicode's tables
/// need not be asked: they take several times as long as the walk.
pub(crate) fn fold_on_walk(c: char) -> Folded {
    match c {
        '\0'..='\u{AF}' | '\u{C0}'..='\u{17F}' | '\u{300}'..='\u{36F}' => fold(c),
        '\u{2019}' | '\u{3000}' | '\u{FF01}'..='\u{FF5E}' => fold(c),
        _ => Folded::Letter(lower(c)),
    }
}

/// Lower case, without a look at Unicode's tables for scripts that know no case.
fn lower(c: char) -> char {
    match c {
        '\u{430}'..='\u{44F}'
        | '\u{590}'..='\u{109F}'
        | '\u{1100}'..='\u{139F}'
        | '\u{1700}'..='\u{1C7F}'
        | '\u{2000}'..='\u{20FF}' => c,
        '\u{2E80}'..='\u{A63F}' | '\u{AC00}'..='\u{FAFF}' | '\u{FB50}'..='\u{FEFF}' | '\u{FF65}'..='\u{FFFF}' => c,
        _ => c.to_lowercase().next().unwrap_or(c),
    }
}

/// Vowel signs and joiners that belong to a word in Indic and Thai script.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{D7F}' | '\u{E00}'..='\u{E7F}')
}

/// Returns the ASCII character of a full-width one.
pub(crate) fn narrow(c: char) -> Option<char> {
    char::from_u32((c as u32).checked_sub(0xFEE0)?)
}

/// Returns the ASCII letter or digit whose full-width form begins here.
#[inline]
pub(crate) fn narrow_letter(rest: &[u8]) -> Option<u8> {
    let narrow = match *rest {
        [0xEF, 0xBC, low @ 0x80..=0xBF, ..] => low - 0x60,
        [0xEF, 0xBD, low @ 0x80..=0xBF, ..] => low - 0x20,
        _ => return None,
    };
    narrow.is_ascii_alphanumeric().then_some(narrow)
}

const FIRST_ACCENTED: char = '\u{C0}';
const LAST_ACCENTED: char = '\u{17F}';

/// Looks a letter without its accent up in a table.
fn without_accent(c: char) -> char {
    (c as usize).checked_sub(FIRST_ACCENTED as usize).and_then(|place| TABLE.get(place)).copied().unwrap_or(c)
}

/// Returns the letter without accent of a character of these two bytes, if it is an ASCII one.
#[inline]
pub(crate) fn ascii_base(lead: u8, low: u8) -> Option<u8> {
    let place = usize::from(lead).checked_sub(0xC3)? << 6 | usize::from(low & 0x3F);
    TABLE.get(place).and_then(|c| u8::try_from(*c).ok()).filter(u8::is_ascii)
}

static TABLE: [char; 192] = table();

const fn table() -> [char; 192] {
    let mut table = ['\0'; 192];
    let mut place = 0;
    while place < table.len() {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        if let Some(c) = char::from_u32(FIRST_ACCENTED as u32 + place as u32) {
            table[place] = base(c);
        }
        place += 1;
    }
    table
}

/// Returns the letter without its accent. Upper case is listed beside lower case, because Unicode's tables take as long as
/// the whole walk.
const fn base(c: char) -> char {
    match c {
        'à'..='å' | 'À'..='Å' | 'ā' | 'ă' | 'ą' | 'Ā' | 'Ă' | 'Ą' => 'a',
        'ç' | 'Ç' | 'ć' | 'ĉ' | 'ċ' | 'č' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' => 'c',
        'ď' | 'đ' | 'Ď' | 'Đ' => 'd',
        'è'..='ë' | 'È'..='Ë' | 'Ē'..='ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' | 'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => 'g',
        'İ' | 'ì'..='ï' | 'Ì'..='Ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'Ĩ' | 'Ī' | 'Ĭ' | 'Į' => 'i',
        'Ĺ'..='ł' => 'l',
        'ñ' | 'Ñ' | 'ń' | 'ņ' | 'ň' | 'Ń' | 'Ņ' | 'Ň' => 'n',
        'ò'..='ö' | 'ø' | 'Ò'..='Ö' | 'Ø' | 'Ō'..='ő' => 'o',
        'Ŕ'..='ř' => 'r',
        'Ś'..='š' => 's',
        'Ţ'..='ŧ' => 't',
        'ù'..='ü' | 'Ù'..='Ü' | 'Ũ'..='ų' => 'u',
        'ý' | 'ÿ' | 'Ý' | 'Ÿ' => 'y',
        'Ź'..='ž' => 'z',
        // The rest of Latin-1: × and ÷ have no case.
        'Þ' => 'þ',
        'Æ' => 'æ',
        'Ð' => 'ð',
        'Ĥ' => 'ĥ',
        'Ħ' => 'ħ',
        'Ĳ' => 'ĳ',
        'Ĵ' => 'ĵ',
        'Ķ' => 'ķ',
        'Ŋ' => 'ŋ',
        'Œ' => 'œ',
        'Ŵ' => 'ŵ',
        'Ŷ' => 'ŷ',
        other => other,
    }
}

/// Returns the length of a character that folds to itself and runs on, judged by its first bytes; 0 for any other, though it may be
/// one too.
#[inline]
pub(crate) fn plain_length(rest: &[u8]) -> usize {
    match *rest {
        [0xD7..=0xDF, ..] => 2,
        // Kana, Han, Hangul, and the scripts of India.
        [0xE3, 0x81..=0xBF, ..] | [0xE0 | 0xE4..=0xE9 | 0xEB | 0xEC, ..] => 3,
        _ => 0,
    }
}

/// The first letter that runs on.
pub(crate) const FIRST_RUNNING_ON: char = '\u{370}';

/// Returns whether words of this script stand without spaces between them, or change at their end.
pub(crate) fn runs_on(c: char) -> bool {
    c >= FIRST_RUNNING_ON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_letters_ignore_case() {
        for c in '\u{C0}'..='\u{17F}' {
            assert_eq!(base(c), base(lower(c)), "{c:?}");
            assert_eq!(base(c), without_accent(c), "{c:?}");
            assert!(!base(c).is_uppercase(), "{c:?}");
        }
    }

    #[test]
    fn walk_folds_letters_as_entries_do() {
        for c in '\0'..=char::MAX {
            assert_eq!(lower(c), c.to_lowercase().next().unwrap(), "{c:?}");
            let (Folded::Letter(entry), walk) = (fold(c), fold_on_walk(c)) else { continue };
            assert!(matches!(walk, Folded::Letter(letter) if letter == entry), "{c:?}");
        }
    }

    #[test]
    fn plain_characters_fold_to_themselves() {
        for c in '\0'..=char::MAX {
            let mut bytes = [0; 4];
            let length = plain_length(c.encode_utf8(&mut bytes).as_bytes());
            if length > 0 {
                assert_eq!(length, c.len_utf8(), "{c:?}");
                assert!(matches!(fold_on_walk(c), Folded::Letter(letter) if letter == c) && runs_on(c), "{c:?}");
            }
            if let Some(letter) = narrow_letter(c.encode_utf8(&mut bytes).as_bytes()) {
                assert_eq!(narrow(c), Some(char::from(letter)), "{c:?}");
            }
        }
    }
}
