//! Violated shapes in the words of the query protocol.

use serde_json::{Map, Value};

use super::shape::{self, Member};
use crate::model::error::{ApiError, ErrorCode};

/// Checks a request; violations show the values, as STS's do.
pub fn check_showing_values(members: &[Member], input: &Map<String, Value>) -> Result<(), ApiError> {
    shape::check(members, input).map_err(|error| violation(error.message.unwrap_or_default()))
}

/// Checks a request; violations do not show the values, as IAM's do not (`LocalStack`'s snapshots of AWS's, 2026).
pub fn check_hiding_values(members: &[Member], input: &Map<String, Value>) -> Result<(), ApiError> {
    shape::check(members, input).map_err(|error| violation(without_values(&error.message.unwrap_or_default())))
}

fn violation(message: String) -> ApiError {
    ApiError::new(ErrorCode::ValidationError, message)
}

/// `Value 'x' at 'name' failed …` without the `'x'`.
fn without_values(message: &str) -> String {
    let mut parts = message.split("Value ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        // A value may hold anything, so that what is before the last " at '" belongs to it.
        let place = part.find("' failed to satisfy constraint").and_then(|end| part[..end].rfind(" at '"));
        match place {
            Some(place) => format!("{text}Value{}", not_null_in_lists(&part[place..])),
            // The middle of a value that has this word in it.
            None => text,
        }
    })
}

/// IAM says of every list that its items must not be null (as in `LocalStack`'s snapshots of AWS's IAM); Lambda
/// of those with enums only.
fn not_null_in_lists(violation: &str) -> String {
    const LAST: &str = ", Member must not be null]";
    let (violation, rest) = violation.strip_suffix("; ").map_or((violation, ""), |violation| (violation, "; "));
    match violation.strip_suffix(']').filter(|_| violation.contains("Member must satisfy constraint: [")) {
        Some(open) if !violation.ends_with(LAST) => format!("{open}{LAST}{rest}"),
        _ => format!("{violation}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::shape::length;

    #[test]
    fn values_can_be_left_out_of_violations() {
        let members = &[Member::body("Name", length(1, 2)), Member::body("Other", length(1, 2)).required()];
        let input = serde_json::json!({ "Name": "Value 'x' at 'y' failed to" });
        let error = check_hiding_values(members, input.as_object().expect("an object")).expect_err("is refused");
        assert_eq!(
            error.message.as_deref(),
            Some(
                "2 validation errors detected: Value at 'name' failed to satisfy constraint: Member must have length \
                 less than or equal to 2; Value at 'other' failed to satisfy constraint: Member must not be null"
            )
        );
    }
}
