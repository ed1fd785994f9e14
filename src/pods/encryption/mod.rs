//! Encrypted pods: the pod's file inside an age file (<https://age-encryption.org/v1>), which `age` and `rage` open too.
//! A build without the feature `encryption` says so where one is wanted.

#[cfg(feature = "encryption")]
mod age_files;
#[cfg(not(feature = "encryption"))]
mod left_out;

#[cfg(feature = "encryption")]
pub use age_files::{Keys, Lock, SealedWriter};
#[cfg(not(feature = "encryption"))]
pub use left_out::{Keys, Lock, SealedWriter};

/// What an age file begins with.
const MARK: &[u8] = b"age-encryption.org/v1\n";

/// Whether a file that begins with these bytes is encrypted.
pub fn is_sealed(beginning: &[u8]) -> bool {
    beginning.starts_with(MARK)
}
