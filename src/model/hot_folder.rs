//! Folders that functions and layers run from directly (hot reload), as their users wrote them.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::blob::BlobId;

/// What the names of variables begin with that may stand for folders: a caller must not learn of, or lead to, what
/// any other variable of the server holds.
pub const VARIABLE_PREFIX: &str = "LARDER_HOT_";

/// What an unset variable's name begins with where a pod had an absolute path.
const PORTABLE_PREFIX: &str = "LARDER_HOT_RELOAD_";

/// A setting of the server's that begins as they do.
const ROOTS: &str = "LARDER_HOT_RELOAD_ROOTS";

/// A folder of the machine: an absolute path, or one that begins with a variable of the server's environment whose
/// name begins with [`VARIABLE_PREFIX`], as `$LARDER_HOT_CODE/path` or `${LARDER_HOT_CODE}/path`. It is kept as it was
/// written; [`HotFolder::resolve`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HotFolder(pub String);

/// Why a text names no folder. No text tells what a variable holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HotFolderError {
    /// It depends on where the server was started.
    #[error(
        "the hot-reload folder '{0}' is not an absolute path; give one that begins with / or with $LARDER_HOT_NAME"
    )]
    Relative(String),
    /// A dollar sign without a name.
    #[error("the hot-reload folder '{0}' has a $ that names no variable; write $LARDER_HOT_NAME/path")]
    NoVariable(String),
    /// Variables by other names are none of a caller's business.
    #[error(
        "the hot-reload folder '{folder}' begins with a variable that is not for folders: their names begin with \
         LARDER_HOT_; start the server with LARDER_HOT_{variable}=/path, and write $LARDER_HOT_{variable}"
    )]
    NotForFolders {
        /// The folder.
        folder: String,
        /// The variable.
        variable: String,
    },
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
        "the hot-reload folder '{folder}' needs an absolute path in {variable}; start the server with {variable}=/path"
    )]
    RelativeVariable {
        /// The folder.
        folder: String,
        /// The variable.
        variable: String,
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

    /// Whether it leaves to each server where it is: it begins with a variable that is for folders.
    pub fn is_portable(&self) -> bool {
        self.variable().is_some_and(is_for_folders)
    }

    /// The absolute path, with the value that `lookup` finds for the variable.
    ///
    /// # Errors
    /// It is relative, or the variable is not for folders or not set to an absolute path.
    pub fn resolve(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<String, HotFolderError> {
        let Some((variable, rest)) = self.split()? else {
            let absolute = self.0.starts_with('/');
            return if absolute { Ok(self.0.clone()) } else { Err(HotFolderError::Relative(self.0.clone())) };
        };
        let folder = self.0.clone();
        let variable = variable.to_owned();
        if !is_for_folders(&variable) {
            return Err(HotFolderError::NotForFolders { folder, variable });
        }

        match lookup(&variable).filter(|value| !value.is_empty()) {
            Some(value) if value.starts_with('/') => Ok(format!("{}{rest}", value.trim_end_matches('/'))),
            Some(_) => Err(HotFolderError::RelativeVariable { folder, variable }),
            None => Err(HotFolderError::Unset { folder, variable }),
        }
    }

    /// The name of the variable that stands for the folder of `owner` in a pod.
    pub fn portable_variable(owner: &str) -> String {
        let letters = owner.chars().map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' });
        let name: String = PORTABLE_PREFIX.chars().chain(letters).collect();
        if is_for_folders(&name) { name } else { format!("{name}_") }
    }
}

/// Whether a variable by this name may stand for a folder.
fn is_for_folders(name: &str) -> bool {
    name.len() > VARIABLE_PREFIX.len() && name.starts_with(VARIABLE_PREFIX) && name != ROOTS
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
            "LARDER_HOT_HOME" | "HOME" => Some("/home/me/".to_owned()),
            "LARDER_HOT_HERE" => Some("src".to_owned()),
            "LARDER_HOT_EMPTY" => Some(String::new()),
            ROOTS => Some("/srv".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn absolute_paths_and_variables_are_folders() {
        for (text, path) in [
            ("/srv/code", "/srv/code"),
            ("/srv/$HOME", "/srv/$HOME"),
            ("$LARDER_HOT_HOME/code", "/home/me/code"),
            ("${LARDER_HOT_HOME}/code", "/home/me/code"),
            ("$LARDER_HOT_HOME", "/home/me"),
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
        for text in ["$LARDER_HOT_NONE/code", "$LARDER_HOT_EMPTY/code"] {
            assert!(matches!(resolved(text), Err(HotFolderError::Unset { .. })), "{text}");
        }
        assert!(matches!(resolved("$LARDER_HOT_HERE/x"), Err(HotFolderError::RelativeVariable { .. })));
    }

    #[test]
    fn no_error_tells_what_a_variable_holds() {
        for text in ["$HOME/code", "${HOME}", "$PATH", "$LARDER_HOT_", "$LARDER_HOT_RELOAD_ROOTS/x"] {
            let error = resolved(text).expect_err("is not for folders");
            assert!(matches!(error, HotFolderError::NotForFolders { .. }), "{text}");
            assert!(!error.to_string().contains("/home/me") && !error.to_string().contains("/srv"), "{error}");
        }
        let error = resolved("$LARDER_HOT_HERE/x").expect_err("is relative").to_string();
        assert!(!error.contains("src"), "{error}");
    }

    #[test]
    fn a_variable_of_a_pod_is_no_setting() {
        assert_eq!(HotFolder::portable_variable("my-f"), "LARDER_HOT_RELOAD_MY_F");
        assert_eq!(HotFolder::portable_variable("roots"), "LARDER_HOT_RELOAD_ROOTS_");
    }
}
