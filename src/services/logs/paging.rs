//! Pages of listings: `limit` and `nextToken`.

use super::invalid;
use crate::model::error::ApiError;
use crate::protocol::page::{self, Paging};

/// How requests name a page.
pub const PAGING: Paging = Paging { size: "limit", token: "nextToken", default: 50, most: usize::MAX, unreadable };

/// Recorded in `test_filter_log_events_unknown_token`.
fn unreadable(_token: &str) -> ApiError {
    invalid("The specified nextToken is invalid.")
}

/// The text of a token.
pub fn read_token(token: &str) -> Result<String, ApiError> {
    page::read_token(token).ok_or_else(|| unreadable(token))
}
