//! Check digits, each in the form that its authority publishes. Digits are ASCII.

fn value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        b'a'..=b'z' => u32::from(byte - b'a') + 10,
        _ => 0,
    }
}

/// Returns the sum of digits times weights.
pub(crate) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum()
}

fn digit(digits: &[u8], at: usize) -> u32 {
    digits.get(at).map_or(0, |digit| value(*digit))
}

/// Returns the last digit.
fn last(digits: &[u8]) -> u32 {
    digits.last().map_or(0, |digit| value(*digit))
}

pub(crate) fn all_same(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

/// Returns two digits as a number.
pub(crate) fn two(digits: &[u8], at: usize) -> u32 {
    digit(digits, at) * 10 + digit(digits, at + 1)
}

pub(crate) fn is_day(day: u32, month: u32) -> bool {
    let most = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    day >= 1 && day <= most
}

/// ISO/IEC 7812 annex B.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(d, twice)| if twice { doubled(value(*d)) } else { value(*d) })
        .sum();
    sum.is_multiple_of(10)
}

/// Returns the remainder of a decimal number.
pub(crate) fn modulo(digits: &[u8], modulus: u64) -> u64 {
    digits.iter().fold(0, |rest, digit| (rest * 10 + u64::from(value(*digit))) % modulus)
}

/// ISO 7064 mod 11,10: the last digit is the check digit.
pub(crate) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last() else { return false };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (value(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == value(*check)
}

/// Verhoeff's dihedral check.
pub(crate) fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let step = |sum: u8, (digit, row): (&u8, &[u8; 10])| {
        let permuted = row.get(value(*digit) as usize).copied().unwrap_or(0);
        dihedral(sum, permuted)
    };
    digits.iter().rev().zip(PERMUTED.iter().cycle()).fold(0, step) == 0
}

/// Returns the product of two elements of the dihedral group of the pentagon.
fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (5 + a - b) % 5,
    }
}

