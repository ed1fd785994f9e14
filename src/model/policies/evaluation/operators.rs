//! Condition operators: their names, and how each compares one value with one of a policy.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.

use core::net::IpAddr;
use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset};

use super::answer::Answer;
use super::pattern::Pattern;

/// An operator with all that stands around its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// `ForAllValues:` or `ForAnyValue:`.
    pub set: Option<Set>,
    /// What it asks.
    pub test: Test,
    /// `…IfExists`.
    pub if_exists: bool,
}

/// How several values of a request are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// `ForAllValues:`.
    All,
    /// `ForAnyValue:`.
    Any,
}

/// What an operator asks about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// `Null`: whether it is absent.
    Null,
    /// Whether a value of it is like one of the policy's.
    Is(Comparison),
    /// Whether it is like none of them.
    IsNot(Comparison),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Letter by letter.
    String,
    /// The same without regard to case.
    StringIgnoreCase,
    /// With wildcards.
    StringLike,
    /// As numbers.
    Numeric(Order),
    /// As points in time.
    Date(Order),
    /// As `true` or `false`.
    Bool,
    /// As bytes, which both sides have in base64.
    Binary,
    /// An address and a range.
    IpAddress,
    /// ARNs, part by part, with wildcards.
    Arn,
}

/// What order is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The same.
    Equal,
    /// Less.
    Less,
    /// Less or the same.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or the same.
    GreaterOrEqual,
}

impl Operator {
    /// Reads the name of an operator; `None` where there is no such. The case of names does not matter here, so that
    /// no Deny is lost by it.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (set, name) = match name.split_once(':') {
            None => (None, name.as_str()),
            Some(("forallvalues", name)) => (Some(Set::All), name),
            Some(("foranyvalue", name)) => (Some(Set::Any), name),
            Some(_) => return None,
        };
        let (name, if_exists) = name.strip_suffix("ifexists").map_or((name, false), |name| (name, true));
        let test = Test::parse(name)?;
        let alone = set.is_none() && !if_exists;
        (alone || test != Test::Null).then_some(Self { set, test, if_exists })
    }
}

impl Test {
    fn parse(name: &str) -> Option<Self> {
        use Comparison::{Arn, Binary, Bool, IpAddress, String, StringIgnoreCase, StringLike};

        Some(match name {
            "null" => Self::Null,
            "stringequals" => Self::Is(String),
            "stringnotequals" => Self::IsNot(String),
            "stringequalsignorecase" => Self::Is(StringIgnoreCase),
            "stringnotequalsignorecase" => Self::IsNot(StringIgnoreCase),
            "stringlike" => Self::Is(StringLike),
            "stringnotlike" => Self::IsNot(StringLike),
            "bool" => Self::Is(Bool),
            "binaryequals" => Self::Is(Binary),
            "ipaddress" => Self::Is(IpAddress),
            "notipaddress" => Self::IsNot(IpAddress),
            "arnequals" | "arnlike" => Self::Is(Arn),
            "arnnotequals" | "arnnotlike" => Self::IsNot(Arn),
            _ => return Self::ordered(name),
        })
    }

