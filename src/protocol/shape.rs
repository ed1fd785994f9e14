//! Request shapes: members, where they are bound, and the constraints of AWS's model.
//!
//! A shape is declared beside its operation and checked before the operation runs; all violations
//! are reported in one message, in AWS's words.

mod check;

pub use check::{broken_item, check, drop_nulls};
use serde_json::Value;

/// A member of a request.
#[derive(Debug)]
pub struct Member {
    /// Name in the API, such as `FunctionName`.
    pub name: &'static str,
    /// Name in path or query, where it differs (`tagKeys`).
    pub wire_name: &'static str,
    /// Where it is sent.
    pub location: Location,
    /// Whether it must be there.
    pub required: bool,
    /// Its type and constraints.
    pub kind: Kind,
}

/// Where a member is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the JSON body.
    Body,
    /// In the path, under its own name.
    Path,
    /// In the query string, under its own name.
    Query,
    /// In this header.
    Header(&'static str),
}

/// Type and constraints of a member.
#[derive(Debug)]
pub enum Kind {
    /// A text.
    Text {
        /// Least and most characters.
        length: Option<(usize, usize)>,
        /// Regular expression for the whole of it.
        pattern: Option<&'static str>,
        /// The allowed values.
        values: &'static [&'static str],
    },
    /// A whole number between two.
    Integer(i64, i64),
    /// A number between two.
    Float(f64, f64),
    /// True or false.
    Boolean,
    /// A time: seconds since the epoch, or a text of ISO 8601.
    Timestamp,
    /// Bytes, as base64.
    Blob,
    /// A list.
    List {
        /// Least and most items.
        length: Option<(usize, usize)>,
        /// What each item is.
        item: &'static Kind,
    },
    /// A map from text.
    Map {
        /// Least and most entries.
        length: Option<(usize, usize)>,
        /// What each key is.
        key: &'static Kind,
        /// What each value is.
        value: &'static Kind,
    },
    /// A structure.
    Structure(&'static [Member]),
    /// An item of a list, of which AWS says among its constraints that it must not be null: of some
    /// lists it says so, of others not.
    NotNull(&'static Kind),
    /// A kind of which more is to be said than its constraints.
    Judged {
        /// The kind.
        kind: &'static Kind,
        /// The violation in AWS's words, if there is one.
        judge: fn(&Value) -> Option<String>,
    },
}

/// Any text.
pub const TEXT: Kind = Kind::Text { length: None, pattern: None, values: &[] };

/// A text of `least` to `most` characters.
pub const fn length(least: usize, most: usize) -> Kind {
    Kind::Text { length: Some((least, most)), pattern: None, values: &[] }
}

/// A text of `least` to `most` characters that matches `pattern`.
pub const fn pattern(least: usize, most: usize, pattern: &'static str) -> Kind {
    Kind::Text { length: Some((least, most)), pattern: Some(pattern), values: &[] }
}

/// One of some texts.
pub const fn one_of(values: &'static [&'static str]) -> Kind {
    Kind::Text { length: None, pattern: None, values }
}

impl Member {
    /// A member of the body.
    pub const fn body(name: &'static str, kind: Kind) -> Self {
        Self { name, wire_name: name, location: Location::Body, required: false, kind }
    }

    /// A member of the path; always there.
    pub const fn path(name: &'static str, kind: Kind) -> Self {
        Self { name, wire_name: name, location: Location::Path, required: true, kind }
    }

    /// A member of the query string.
    pub const fn query(name: &'static str, kind: Kind) -> Self {
        Self { name, wire_name: name, location: Location::Query, required: false, kind }
    }

    /// A member sent as a header.
    pub const fn header(name: &'static str, header: &'static str, kind: Kind) -> Self {
        Self { name, wire_name: header, location: Location::Header(header), required: false, kind }
    }

    /// The same under another name in path or query.
    pub const fn on_wire(self, wire_name: &'static str) -> Self {
        Self { wire_name, ..self }
    }

    /// The same, required.
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}
