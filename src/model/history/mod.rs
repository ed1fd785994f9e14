//! History itself: its marks, and why a state was brought back or in.

pub mod command;
pub mod decide;
pub mod event;

pub use super::names::MarkName;
use super::time::Timestamp;

/// Letters of a mark's name at most.
const NAME: usize = 128;

impl MarkName {
    /// Reads a name: letters, digits, `-`, `_` and `.`, 1 to 128 of them.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if text.is_empty() || text.len() > NAME || !text.chars().all(fits) {
            return Err(format!(
                "`{}` cannot name a mark: 1 to {NAME} letters, digits, `-`, `_` or `.` can",
                text.chars().take(NAME).collect::<String>()
            ));
        }
        Ok(text.into())
    }
}

/// A named point of history: the state as it was after the event that made the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Sequence of that event.
    pub sequence: u64,
    /// When it was made.
    pub time: Timestamp,
}

/// Why many resources changed at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The state was brought back to what it was.
    Rewind {
        /// To after this event.
        to: u64,
        /// The mark that named it.
        mark: Option<String>,
        /// Which resources, as they were chosen; empty: all.
        only: Vec<String>,
    },
    /// A pod was loaded.
    PodLoaded {
        /// The pod's digest, `sha256:…`.
        digest: String,
        /// Where it came from; without credentials.
        source: String,
        /// Its message.
        message: Option<String>,
        /// How it was merged.
        strategy: String,
    },
}
