//! What an event pattern asks for: as it is looked up, not as it was written.

use std::collections::HashSet;

/// A pattern: all of its fields must be met.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pattern {
    /// What members of the event must be.
    pub fields: Vec<(String, Field)>,
    /// Each `$or`: one of its patterns must be met.
    pub choices: Vec<Vec<Pattern>>,
}

/// What one member of the event must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// An object that meets a pattern.
    Inner(Pattern),
    /// A value that passes one of the tests.
    Leaf(Tests),
}

/// What a value may be: equal values are looked up, however many there are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tests {
    /// Texts that it may be.
    pub texts: HashSet<String>,
    /// Numbers that it may be, as they are written: 300 and 300.0 are two, as on AWS. (What JSON's exponents say is
    /// written out: 3.0e2 is 300.0.)
    pub numbers: HashSet<String>,
    /// Whether it may be `null`.
    pub null: bool,
    /// Which of the two truth values it may be.
    pub bools: HashSet<bool>,
    /// Whether any value will do.
    pub present: bool,
    /// Whether it will do that there is none.
    pub absent: bool,
    /// Tests that have to be made one after the other.
    pub others: Vec<Test>,
}

/// A test that is no comparison with a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `prefix`.
    Prefix(String),
    /// `prefix` with `equals-ignore-case`, in small letters.
    PrefixIgnoringCase(String),
    /// `suffix`.
    Suffix(String),
    /// `suffix` with `equals-ignore-case`, in small letters.
    SuffixIgnoringCase(String),
    /// `equals-ignore-case`, in small letters.
    EqualsIgnoringCase(String),
    /// `numeric`: all of these.
    Numeric(Vec<(Comparison, f64)>),
    /// `anything-but`: none of these.
    Not(Box<Tests>),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`.
    Equal,
    /// `<`.
    Less,
    /// `<=`.
    AtMost,
    /// `>`.
    Greater,
    /// `>=`.
    AtLeast,
}
