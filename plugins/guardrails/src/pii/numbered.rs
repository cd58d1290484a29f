//! National numbers that are digits: how they are written, how they are checked, and what words stand before them.
//!
//! A form that hardly anything else has is enough where the check digit holds; a bare row of digits, or a form that
//! thousands are written in too, needs a word that tells what it is.

use super::checks;
use super::number::{Before, Number, is_table};
use crate::kinds::Kind;
use crate::look::Look;
use crate::words::topic::bit::{self as topic, PERSON, TAX};
use std::sync::OnceLock;

/// How far before a number a word tells what it is, bytes.
const REACH: usize = 96;
/// No first group has as many digits.
const MOST_DIGITS: usize = 24;

/// One kind of number.
struct National {
    kind: Kind,
    /// Words that tell of it.
    topics: u64,
    check: fn(&[u8]) -> bool,
    /// Written forms that need no word: sizes of the groups and the signs between them.
    own: &'static [Form],
    /// Forms that need one. A bare number is one group.
    shared: &'static [Form],
}

type Form = (&'static [u8], &'static [u8]);
/// A kind in one of its forms, and whether that needs no word.
type Written = (&'static National, Form, bool);

const fn national(
    kind: Kind,
    topics: u64,
    check: fn(&[u8]) -> bool,
    own: &'static [Form],
    shared: &'static [Form],
) -> National {
    National { kind, topics, check, own, shared }
}

#[rustfmt::skip]
static NATIONALS: &[National] = &[
    national(Kind::GbNhsNumber, topic::GB_NHS, checks::gb_nhs, &[], &[(&[10], b""), (&[3, 3, 4], b"  "), (&[3, 3, 4], b"--")]),
    national(Kind::CaSin, topic::CA_SIN, checks::ca_sin, &[], &[(&[9], b""), (&[3, 3, 3], b"  "), (&[3, 3, 3], b"--")]),
    national(Kind::FrNir, topic::FR_NIR, checks::fr_nir, &[(&[1, 2, 2, 2, 3, 3, 2], b"      "), (&[1, 2, 2, 2, 3, 3, 2], b"------"), (&[1, 2, 2, 5, 3, 2], b"     "), (&[13, 2], b" ")], &[(&[15], b"")]),
    national(Kind::DeTaxId, topic::DE_TAX | TAX, checks::de_tax, &[], &[(&[11], b""), (&[2, 3, 3, 3], b"   "), (&[2, 3, 3, 3], b"///"), (&[2, 3, 3, 3], b"---")]),
    national(Kind::NlBsn, topic::NL_BSN | PERSON, checks::nl_bsn, &[(&[4, 2, 3], b"..")], &[(&[9], b""), (&[3, 3, 3], b"  "), (&[3, 2, 4], b"  "), (&[4, 2, 3], b"  ")]),
    national(Kind::BeNationalNumber, topic::BE_NRN | PERSON, checks::be_nrn, &[(&[2, 2, 2, 3, 2], b"..-."), (&[6, 3, 2], b"-."), (&[2, 2, 2, 3, 2], b"...."), (&[2, 2, 2, 3, 2], b"..--")], &[(&[11], b""), (&[6, 3, 2], b"  "), (&[2, 2, 2, 3, 2], b"    ")]),
    national(Kind::PlPesel, topic::PL_PESEL | PERSON, checks::pl_pesel, &[], &[(&[11], b"")]),
    national(Kind::BrCpf, topic::BR_CPF | PERSON | TAX, checks::br_cpf, &[(&[3, 3, 3, 2], b"..-"), (&[3, 3, 3, 2], b"...")], &[(&[11], b""), (&[9, 2], b"-"), (&[3, 3, 3, 2], b"   ")]),
    national(Kind::BrCnpj, topic::BR_CNPJ | TAX, checks::br_cnpj, &[(&[2, 3, 3, 4, 2], b"../-")], &[(&[14], b""), (&[8, 4, 2], b"/-")]),
    national(Kind::InAadhaar, topic::IN_AADHAAR, checks::in_aadhaar, &[], &[(&[12], b""), (&[4, 4, 4], b"  "), (&[4, 4, 4], b"--")]),
    national(Kind::SePersonalNumber, topic::SE_PN | PERSON, checks::se_personal, &[(&[6, 4], b"-"), (&[8, 4], b"-")], &[(&[10], b""), (&[12], b""), (&[6, 4], b" "), (&[8, 4], b" ")]),
    national(Kind::NoNationalId, topic::NO_FNR | PERSON, checks::no_national, &[(&[6, 5], b" "), (&[6, 5], b"-")], &[(&[11], b""), (&[6, 3, 2], b"  ")]),
    national(Kind::DkCpr, 0, checks::dk_cpr, &[(&[6, 4], b"-")], &[]),
    national(Kind::DkCpr, topic::DK_CPR, checks::dk_date, &[], &[(&[6, 4], b"-"), (&[10], b""), (&[6, 4], b" ")]),
    national(Kind::PtNif, topic::PT_NIF | TAX, checks::pt_nif, &[], &[(&[9], b""), (&[3, 3, 3], b"  "), (&[3, 3, 3], b"..")]),
    national(Kind::AuTfn, topic::AU_TFN, checks::au_tfn, &[], &[(&[9], b""), (&[8], b""), (&[3, 3, 3], b"  "), (&[3, 3, 3], b"--"), (&[2, 3, 3], b"  ")]),
    national(Kind::AuMedicare, topic::AU_MEDICARE, checks::au_medicare, &[(&[4, 5, 1], b"  "), (&[4, 5, 1, 1], b"   "), (&[4, 5, 1], b"--")], &[(&[10], b""), (&[11], b"")]),
    national(Kind::CnResidentId, topic::CN_ID, checks::cn_resident, &[(&[18], b"")], &[]),
    national(Kind::KrRrn, topic::KR_RRN, checks::kr_rrn, &[(&[6, 7], b"-")], &[(&[13], b"")]),
    national(Kind::KrRrn, topic::KR_RRN, checks::kr_date, &[], &[(&[6, 7], b"-")]),
    national(Kind::TrTckn, topic::TR_TCKN | PERSON, checks::tr_tckn, &[], &[(&[11], b"")]),
    national(Kind::JpMyNumber, topic::JP_MY, checks::jp_my, &[], &[(&[12], b""), (&[4, 4, 4], b"  "), (&[4, 4, 4], b"--")]),
    national(Kind::ZaId, topic::ZA_ID | PERSON, checks::za_id, &[(&[6, 4, 3], b"  "), (&[6, 4, 2, 1], b"   ")], &[(&[13], b"")]),
    national(Kind::ChAhv, topic::CH_AHV, checks::ch_ahv, &[(&[3, 4, 4, 2], b"...")], &[(&[13], b""), (&[3, 4, 4, 2], b"   "), (&[3, 4, 4, 2], b"---")]),
    national(Kind::CzBirthNumber, topic::CZ_RC | PERSON, checks::cz_birth, &[(&[6, 4], b"/")], &[(&[10], b"")]),
    national(Kind::RoCnp, topic::RO_CNP | PERSON, checks::ro_cnp, &[], &[(&[13], b"")]),
    national(Kind::BgEgn, topic::BG_EGN, checks::bg_egn, &[], &[(&[10], b"")]),
    national(Kind::HrOib, topic::HR_OIB, checks::mod_11_10, &[], &[(&[11], b"")]),
    national(Kind::EePersonalCode, topic::EE_CODE | PERSON, checks::ee_code, &[], &[(&[11], b"")]),
    national(Kind::GrAmka, topic::GR_AMKA, checks::gr_amka, &[], &[(&[11], b"")]),
    national(Kind::AtSvnr, topic::AT_SVNR, checks::at_svnr, &[], &[(&[10], b""), (&[4, 6], b" "), (&[4, 2, 2, 2], b"   ")]),
    national(Kind::IlId, topic::IL_ID, checks::il_id, &[], &[(&[9], b""), (&[8, 1], b"-")]),
    national(Kind::ThId, topic::TH_ID, checks::th_id, &[(&[1, 4, 5, 2, 1], b"----"), (&[1, 4, 5, 2, 1], b"    ")], &[(&[13], b"")]),
    national(Kind::ArCuit, topic::AR_CUIT | TAX, checks::ar_cuit, &[(&[2, 8, 1], b"--")], &[(&[11], b"")]),
];

pub(crate) fn number(look: &mut Look<'_, '_>, number: &Number) {
    let told = look.near(u64::MAX, number.start, REACH);
    let grouped = number.groups().len() > 1;
    if !grouped && !told && number.first() != 18 || number.digits(8).len() < 8 {
        return;
    }
    let kinds = look.kinds;
    let candidates = by_first_group().get(number.first()).map(Vec::as_slice).unwrap_or_default();
    // Of the forms of one kind the first that fits is the one.
    let mut decided: Option<&National> = None;
    for &(national, form, own) in candidates.iter().filter(|(national, ..)| kinds.contains(national.kind)) {
        let again = decided.is_some_and(|decided| std::ptr::eq(decided, national));
        if again || (own && number.before == Before::Joined) || (!own && !told) || !stands(number, form) {
            continue;
        }
        if own {
            decided = Some(national);
            report(look, number, national, form, 0);
        } else if look.near(national.topics, number.start, REACH) {
            decided = Some(national);
            report(look, number, national, form, national.topics & !(PERSON | TAX));
        }
    }
    aadhaar(look, number);
}

/// All forms by the size of their first group, those that need no word first for each kind.
fn by_first_group() -> &'static [Vec<Written>] {
    static FORMS: OnceLock<Vec<Vec<Written>>> = OnceLock::new();
    FORMS.get_or_init(|| {
        let mut sizes = vec![Vec::new(); MOST_DIGITS];
        for national in NATIONALS {
            let own = national.own.iter().map(|form| (*form, true));
            for (form, own) in own.chain(national.shared.iter().map(|form| (*form, false))) {
                let size = form.0.first().map_or(0, |size| usize::from(*size));
                if let Some(forms) = sizes.get_mut(size) {
                    forms.push((national, form, own));
                }
            }
        }
        sizes
    })
}