pub(crate) fn gb_nhs(d: &[u8]) -> bool {
    let check = 11 - weighted(d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    check % 11 == last(d) && check != 10 && !all_same(d)
}

pub(crate) fn ca_sin(d: &[u8]) -> bool {
    luhn(d) && !matches!(d.first(), Some(b'0' | b'8')) && !all_same(d)
}

/// Sex, year, month, department, commune, order, key; Corsica counts as 19 and 18 (2A, 2B).
pub(crate) fn fr_nir(d: &[u8]) -> bool {
    let (Some(body), month) = (d.get(..13), two(d, 3)) else { return false };
    let key = u64::from(two(d, 13));
    matches!(d.first(), Some(b'1' | b'2' | b'7' | b'8'))
        && (matches!(month, 1..=12 | 20 | 30..=42 | 50..=99))
        && 97 - modulo(body, 97) == key
}

/// One digit twice or thrice among the first ten, as the Federal Central Tax Office issues them.
pub(crate) fn de_tax(d: &[u8]) -> bool {
    let body = d.get(..10).unwrap_or_default();
    let most = (b'0'..=b'9').map(|digit| body.iter().filter(|other| **other == digit).count()).max();
    d.first() != Some(&b'0') && matches!(most, Some(2 | 3)) && mod_11_10(d)
}

pub(crate) fn nl_bsn(d: &[u8]) -> bool {
    let sum = weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum % 11 == last(d) && !all_same(d) && sum > 0
}

pub(crate) fn be_nrn(d: &[u8]) -> bool {
    let (Some(body), check) = (d.get(..9), u64::from(two(d, 9))) else { return false };
    let this = 97 - modulo(body, 97);
    let next = 97 - (2_000_000_000 % 97 + modulo(body, 97)) % 97;
    let month = two(d, 2) % 20;
    month <= 12 && two(d, 4) <= 31 && (this == check || next == check)
}

pub(crate) fn pl_pesel(d: &[u8]) -> bool {
    let sum = weighted(d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    is_day(two(d, 4), two(d, 2) % 20) && (10 - sum % 10) % 10 == last(d)
}

pub(crate) fn br_cpf(d: &[u8]) -> bool {
    let check = |weights: &[u32]| weighted(d, weights) * 10 % 11 % 10;
    !all_same(d)
        && check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit(d, 9)
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit(d, 10)
}

/// Letters count as their distance from `0` in ASCII.
pub(crate) fn br_cnpj(d: &[u8]) -> bool {
    let ascii = |byte: u8| u32::from(byte.to_ascii_uppercase()).saturating_sub(48);
    let sum = |weights: &[u32]| d.iter().zip(weights).map(|(byte, weight)| ascii(*byte) * weight).sum::<u32>();
    let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    d.len() == 14
        && !all_same(d)
        && check(sum(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == digit(d, 12)
        && check(sum(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == digit(d, 13)
}

pub(crate) fn in_aadhaar(d: &[u8]) -> bool {
    matches!(d.first(), Some(b'2'..=b'9')) && verhoeff(d) && !all_same(d)
}

/// Ten digits with a day (coordination numbers add 60), or twelve with the century.
pub(crate) fn se_personal(d: &[u8]) -> bool {
    let ten = if d.len() == 12 { d.get(2..).unwrap_or_default() } else { d };
    let century = d.len() != 12 || matches!(d.get(..2), Some(b"18" | b"19" | b"20"));
    let day = two(ten, 4);
    century && is_day(if day > 60 { day - 60 } else { day }, two(ten, 2)) && luhn(ten)
}

/// D numbers add 40 to the day.
pub(crate) fn no_national(d: &[u8]) -> bool {
    let check = |weights: &[u32]| (11 - weighted(d, weights) % 11) % 11;
    let day = two(d, 0);
    is_day(if day > 40 { day - 40 } else { day }, two(d, 2) % 40)
        && check(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) == digit(d, 9)
        && check(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == digit(d, 10)
}

/// Since 2007 the sum no longer has to hold, so beside a word of its kind the day alone is enough.
pub(crate) fn dk_date(d: &[u8]) -> bool {
    is_day(two(d, 0), two(d, 2))
}

pub(crate) fn dk_cpr(d: &[u8]) -> bool {
    dk_date(d) && weighted(d, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

pub(crate) fn pt_nif(d: &[u8]) -> bool {
    let check = 11 - weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let known = matches!(d.first(), Some(b'1' | b'2' | b'3' | b'5' | b'6' | b'8' | b'9')) || d.starts_with(b"45");
    known && (if check > 9 { 0 } else { check }) == last(d)
}

/// Body and check digit, which may be `K`.
pub(crate) fn cl_rut(body: &[u8], check: u8) -> bool {
    let weights = [2, 3, 4, 5, 6, 7].into_iter().cycle();
    let sum: u32 = body.iter().rev().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        other => b'0' + other as u8,
    };
    check.to_ascii_uppercase() == expected
}

pub(crate) fn au_tfn(d: &[u8]) -> bool {
    let weights: &[u32] = if d.len() == 8 { &[10, 7, 8, 4, 6, 3, 5, 1] } else { &[1, 4, 3, 7, 5, 8, 6, 9, 10] };
    weighted(d, weights).is_multiple_of(11) && !all_same(d)
}

pub(crate) fn au_medicare(d: &[u8]) -> bool {
    matches!(d.first(), Some(b'2'..=b'6')) && weighted(d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(d, 8)
}

/// The last one may be `X`, which stands for 10.
pub(crate) fn cn_resident(d: &[u8]) -> bool {
    let sum = weighted(d.get(..17).unwrap_or_default(), &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = b"10X98765432".get(sum as usize % 11);
    let century = matches!(d.get(6..8), Some(b"18" | b"19" | b"20"));
    let region = matches!(d.first(), Some(b'1'..=b'6' | b'8'));
    region && century && is_day(two(d, 12), two(d, 10)) && d.get(17).map(u8::to_ascii_uppercase).as_ref() == check
}

pub(crate) fn kr_rrn(d: &[u8]) -> bool {
    let sum = weighted(d, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    kr_date(d) && (11 - sum % 11) % 10 == last(d)
}

/// Numbers issued since October 2020 have no check digit.
pub(crate) fn kr_date(d: &[u8]) -> bool {
    is_day(two(d, 4), two(d, 2)) && matches!(d.get(6), Some(b'0'..=b'9'))
}

pub(crate) fn tr_tckn(d: &[u8]) -> bool {
    let odd: u32 = [0, 2, 4, 6, 8].into_iter().map(|at| digit(d, at)).sum();
    let even: u32 = [1, 3, 5, 7].into_iter().map(|at| digit(d, at)).sum();
    let all: u32 = (0..10).map(|at| digit(d, at)).sum();
    d.first() != Some(&b'0') && (odd * 7 + 90 - even) % 10 == digit(d, 9) && all % 10 == digit(d, 10)
}

pub(crate) fn jp_my(d: &[u8]) -> bool {
    let sum = weighted(d, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    (if sum <= 1 { 0 } else { 11 - sum }) == last(d) && !all_same(d)
}

pub(crate) fn za_id(d: &[u8]) -> bool {
    is_day(two(d, 4), two(d, 2)) && matches!(d.get(10), Some(b'0' | b'1' | b'2')) && luhn(d)
}

/// EAN-13 with 756 for Switzerland.
pub(crate) fn ch_ahv(d: &[u8]) -> bool {
    let sum = weighted(d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    d.starts_with(b"756") && sum.is_multiple_of(10)
}

/// Women's months are 50 higher; 20 more where a day ran out of numbers. Before 1954 there were nine digits.
pub(crate) fn cz_birth(d: &[u8]) -> bool {
    let month = two(d, 2) % 50;
    let plain = if month > 20 { month - 20 } else { month };
    is_day(two(d, 4), plain) && (modulo(d, 11) == 0 || modulo(d.get(..9).unwrap_or_default(), 11) == 10 && last(d) == 0)
}

pub(crate) fn ro_cnp(d: &[u8]) -> bool {
    let sum = weighted(d, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    matches!(d.first(), Some(b'1'..=b'9'))
        && is_day(two(d, 5), two(d, 3))
        && (if sum == 10 { 1 } else { sum }) == last(d)
}

pub(crate) fn bg_egn(d: &[u8]) -> bool {
    is_day(two(d, 4), two(d, 2) % 20) && weighted(d, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == last(d)
}

pub(crate) fn ee_code(d: &[u8]) -> bool {
    let first = weighted(d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(d, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    matches!(d.first(), Some(b'1'..=b'8')) && is_day(two(d, 5), two(d, 3)) && check == last(d)
}

pub(crate) fn gr_amka(d: &[u8]) -> bool {
    is_day(two(d, 0), two(d, 2)) && luhn(d)
}

/// Three digits, a check digit, a day of birth.
pub(crate) fn at_svnr(d: &[u8]) -> bool {
    let sum = weighted(d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    d.first() != Some(&b'0') && (1..=31).contains(&two(d, 4)) && (1..=15).contains(&two(d, 6)) && sum == digit(d, 3)
}

pub(crate) fn il_id(d: &[u8]) -> bool {
    luhn(d) && !all_same(d)
}

pub(crate) fn th_id(d: &[u8]) -> bool {
    let sum = weighted(d, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    d.first() != Some(&b'0') && (11 - sum % 11) % 10 == last(d)
}

pub(crate) fn ar_cuit(d: &[u8]) -> bool {
    let sum = weighted(d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(two(d, 0), 20 | 23 | 24 | 25 | 26 | 27 | 30 | 33 | 34) && (11 - sum) % 11 == last(d)
}
