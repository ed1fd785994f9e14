//! Three answers to "does it hold?", after Kleene's logic.

use std::ops::Not;

/// Whether something holds. What cannot be read or compared is neither met nor unmet: an Allow then does not apply and
/// a Deny does, however deep in a statement the doubt sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// Nobody can tell.
    Unsure,
}

impl Answer {
    /// Whether one of them holds.
    pub fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Self::No;
        for answer in answers {
            match answer {
                Self::Yes => return Self::Yes,
                Self::Unsure => any = Self::Unsure,
                Self::No => {}
            }
        }
        any
    }

    /// Whether all of them hold.
    pub fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        !Self::any(answers.into_iter().map(Not::not))
    }
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl From<Option<bool>> for Answer {
    /// What could not be told is `None`.
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Unsure, Self::from)
    }
}

impl Not for Answer {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unsure => Self::Unsure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{self, No, Unsure, Yes};

    #[test]
    fn doubt_yields_only_to_what_settles_the_matter() {
        assert_eq!(Answer::all([Yes, Unsure, No]), No);
        assert_eq!(Answer::all([Yes, Unsure]), Unsure);
        assert_eq!(Answer::all([]), Yes);
        assert_eq!(Answer::any([No, Unsure, Yes]), Yes);
        assert_eq!(Answer::any([No, Unsure]), Unsure);
        assert_eq!(Answer::any([]), No);
        assert_eq!(!Unsure, Unsure);
    }
}
