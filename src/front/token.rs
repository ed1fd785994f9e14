//! The store's token: whoever has it is the store's owner, also over the port.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Name of the token's file in a data dir.
pub const FILE: &str = "token";

/// A token, by its digest: comparing digests takes no longer for a better guess.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token of a data dir, made at its first start.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => text,
            Ok(_) => make(data_dir)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(data_dir)?,
            Err(error) => return Err(error),
        };
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self::of(text.trim()))
    }

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether this is it.
    pub fn is(&self, given: &str) -> bool {
        Self::of(given) == *self
    }
}

/// Writes a new one, whole or not at all.
fn make(data_dir: &Path) -> io::Result<String> {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in rand::random::<[u8; 32]>() {
        let _ = write!(text, "{byte:02x}");
    }
    let mut file = tempfile::Builder::new().prefix(".tmp-token-").tempfile_in(data_dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(data_dir.join(FILE)).map_err(|error| error.error)?;
    File::open(data_dir)?.sync_all()?;

    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stays_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let token = Token::open(folder.path()).expect("made");
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).expect("written");
        assert_eq!(text.len(), 64);
        assert!(token.is(&text) && !token.is(&text[1..]) && !token.is(""));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("set");
        assert_eq!(Token::open(folder.path()).expect("read"), token);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(!format!("{token:?}").contains(&text));
    }
}