/// A list goes on with the word that stood before its first number.
fn report(look: &mut Look<'_, '_>, number: &Number, national: &National, form: Form, goes_on: u64) {
    let groups = form.0.len();
    if (national.check)(number.digits(groups)) {
        let end = number.end(groups);
        look.report_told(national.kind, number.start, end, national.topics & !(PERSON | TAX), REACH);
        if goes_on != 0 {
            look.goes_on(goes_on, end, REACH);
        }
    }
}

fn stands(number: &Number, (sizes, signs): Form) -> bool {
    match sizes {
        [size] => number.is_bare() && number.first() == usize::from(*size),
        _ => number.has_form(sizes, signs),
    }
}

/// In groups of four an Aadhaar number speaks for itself, unless it is a row of years or of round numbers.
fn aadhaar(look: &mut Look<'_, '_>, number: &Number) {
    let grouped = number.has_form(&[4, 4, 4], b"  ");
    if !grouped || !look.wants(Kind::InAadhaar) || look.near(topic::CARD | topic::JP_MY, number.start, REACH) {
        return;
    }
    let digits = number.digits(3);
    let year = |group: &[u8]| group.starts_with(b"19") || group.starts_with(b"20");
    let plain = digits.chunks(4).any(|group| year(group) || group.ends_with(b"0"));
    if !plain && number.before == Before::Nothing && !is_table(digits) && checks::in_aadhaar(digits) {
        look.report(Kind::InAadhaar, number.start, number.end(3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published or constructed examples that hold.
    #[test]
    fn each_check_accepts_a_number_of_its_kind_and_no_neighbour_of_it() {
        type Example = (fn(&[u8]) -> bool, &'static [u8]);
        let examples: &[Example] = &[
            (checks::gb_nhs, b"9434765919"),
            (checks::fr_nir, b"255081416802538"),
            (checks::de_tax, b"86095742719"),
            (checks::nl_bsn, b"111222333"),
            (checks::be_nrn, b"85073003328"),
            (checks::pl_pesel, b"44051401359"),
            (checks::br_cpf, b"52998224725"),
            (checks::br_cnpj, b"11222333000181"),
            (checks::br_cnpj, b"12ABC34501DE35"),
            (checks::se_personal, b"8112189876"),
            (checks::pt_nif, b"123456789"),
            (checks::au_tfn, b"123456782"),
            (checks::au_medicare, b"2123456701"),
            (checks::cn_resident, b"11010519491231002X"),
            (checks::tr_tckn, b"10000000146"),
            (checks::jp_my, b"123456789018"),
            (checks::za_id, b"8001015009087"),
            (checks::ch_ahv, b"7569217076985"),
            (checks::ee_code, b"37605030299"),
            (checks::th_id, b"1101700230708"),
            (checks::at_svnr, b"1237010180"),
        ];
        for (check, digits) in examples {
            let name = String::from_utf8_lossy(digits);
            assert!(check(digits), "{name}");
            let last = digits.len() - 1;
            if digits[last].is_ascii_digit() && digits.len() != 10 {
                let mut wrong = digits.to_vec();
                wrong[last] = if wrong[last] == b'9' { b'0' } else { wrong[last] + 1 };
                assert!(!check(&wrong), "{name}");
            }
        }
    }
}
