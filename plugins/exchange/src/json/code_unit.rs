//! The four hexadecimal digits of an escape.

/// Returns the UTF-16 code unit that the first four bytes spell.
#[inline]
pub(crate) fn code_unit(digits: &[u8]) -> Option<u16> {
    let digits = digits.first_chunk::<4>().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    let word = u32::from_be_bytes(*digits);
    // Bit 6 tells letters, whose low half counts from 1.
    let values = (word & 0x0F0F_0F0F) + (word >> 6 & 0x0101_0101) * 9;
    let pairs = values | values >> 4;
    Some((pairs >> 8 & 0xFF00 | pairs & 0xFF) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_unit_is_read_in_both_cases() {
        for code in 0..=u16::MAX {
            assert_eq!(code_unit(format!("{code:04x}").as_bytes()), Some(code));
            assert_eq!(code_unit(format!("{code:04X}0").as_bytes()), Some(code));
        }
    }

    #[test]
    fn every_other_byte_at_every_place_is_no_digit() {
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_hexdigit()) {
            for place in 0..4 {
                let mut digits = *b"12aF";
                digits[place] = byte;
                assert_eq!(code_unit(&digits), None, "{digits:?}");
            }
        }
        assert_eq!(code_unit(b"12a"), None);
    }
}
