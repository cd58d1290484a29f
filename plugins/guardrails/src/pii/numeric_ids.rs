//! National numbers that are digits: their written forms, their check digits, and the words that stand before them.
//!
//! A form that hardly anything else has is enough where the check digit holds. A bare row of digits, or a form that thousands
//! are written in too, needs a word of its kind.

use super::checks;
use super::number::{Form, Number, Preceding, form, is_table};
use crate::context::ScanContext;
use crate::kinds::Kind;
use crate::words::topic::bit::{self as topic, PERSON, TAX};
use std::sync::OnceLock;

/// Distance before a number within which a word of its kind counts, bytes.
const REACH: usize = 96;
/// No first group has as many digits.
const MOST_DIGITS: usize = 24;

/// Signs between two groups of a form.
const SIGNS: [u8; 4] = *b" -./";

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
    national(Kind::GbNhsNumber, topic::GB_NHS, checks::gb_nhs, &[], &[form(&[10], b""), form(&[3, 3, 4], b"  "), form(&[3, 3, 4], b"--")]),
    national(Kind::CaSin, topic::CA_SIN, checks::ca_sin, &[], &[form(&[9], b""), form(&[3, 3, 3], b"  "), form(&[3, 3, 3], b"--")]),
    national(Kind::FrNir, topic::FR_NIR, checks::fr_nir, &[form(&[1, 2, 2, 2, 3, 3, 2], b"      "), form(&[1, 2, 2, 2, 3, 3, 2], b"------"), form(&[1, 2, 2, 5, 3, 2], b"     "), form(&[13, 2], b" ")], &[form(&[15], b"")]),
    national(Kind::DeTaxId, topic::DE_TAX | TAX, checks::de_tax, &[], &[form(&[11], b""), form(&[2, 3, 3, 3], b"   "), form(&[2, 3, 3, 3], b"///"), form(&[2, 3, 3, 3], b"---")]),
    national(Kind::NlBsn, topic::NL_BSN | PERSON, checks::nl_bsn, &[form(&[4, 2, 3], b"..")], &[form(&[9], b""), form(&[3, 3, 3], b"  "), form(&[3, 2, 4], b"  "), form(&[4, 2, 3], b"  ")]),
    national(Kind::BeNationalNumber, topic::BE_NRN | PERSON, checks::be_nrn, &[form(&[2, 2, 2, 3, 2], b"..-."), form(&[6, 3, 2], b"-."), form(&[2, 2, 2, 3, 2], b"...."), form(&[2, 2, 2, 3, 2], b"..--")], &[form(&[11], b""), form(&[6, 3, 2], b"  "), form(&[2, 2, 2, 3, 2], b"    ")]),
    national(Kind::PlPesel, topic::PL_PESEL | PERSON, checks::pl_pesel, &[], &[form(&[11], b"")]),
    national(Kind::BrCpf, topic::BR_CPF | PERSON | TAX, checks::br_cpf, &[form(&[3, 3, 3, 2], b"..-"), form(&[3, 3, 3, 2], b"...")], &[form(&[11], b""), form(&[9, 2], b"-"), form(&[3, 3, 3, 2], b"   ")]),
    national(Kind::BrCnpj, topic::BR_CNPJ | TAX, checks::br_cnpj, &[form(&[2, 3, 3, 4, 2], b"../-")], &[form(&[14], b""), form(&[8, 4, 2], b"/-")]),
    national(Kind::InAadhaar, topic::IN_AADHAAR, checks::in_aadhaar, &[], &[form(&[12], b""), form(&[4, 4, 4], b"  "), form(&[4, 4, 4], b"--")]),
    national(Kind::SePersonalNumber, topic::SE_PN | PERSON, checks::se_personal, &[form(&[6, 4], b"-"), form(&[8, 4], b"-")], &[form(&[10], b""), form(&[12], b""), form(&[6, 4], b" "), form(&[8, 4], b" ")]),
    national(Kind::NoNationalId, topic::NO_FNR | PERSON, checks::no_national, &[form(&[6, 5], b" "), form(&[6, 5], b"-")], &[form(&[11], b""), form(&[6, 3, 2], b"  ")]),
    national(Kind::DkCpr, 0, checks::dk_cpr, &[form(&[6, 4], b"-")], &[]),
    national(Kind::DkCpr, topic::DK_CPR, checks::dk_date, &[], &[form(&[6, 4], b"-"), form(&[10], b""), form(&[6, 4], b" ")]),
    national(Kind::PtNif, topic::PT_NIF | TAX, checks::pt_nif, &[], &[form(&[9], b""), form(&[3, 3, 3], b"  "), form(&[3, 3, 3], b"..")]),
    national(Kind::AuTfn, topic::AU_TFN, checks::au_tfn, &[], &[form(&[9], b""), form(&[8], b""), form(&[3, 3, 3], b"  "), form(&[3, 3, 3], b"--"), form(&[2, 3, 3], b"  ")]),
    national(Kind::AuMedicare, topic::AU_MEDICARE, checks::au_medicare, &[form(&[4, 5, 1], b"  "), form(&[4, 5, 1, 1], b"   "), form(&[4, 5, 1], b"--")], &[form(&[10], b""), form(&[11], b"")]),
    national(Kind::CnResidentId, topic::CN_ID, checks::cn_resident, &[form(&[18], b"")], &[]),
    national(Kind::KrRrn, topic::KR_RRN, checks::kr_rrn, &[form(&[6, 7], b"-")], &[form(&[13], b"")]),
    national(Kind::KrRrn, topic::KR_RRN, checks::kr_date, &[], &[form(&[6, 7], b"-")]),
    national(Kind::TrTckn, topic::TR_TCKN | PERSON, checks::tr_tckn, &[], &[form(&[11], b"")]),
    national(Kind::JpMyNumber, topic::JP_MY, checks::jp_my, &[], &[form(&[12], b""), form(&[4, 4, 4], b"  "), form(&[4, 4, 4], b"--")]),
    national(Kind::ZaId, topic::ZA_ID | PERSON, checks::za_id, &[form(&[6, 4, 3], b"  "), form(&[6, 4, 2, 1], b"   ")], &[form(&[13], b"")]),
    national(Kind::ChAhv, topic::CH_AHV, checks::ch_ahv, &[form(&[3, 4, 4, 2], b"...")], &[form(&[13], b""), form(&[3, 4, 4, 2], b"   "), form(&[3, 4, 4, 2], b"---")]),
    national(Kind::CzBirthNumber, topic::CZ_RC | PERSON, checks::cz_birth, &[form(&[6, 4], b"/")], &[form(&[10], b"")]),
    national(Kind::RoCnp, topic::RO_CNP | PERSON, checks::ro_cnp, &[], &[form(&[13], b"")]),
    national(Kind::BgEgn, topic::BG_EGN, checks::bg_egn, &[], &[form(&[10], b"")]),
    national(Kind::HrOib, topic::HR_OIB, checks::mod_11_10, &[], &[form(&[11], b"")]),
    national(Kind::EePersonalCode, topic::EE_CODE | PERSON, checks::ee_code, &[], &[form(&[11], b"")]),
    national(Kind::GrAmka, topic::GR_AMKA, checks::gr_amka, &[], &[form(&[11], b"")]),
    national(Kind::AtSvnr, topic::AT_SVNR, checks::at_svnr, &[], &[form(&[10], b""), form(&[4, 6], b" "), form(&[4, 2, 2, 2], b"   ")]),
    national(Kind::IlId, topic::IL_ID, checks::il_id, &[], &[form(&[9], b""), form(&[8, 1], b"-")]),
    national(Kind::ThId, topic::TH_ID, checks::th_id, &[form(&[1, 4, 5, 2, 1], b"----"), form(&[1, 4, 5, 2, 1], b"    ")], &[form(&[13], b"")]),
    national(Kind::ArCuit, topic::AR_CUIT | TAX, checks::ar_cuit, &[form(&[2, 8, 1], b"--")], &[form(&[11], b"")]),
];