    /// `Numeric…` and `Date…`.
    fn ordered(name: &str) -> Option<Self> {
        let numeric = name.strip_prefix("numeric").map(|order| (order, Comparison::Numeric as fn(Order) -> Comparison));
        let date = name.strip_prefix("date").map(|order| (order, Comparison::Date as fn(Order) -> Comparison));
        let (order, comparison) = numeric.or(date)?;
        Some(match order {
            "equals" => Self::Is(comparison(Order::Equal)),
            "notequals" => Self::IsNot(comparison(Order::Equal)),
            "lessthan" => Self::Is(comparison(Order::Less)),
            "lessthanequals" => Self::Is(comparison(Order::LessOrEqual)),
            "greaterthan" => Self::Is(comparison(Order::Greater)),
            "greaterthanequals" => Self::Is(comparison(Order::GreaterOrEqual)),
            _ => return None,
        })
    }
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Comparison {
    /// Whether variables are replaced in a policy's values.
    pub fn has_variables(self) -> bool {
        matches!(self, Self::String | Self::StringIgnoreCase | Self::StringLike | Self::Bool | Self::Arn)
    }

    /// Whether a value of a request is what a policy says. What either side cannot be read as is `Unsure`.
    pub fn holds(self, value: &str, expected: &Pattern) -> Answer {
        let text = expected.text();
        match self {
            Self::String => (value == text).into(),
            Self::StringIgnoreCase => (value.to_lowercase() == text.to_lowercase()).into(),
            Self::StringLike => expected.matches(value).into(),
            Self::Numeric(order) => numbers(value, &text).map(|ordering| order.holds(ordering)).into(),
            Self::Date(order) => dates(value, &text).map(|ordering| order.holds(ordering)).into(),
            Self::Bool => both(value, &text, boolean).map(|(one, other)| one == other).into(),
            Self::Binary => {
                both(value, &text, |text| STANDARD.decode(text).ok()).map(|(one, other)| one == other).into()
            }
            Self::IpAddress => is_in_range(value, &text).into(),
            Self::Arn => is_like_arn(value, expected),
        }
    }
}

fn both<T>(one: &str, other: &str, read: impl Fn(&str) -> Option<T>) -> Option<(T, T)> {
    Some((read(one)?, read(other)?))
}

/// `true` or `false`, for `Bool` and `Null`.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Whole numbers exactly, others as floating point numbers.
fn numbers(one: &str, other: &str) -> Option<Ordering> {
    if let Some((one, other)) = both(one, other, |text| text.parse::<i128>().ok()) {
        return Some(one.cmp(&other));
    }
    let (one, other) = both(one, other, |text| text.parse::<f64>().ok().filter(|number| number.is_finite()))?;
    one.partial_cmp(&other)
}

fn dates(one: &str, other: &str) -> Option<Ordering> {
    both(one, other, date).map(|(one, other)| one.cmp(&other))
}

/// A date in one of the forms of <http://www.w3.org/TR/NOTE-datetime>, or seconds since 1970. Four digits are a year.
fn date(text: &str) -> Option<DateTime<FixedOffset>> {
    if text.len() != 4
        && let Ok(seconds) = text.parse::<i64>()
    {
        return DateTime::from_timestamp(seconds, 0).map(|date| date.fixed_offset());
    }

    let full = match text.split_at_checked(16) {
        None if text.len() == 4 => format!("{text}-01-01T00:00:00Z"),
        None if text.len() == 7 => format!("{text}-01T00:00:00Z"),
        None => format!("{text}T00:00:00Z"),
        // Hours and minutes without seconds.
        Some((minutes, zone)) if !zone.starts_with(':') => format!("{minutes}:00{zone}"),
        Some(_) => text.to_owned(),
    };
    // Without a zone it is UTC.
    let read = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    read(&full).or_else(|| read(&format!("{full}Z")))
}

/// Whether an address is in a range, or the one that is named without a prefix. Ranges of the other family have none.
fn is_in_range(address: &str, range: &str) -> Option<bool> {
    let address = address.parse::<IpAddr>().ok()?.to_canonical();
    let (first, prefix) = match range.split_once('/') {
        Some((first, prefix)) => (first, Some(prefix.parse::<u32>().ok()?)),
        None => (range, None),
    };
    let first: IpAddr = first.parse().ok()?;
    let bits = if first.is_ipv4() { 32 } else { 128 };
    let rest = bits - prefix.filter(|prefix| *prefix <= bits).or_else(|| prefix.is_none().then_some(bits))?;

    Some(match (address, first) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).checked_shr(rest).unwrap_or(0) == 0,
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).checked_shr(rest).unwrap_or(0) == 0,
        _ => false,
    })
}

