//! The names of segments: the sequence of the first event, and the part, as records of what is under way may fill
//! several segments before there is another event.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The name of a segment; in the order in which they were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Sequence of its first event, or of the one behind it where it has none.
    pub first: u64,
    /// How many segments have the same first event before it.
    pub part: u32,
}

impl Name {
    /// The name of a file of the journal.
    pub fn of(path: &Path) -> Option<Self> {
        let mut parts = path.file_name()?.to_str()?.split('.');
        let first = parts.next()?.parse().ok()?;
        let part = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        Some(Self { first, part })
    }

    /// Where a segment lies as long as it is not compressed.
    pub fn path(self, folder: &Path) -> PathBuf {
        let Self { first, part } = self;
        folder.join(if part == 0 { format!("{first:020}.segment") } else { format!("{first:020}.{part:06}.segment") })
    }

    /// The first segment of an event.
    pub fn first(first: u64) -> Self {
        Self { first, part: 0 }
    }

    /// The name of the segment behind this one, which begins with the event `next`.
    pub fn next(self, next: u64) -> Self {
        if next == self.first { Self { first: next, part: self.part + 1 } } else { Self::first(next) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { first, part: 0 } => first.fmt(f),
            Self { first, part } => write!(f, "{first}.{part}"),
        }
    }
}

impl FromStr for Name {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((first, part)) => Ok(Self { first: first.parse()?, part: part.parse()? }),
            None => Ok(Self::first(text.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_files_and_lists() {
        let folder = Path::new("journal");
        for name in [Name::first(7), Name { first: 7, part: 12 }] {
            let path = name.path(folder);
            assert_eq!(Name::of(&path), Some(name));
            assert_eq!(Name::of(&path.with_extension("segment.zst")), Some(name));
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!(Name::of(Path::new("journal/segments")), None);
    }

    #[test]
    fn the_next_segment_has_a_name_of_its_own() {
        assert_eq!(Name::first(7).next(7), Name { first: 7, part: 1 });
        assert_eq!(Name { first: 7, part: 1 }.next(9), Name::first(9));
    }
}