pub(crate) fn number(context: &mut ScanContext<'_, '_>, number: &Number) {
    let told = context.near(u64::MAX, number.start, REACH);
    let grouped = number.count() > 1;
    if !grouped && !told && number.first() != 18 || number.total() < 8 {
        return;
    }
    let kinds = context.kinds;
    let second = number.group(1).map_or(0, |group| usize::from(group.size));
    // Of the forms of one kind the first that fits is the one.
    let mut decided: Option<&National> = None;
    for &(national, form, own) in by_first_groups(number.first(), second, number.first_sign()) {
        if !own && !told || !stands(number, form) || !kinds.contains(national.kind) {
            continue;
        }
        let again = decided.is_some_and(|decided| std::ptr::eq(decided, national));
        if again || own && number.before == Preceding::Joined {
            continue;
        }
        if own {
            decided = Some(national);
            report(context, number, national, form, 0);
        } else if context.near(national.topics, number.start, REACH) {
            decided = Some(national);
            report(context, number, national, form, national.topics & !(PERSON | TAX));
        }
    }
    aadhaar(context, number);
}

/// Returns the forms whose first groups have these sizes and this sign between them, and those of a single group; those that
/// need no word first for each kind.
fn by_first_groups(first: usize, second: usize, sign: u8) -> &'static [Written] {
    static FORMS: OnceLock<Vec<Vec<Written>>> = OnceLock::new();
    let sign = SIGNS.iter().position(|known| *known == sign).unwrap_or(SIGNS.len());
    let place = (first < MOST_DIGITS && second < MOST_DIGITS).then_some(first * MOST_DIGITS + second);
    let place = place.map(|place| place * (SIGNS.len() + 1) + sign);
    let forms = FORMS.get_or_init(|| (0..MOST_DIGITS * MOST_DIGITS * (SIGNS.len() + 1)).map(beginning).collect());
    place.and_then(|place| forms.get(place)).map(Vec::as_slice).unwrap_or_default()
}

