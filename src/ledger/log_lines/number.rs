//! Numbers of variable length: seven bits a byte, the lowest first; the highest bit says that more follow.

/// Appends a number.
pub fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or_default());
}

/// Takes a number off the front; `None` if there is none.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }

    None
}

/// A difference as a number that is small when the difference is, whatever its sign.
pub fn unsigned(difference: u64) -> u64 {
    (difference << 1) ^ (difference.cast_signed() >> 63).cast_unsigned()
}

/// The difference of such a number.
pub fn signed(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_number_comes_back(number in proptest::prelude::any::<u64>(), small in 0..300_u64) {
            for number in [number, small, number.wrapping_neg(), small.wrapping_neg()] {
                let mut bytes = Vec::new();
                put(&mut bytes, number);
                put(&mut bytes, unsigned(number));
                let mut rest = &bytes[..];
                proptest::prop_assert_eq!(take(&mut rest), Some(number));
                proptest::prop_assert_eq!(take(&mut rest).map(signed), Some(number));
                proptest::prop_assert!(rest.is_empty());
            }
        }
    }

    #[test]
    fn small_differences_are_short_and_nonsense_is_none() {
        let mut bytes = Vec::new();
        put(&mut bytes, unsigned(3_u64.wrapping_neg()));
        assert_eq!(bytes.len(), 1);
        assert_eq!(take(&mut &[0x80; 20][..]), None);
        assert_eq!(take(&mut &[][..]), None);
    }
}
