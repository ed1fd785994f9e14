//! The kernel's table of mounts, `/proc/PID/mountinfo`, as far as the server and the init both read it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// A field of the table without the kernel's octal escapes (`\040` for a space).
pub fn unescaped(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) = (first, tail) {
            bytes.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
            rest = after;
        } else {
            bytes.push(*first);
        }
    }

    OsString::from_vec(bytes)
}
