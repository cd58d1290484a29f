//! Case, width and accents, as far as words of context need them told apart, which is: not at all.

/// What a character counts as among words of context.
pub(crate) enum Folded {
    /// A letter or digit.
    Letter(char),
    /// Nothing: an accent that stands by itself.
    Nothing,
    /// What may stand between the words of a phrase.
    Gap,
    /// What ends a phrase.
    Other,
}

/// Folds a character: "Geburts-Datum", "GEBURTSDATUM" and "ｇｅｂｕｒｔｓｄａｔｕｍ" are one word, "né" is "ne".
pub(crate) fn fold(c: char) -> Folded {
    match c {
        'a'..='z' | '0'..='9' => Folded::Letter(c),
        'A'..='Z' => Folded::Letter(c.to_ascii_lowercase()),
        ' ' | '_' | '-' | '\'' | '.' | '/' | '\n' | '\r' | '\t' | '\u{A0}' | '\u{2019}' | '\u{3000}' => Folded::Gap,
        '\0'..='\x7f' => Folded::Other,
        '\u{300}'..='\u{36F}' => Folded::Nothing,
        '\u{C0}'..='\u{17F}' => Folded::Letter(base(c)),
        '\u{FF01}'..='\u{FF5E}' => narrow(c).map_or(Folded::Other, fold),
        _ if c.is_alphanumeric() || is_mark(c) => Folded::Letter(c.to_lowercase().next().unwrap_or(c)),
        _ => Folded::Other,
    }
}

/// Vowel signs and joiners that belong to a word in Indic and Thai script.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{D7F}' | '\u{E00}'..='\u{E7F}')
}

/// The ASCII character of a full-width one.
pub(crate) fn narrow(c: char) -> Option<char> {
    char::from_u32((c as u32).checked_sub(0xFEE0)?)
}

/// The letter without its accent.
fn base(c: char) -> char {
    match c.to_lowercase().next().unwrap_or(c) {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => 'i',
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => 'l',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ŕ' | 'ŗ' | 'ř' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' => 's',
        'ţ' | 'ť' | 'ŧ' => 't',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

/// Whether words of this script stand without spaces between them, or change at their end.
pub(crate) fn runs_on(c: char) -> bool {
    c >= '\u{370}'
}
