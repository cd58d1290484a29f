//! Numbers as LEB128: seven bits per byte, the lowest first. Most numbers of a record are small, so their rows are short.

use std::slice::Iter;

/// Appends a number.
pub fn write(out: &mut Vec<u8>, mut rest: u64) {
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or(0);
        rest >>= 7;
        out.push(if rest == 0 { low } else { low | 0x80 });
        if rest == 0 {
            return;
        }
    }
}

/// Reads the next number; `None` at the end, or if the bytes end within it.
pub fn read(bytes: &mut Iter<'_, u8>) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0_u32);
    for byte in bytes {
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift = shift.saturating_add(7);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn numbers_survive_a_round_trip() {
        let numbers = [0, 1, 127, 128, 16_384, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        numbers.into_iter().for_each(|number| write(&mut bytes, number));
        let mut rest = bytes.iter();
        assert_eq!(numbers.map(|_| read(&mut rest)), numbers.map(Some));
        assert_eq!(read(&mut rest), None);
        assert_eq!(read(&mut [0x80].iter()), None);
        assert!(read(&mut [[0xff; 400].as_slice(), &[0]].concat().iter()).is_some());
    }
}
