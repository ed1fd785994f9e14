//! Wildcards: `*` for any letters, also none, and `?` for one.

/// A text with wildcards, in which some letters are only letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Letter(char),
    /// `?`.
    One,
    /// `*`.
    Any,
    /// A `*` that passes no colon.
    AnyInSegment,
}

impl Pattern {
    /// Reads a text whose `*` and `?` are wildcards.
    pub fn new(text: &str) -> Self {
        let mut pattern = Self::default();
        pattern.push(text);
        pattern
    }

    /// Appends a text whose `*` and `?` are wildcards.
    pub fn push(&mut self, text: &str) {
        self.0.extend(text.chars().map(|letter| match letter {
            '*' => Token::Any,
            '?' => Token::One,
            letter => Token::Letter(letter),
        }));
    }

    /// Appends a text whose letters stand for themselves.
    pub fn push_literal(&mut self, text: &str) {
        self.0.extend(text.chars().map(Token::Letter));
    }

    /// The text, for comparisons that know no wildcards.
    pub fn text(&self) -> String {
        let letters = self.0.iter().map(|token| match token {
            Token::Letter(letter) => *letter,
            Token::One => '?',
            Token::Any | Token::AnyInSegment => '*',
        });
        letters.collect()
    }

    /// The same as a `Resource`: a `*` that is not the last letter of its segment stays inside it, up to the fifth
    /// colon, after which colons are letters of a name.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>, "Using
    /// wildcards in resource ARNs": only a last `*` "can expand to match beyond the colon boundaries".
    pub fn of_resource(mut self) -> Self {
        let mut colons = 0;
        for at in 0..self.0.len() {
            let ends = self.0.get(at + 1).is_none_or(|next| *next == Token::Letter(':'));
            match &mut self.0[at] {
                Token::Letter(':') => colons += 1,
                star @ Token::Any if colons < ARN_COLONS && !ends => *star = Token::AnyInSegment,
                _ => {}
            }
        }
        self
    }

    /// The six parts of an ARN; `None` where there are fewer.
    pub fn arn_parts(&self) -> Option<[Self; 6]> {
        let parts = self.0.splitn(ARN_COLONS + 1, |token| *token == Token::Letter(':'));
        let parts: Vec<Self> = parts.map(|part| Self(part.to_vec())).collect();
        parts.try_into().ok()
    }

    /// Whether a text is what the pattern says. Takes time in the product of both lengths, whatever the pattern.
    pub fn matches(&self, text: &str) -> bool {
        // Most patterns have no wildcard, or one at their end.
        let mut text = text.chars();
        let mut tokens = self.0.iter();
        while let Some(Token::Letter(letter)) = tokens.as_slice().first() {
            if text.next() != Some(*letter) {
                return false;
            }
            tokens.next();
        }
        if tokens.as_slice() == [Token::Any] {
            return true;
        }

        let letters: Vec<char> = text.collect();
        // At which letters of the text the pattern so far may end.
        let mut ends = vec![false; letters.len() + 1];
        ends[0] = true;
        for token in tokens {
            token.step(&mut ends, &letters);
        }
        ends[letters.len()]
    }
}

/// Colons in front of the last part of an ARN.
const ARN_COLONS: usize = 5;

impl Token {
    fn step(self, ends: &mut [bool], letters: &[char]) {
        match self {
            Self::Any | Self::AnyInSegment => {
                for (at, letter) in letters.iter().enumerate() {
                    ends[at + 1] |= ends[at] && (self == Self::Any || *letter != ':');
                }
            }
            Self::One | Self::Letter(_) => {
                for (at, letter) in letters.iter().enumerate().rev() {
                    ends[at + 1] = ends[at] && (self == Self::One || self == Self::Letter(*letter));
                }
                ends[0] = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_letters() {
        for (pattern, fits, other) in [
            ("orders", "orders", "orders2"),
            ("orders*", "orders", "order"),
            ("a*b*c", "aXbYc", "aXcYb"),
            ("ab*ba", "abba", "aba"),
            ("?", "ü", ""),
            ("t?.*", "t2.nano", "t22.nano"),
            ("", "", "x"),
        ] {
            assert!(Pattern::new(pattern).matches(fits), "{pattern} {fits}");
            assert!(!Pattern::new(pattern).matches(other), "{pattern} {other}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time() {
        let pattern = Pattern::new(&"*a".repeat(500));
        assert!(!pattern.matches(&"a".repeat(499)));
        assert!(pattern.matches(&"a".repeat(1000)));
    }

    #[test]
    fn stars_of_resources_keep_to_their_segment() {
        let matches = |pattern: &str, arn: &str| Pattern::new(pattern).of_resource().matches(arn);
        assert!(matches("*", "arn:aws:lambda:us-east-1:1:function:f"));
        assert!(matches("arn:aws:lambda:*", "arn:aws:lambda:us-east-1:1:function:f"));
        assert!(matches("arn:aws:lambda:*:function:f", "arn:aws:lambda:us-east-1:1:function:f"));
        assert!(matches("arn:aws:lambda:us-*-1:1:function:f", "arn:aws:lambda:us-east-1:1:function:f"));
        assert!(!matches("arn:aws:l*a:us-east-1:1:x", "arn:aws:l:r:a:us-east-1:1:x"));
        assert!(matches("arn:aws:s3:::bucket/*.txt", "arn:aws:s3:::bucket/a:b.txt"));
    }

    /// The definition, without a thought for time.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), Some((_, others))) => by_definition(rest, text) || by_definition(pattern, others),
            (Some(('*', rest)), None) => by_definition(rest, text),
            (Some((letter, rest)), Some((other, others))) => {
                (*letter == '?' || letter == other) && by_definition(rest, others)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in "[ab*?]{0,8}", text in "[ab:]{0,10}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = by_definition(&letters(&pattern), &letters(&text));
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
        }

        #[test]
        fn a_star_is_everything_and_a_literal_is_itself(text in any::<String>(), other in any::<String>()) {
            prop_assert!(Pattern::new("*").matches(&text));
            prop_assert!(Pattern::new("*").of_resource().matches(&text));
            let mut literal = Pattern::default();
            literal.push_literal(&text);
            prop_assert!(literal.matches(&text));
            prop_assert_eq!(literal.matches(&other), text == other);
            prop_assert_eq!(literal.text(), text);
        }
    }
}
