//! Folders that functions and layers run from directly (hot reload), as their users wrote them.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::blob::BlobId;

/// What an unset variable's name begins with where a pod had an absolute path.
const PORTABLE_PREFIX: &str = "LARDER_HOT_RELOAD_";

/// A folder of the machine: an absolute path, or one that begins with a variable of the server's environment, as
/// `$VAR/path` or `${VAR}/path`. It is kept as it was written; [`HotFolder::resolve`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HotFolder(pub String);

/// Why a text names no folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HotFolderError {
    /// It depends on where the server was started.
    #[error("the hot-reload folder '{0}' is not an absolute path; give one that begins with / or with $VARIABLE")]
    Relative(String),
    /// A dollar sign without a name.
    #[error("the hot-reload folder '{0}' has a $ that names no variable; write $NAME/path or ${{NAME}}/path")]
    NoVariable(String),
    /// The server's environment has no such variable.
    #[error("the hot-reload folder '{folder}' needs the variable {variable}; start the server with {variable}=/path")]
    Unset {
        /// The folder.
        folder: String,
        /// The variable.
        variable: String,
    },
    /// The variable's value is no absolute path.
    #[error(
        "the hot-reload folder '{folder}' needs an absolute path, but {variable} is '{value}'; start the server with \
         {variable}=/path"
    )]
    RelativeVariable {
        /// The folder.
        folder: String,
        /// The variable.
        variable: String,
        /// What it is set to.
        value: String,
    },
}

impl HotFolder {
    /// A digest of what it is called: it stands where code has that of its zip, and names no blob.
    pub fn digest(&self) -> BlobId {
        BlobId(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The variable it begins with, and the rest, which is empty or begins with a slash.
    fn split(&self) -> Result<Option<(&str, &str)>, HotFolderError> {
        let text = self.0.as_str();
        let Some(after) = text.strip_prefix('$') else { return Ok(None) };
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let (name, rest) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or_default(),
            None => after.split_at(after.find(|letter| !is_letter(letter)).unwrap_or(after.len())),
        };
        let named =
            !name.is_empty() && name.chars().all(is_letter) && !name.starts_with(|it: char| it.is_ascii_digit());
        if named && (rest.is_empty() || rest.starts_with('/')) {
            return Ok(Some((name, rest)));
        }
        Err(HotFolderError::NoVariable(text.to_owned()))
    }

    /// The variable that has to be set for it; `None` where the path is absolute or no path at all.
    pub fn variable(&self) -> Option<&str> {
        self.split().ok().flatten().map(|(name, _)| name)
    }

    /// The absolute path, with the value that `lookup` finds for the variable.
    ///
    /// # Errors
    /// It is relative, or the variable is not set to an absolute path.
    pub fn resolve(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<String, HotFolderError> {
        let Some((variable, rest)) = self.split()? else {
            let absolute = self.0.starts_with('/');
            return if absolute { Ok(self.0.clone()) } else { Err(HotFolderError::Relative(self.0.clone())) };
        };
        let (folder, variable) = (self.0.clone(), variable.to_owned());
        match lookup(&variable).filter(|value| !value.is_empty()) {
            Some(value) if value.starts_with('/') => Ok(format!("{}{rest}", value.trim_end_matches('/'))),
            Some(value) => Err(HotFolderError::RelativeVariable { folder, variable, value }),
            None => Err(HotFolderError::Unset { folder, variable }),
        }
    }

    /// The name of the variable that stands for the folder of `owner` in a pod.
    pub fn portable_variable(owner: &str) -> String {
        let letters = owner.chars().map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' });
        PORTABLE_PREFIX.chars().chain(letters).collect()
    }
}

impl fmt::Display for HotFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<String, HotFolderError> {
        HotFolder(text.to_owned()).resolve(|name| match name {
            "HOME" => Some("/home/me/".to_owned()),
            "HERE" => Some("src".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn absolute_paths_and_variables_are_folders() {
        for (text, path) in [
            ("/srv/code", "/srv/code"),
            ("/srv/$HOME", "/srv/$HOME"),
            ("$HOME/code", "/home/me/code"),
            ("${HOME}/code", "/home/me/code"),
            ("$HOME", "/home/me"),
        ] {
            assert_eq!(resolved(text).as_deref(), Ok(path), "{text}");
        }
    }

    #[test]
    fn all_else_is_told_apart() {
        for text in ["code", "./code", "", "~/code"] {
            assert_eq!(resolved(text), Err(HotFolderError::Relative(text.to_owned())));
        }
        for text in ["$", "$/code", "${HOME/code", "${}/x", "$HOME-x/code", "${HOME}code", "$1/code"] {
            assert_eq!(resolved(text), Err(HotFolderError::NoVariable(text.to_owned())), "{text}");
        }
        for text in ["$NONE/code", "$EMPTY/code"] {
            assert!(matches!(resolved(text), Err(HotFolderError::Unset { .. })), "{text}");
        }
        assert!(matches!(resolved("$HERE/x"), Err(HotFolderError::RelativeVariable { .. })));
    }
}