/// Part by part: a wildcard does not reach beyond a colon. What is no ARN is like none. A `*` alone, which AWS does not
/// document and many policies have, is every ARN.
fn is_like_arn(value: &str, expected: &Pattern) -> Answer {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    match expected.arn_parts() {
        Some(expected) => {
            (parts.len() == 6 && expected.iter().zip(parts).all(|(part, text)| part.matches(text))).into()
        }
        None if *expected == Pattern::new("*") => (parts.len() == 6).into(),
        None => Answer::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{No, Unsure, Yes};
    use super::*;

    fn compare(operator: &str, value: &str, expected: &str) -> Answer {
        match Operator::parse(operator).expect("an operator").test {
            Test::Is(comparison) => comparison.holds(value, &Pattern::new(expected)),
            Test::IsNot(comparison) => !comparison.holds(value, &Pattern::new(expected)),
            Test::Null => panic!("Null compares nothing"),
        }
    }

    #[test]
    fn operators_have_names() {
        for name in
            ["StringEqual", "Numeric", "DateLess", "ForSomeValues:Bool", "NullIfExists", "ForAnyValue:Null", "", ":"]
        {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
        for kind in ["String", "Numeric", "Date", "Arn"] {
            for end in ["Equals", "NotEquals"] {
                assert!(Operator::parse(&format!("{kind}{end}")).is_some(), "{kind}{end}");
            }
        }
        for kind in ["Numeric", "Date"] {
            for end in ["LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"] {
                assert!(Operator::parse(&format!("ForAllValues:{kind}{end}IfExists")).is_some(), "{kind}{end}");
            }
        }
        for name in ["Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnLike", "ArnNotLike", "Null", "StringLike"]
        {
            assert!(Operator::parse(name).is_some(), "{name}");
        }
        for end in ["EqualsIgnoreCase", "NotEqualsIgnoreCase", "NotLike"] {
            assert!(Operator::parse(&format!("ForAnyValue:String{end}")).is_some(), "{end}");
        }
        let operator = Operator { set: Some(Set::Any), test: Test::IsNot(Comparison::Arn), if_exists: true };
        assert_eq!(Operator::parse("ForAnyValue:ArnNotLikeIfExists"), Some(operator));
    }

    #[test]
    fn texts_compare() {
        for (operator, value, expected, answer) in [
            ("StringEquals", "a", "a", Yes),
            ("StringEquals", "a", "A", No),
            ("StringEquals", "ab", "a*", No),
            ("StringEquals", "a*", "a*", Yes),
            ("StringNotEquals", "a", "b", Yes),
            ("StringEqualsIgnoreCase", "aÄ", "Aä", Yes),
            ("StringNotEqualsIgnoreCase", "a", "A", No),
            ("StringLike", "t2.nano", "t?.*", Yes),
            ("StringLike", "T2.nano", "t?.*", No),
            ("StringNotLike", "m3.large", "t?.*", Yes),
            ("Bool", "true", "True", Yes),
            ("Bool", "true", "false", No),
            ("Bool", "yes", "true", Unsure),
            ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", Yes),
            ("BinaryEquals", "QQ==", "Qg==", No),
            ("BinaryEquals", "QQ==", "?", Unsure),
        ] {
            assert_eq!(compare(operator, value, expected), answer, "{operator} {value} {expected}");
        }
    }

    #[test]
    fn numbers_and_dates_compare() {
        for (operator, value, expected, answer) in [
            ("NumericEquals", "10", "10.0", Yes),
            ("NumericEquals", "9007199254740993", "9007199254740992", No),
            ("NumericNotEquals", "10", "11", Yes),
            ("NumericLessThan", "-1", "0.5", Yes),
            ("NumericLessThanEquals", "10", "10", Yes),
            ("NumericGreaterThan", "10", "10", No),
            ("NumericGreaterThanEquals", "1e1", "10", Yes),
            ("NumericEquals", "ten", "10", Unsure),
            ("NumericNotEquals", "NaN", "10", Unsure),
            ("DateGreaterThan", "2020-01-01T00:00:02Z", "2020-01-01T00:00:01Z", Yes),
            ("DateEquals", "2020-04-01T02:00:00+02:00", "2020-04-01T00:00Z", Yes),
            ("DateEquals", "1585699200", "2020-04-01", Yes),
            ("DateEquals", "2020-04-01T00:00:00.0", "2020-04", Yes),
            ("DateNotEquals", "2020", "2020-01-01T00:00:00.001Z", Yes),
            ("DateLessThan", "2020", "1577836801", Yes),
            ("DateLessThanEquals", "2020-06-30T23:59:59Z", "2020-06-30T23:59:59Z", Yes),
            ("DateGreaterThanEquals", "2019-12-31", "2020", No),
            ("DateLessThan", "2020-13-01", "2021", Unsure),
            ("DateLessThan", "2020-01-0ü", "2021", Unsure),
            ("DateLessThan", "soon", "2021", Unsure),
        ] {
            assert_eq!(compare(operator, value, expected), answer, "{operator} {value} {expected}");
        }
    }

    #[test]
    fn addresses_are_in_ranges() {
        for (operator, value, expected, answer) in [
            ("IpAddress", "203.0.113.255", "203.0.113.0/24", Yes),
            ("IpAddress", "203.0.114.0", "203.0.113.0/24", No),
            ("IpAddress", "203.0.113.7", "203.0.113.7", Yes),
            ("IpAddress", "203.0.113.8", "203.0.113.7", No),
            ("IpAddress", "::ffff:203.0.113.7", "203.0.113.0/24", Yes),
            ("IpAddress", "203.0.113.7", "0.0.0.0/0", Yes),
            ("IpAddress", "2001:db8:1234:5678::1", "2001:DB8:1234:5678::/64", Yes),
            ("IpAddress", "2001:db8:1234:5679::1", "2001:DB8:1234:5678::/64", No),
            ("IpAddress", "2001:db8::1", "::/0", Yes),
            ("IpAddress", "203.0.113.7", "::/0", No),
            ("NotIpAddress", "203.0.113.7", "203.0.113.0/24", No),
            ("NotIpAddress", "2001:db8::1", "203.0.113.0/24", Yes),
            ("IpAddress", "203.0.113.7", "203.0.113.0/33", Unsure),
            ("IpAddress", "203.0.113.7", "203.0.113/24", Unsure),
            ("NotIpAddress", "here", "203.0.113.0/24", Unsure),
        ] {
            assert_eq!(compare(operator, value, expected), answer, "{operator} {value} {expected}");
        }
    }

    #[test]
    fn arns_compare_part_by_part() {
        let finance = "arn:aws:someservice:*:111122223333:finance/*";
        let other = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt";
        assert_eq!(compare("StringLike", other, finance), Yes);
        assert_eq!(compare("ArnLike", other, finance), No);
        for (operator, value, expected, answer) in [
            ("ArnEquals", "arn:aws:someservice:us-east-2:111122223333:finance/a:b", finance, Yes),
            ("ArnLike", "arn:aws:sns:us-east-1:123456789012:t", "arn:aws:sns:us-*-1:?????????012:t", Yes),
            ("ArnNotEquals", "arn:aws:sns:us-east-1:123456789012:t", "arn:aws:sns:*:*:t", No),
            ("ArnNotLike", "no ARN", "arn:aws:sns:*:*:t", Yes),
            ("ArnEquals", "arn:aws:sns:us-east-1:123456789012:t", "*", Yes),
            ("ArnNotLike", "arn:aws:sns:us-east-1:123456789012:t", "*", No),
            ("ArnLike", "no ARN", "*", No),
            ("ArnLike", "arn:aws:sns:us-east-1:123456789012:t", "arn:aws:sns:*", Unsure),
        ] {
            assert_eq!(compare(operator, value, expected), answer, "{operator} {value} {expected}");
        }
    }
}