fn beginning(place: usize) -> Vec<Written> {
    let (sizes, sign) = (place / (SIGNS.len() + 1), SIGNS.get(place % (SIGNS.len() + 1)));
    let (first, second) = (sizes / MOST_DIGITS, sizes % MOST_DIGITS);
    let goes_on = |form: &Form| form.size(1) == second && Some(&form.sign()) == sign;
    let fits = |form: &Form| form.size(0) == first && (form.groups() == 1 || goes_on(form));
    let forms = NATIONALS.iter().flat_map(|national| {
        let own = national.own.iter().map(move |form| (national, *form, true));
        own.chain(national.shared.iter().map(move |form| (national, *form, false)))
    });
    forms.filter(|(_, form, _)| fits(form)).collect()
}

/// A list goes on with the word that stood before its first number.
fn report(context: &mut ScanContext<'_, '_>, number: &Number, national: &National, form: Form, goes_on: u64) {
    let groups = form.groups();
    if (national.check)(number.digits(groups)) {
        let end = number.end(groups);
        context.report_told(national.kind, number.start, end, national.topics & !(PERSON | TAX), REACH);
        if goes_on != 0 {
            context.goes_on(goes_on, end, REACH);
        }
    }
}

fn stands(number: &Number, form: Form) -> bool {
    match form.groups() {
        1 => number.is_bare() && number.first() == form.size(0),
        _ => number.has_form(form),
    }
}

/// In groups of four an Aadhaar number needs no word, unless it is a row of years or of round numbers.
fn aadhaar(context: &mut ScanContext<'_, '_>, number: &Number) {
    let grouped = number.has_form(const { form(&[4, 4, 4], b"  ") });
    if !grouped || !context.wants(Kind::InAadhaar) || context.near(topic::CARD | topic::JP_MY, number.start, REACH) {
        return;
    }
    let digits = number.digits(3);
    let year = |group: &[u8]| group.starts_with(b"19") || group.starts_with(b"20");
    let plain = digits.chunks(4).any(|group| year(group) || group.ends_with(b"0"));
    if !plain && number.before == Preceding::Nothing && !is_table(digits) && checks::in_aadhaar(digits) {
        context.report(Kind::InAadhaar, number.start, number.end(3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pii::number;

    /// Short groups are read only where a form begins so.
    #[test]
    fn numbers_of_each_form_are_read() {
        use crate::text::{Runs, Text};
        for form in NATIONALS.iter().flat_map(|national| national.own).filter(|form| form.groups() > 1) {
            let written =
                format!("{}{}{}", "1".repeat(form.size(0)), char::from(form.sign()), "1".repeat(form.size(1)));
            let runs = Runs::default();
            let text = Text::new(written.as_bytes(), 0, true, &runs);
            assert!(number::may_have_form(&text, 0, form.size(0), (form.sign(), 1)), "{form:?}");
        }
    }

    /// Published or constructed examples that hold.
    #[test]
    fn checks_reject_neighbours_of_valid_numbers() {
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
