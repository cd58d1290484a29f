//! US social security numbers: never any nine digits. Dashed they speak for themselves, otherwise a word has to.
//!
//! No area 000, 666 or 9xx, no group 00, no serial 0000 (ssa.gov); nor the numbers that were published in
//! advertisements. 9xx with a group of the taxpayer ranges is an ITIN (irs.gov).

use super::number::{Number, form};
use crate::context::ScanContext;
use crate::kinds::Kind;
use crate::words::topic::bit as topic;

const REACH: usize = 96;

/// Printed on the card in a wallet, in a pamphlet, and counted out.
static PUBLISHED: [&[u8]; 3] = [b"078051120", b"219099999", b"123456789"];

pub(crate) fn number(context: &mut ScanContext<'_, '_>, number: &Number) {
    if !matches!(number.first(), 3 | 9) {
        return;
    }
    let dashed = number.has_form(const { form(&[3, 2, 4], b"--") });
    let ssn = context.near(topic::SSN, number.start, REACH);
    let itin = context.near(topic::US_ITIN, number.start, REACH);
    let spaced =
        || number.has_form(const { form(&[3, 2, 4], b"  ") }) || number.has_form(const { form(&[3, 2, 4], b"..") });
    let groups = match number.first() {
        3 if dashed || (ssn || itin) && spaced() => 3,
        9 if (ssn || itin) && number.is_bare() => 1,
        _ => return,
    };
    let digits = number.digits(groups);
    let end = number.end(groups);
    if is_ssn(digits) && (ssn || !PUBLISHED.contains(&digits)) {
        context.report_told(Kind::UsSsn, number.start, end, topic::SSN, REACH);
    } else if is_itin(digits) {
        context.report_told(Kind::UsItin, number.start, end, topic::US_ITIN, REACH);
    } else {
        return;
    }
    if ssn {
        context.goes_on(topic::SSN, end, REACH);
    }
}

fn is_ssn(digits: &[u8]) -> bool {
    let (Some(area), Some(group), Some(serial)) = (digits.get(..3), digits.get(3..5), digits.get(5..9)) else {
        return false;
    };
    area != b"000" && area != b"666" && !area.starts_with(b"9") && group != b"00" && serial != b"0000"
}

fn is_itin(digits: &[u8]) -> bool {
    let group = super::checks::two(digits, 3);
    digits.starts_with(b"9") && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}
