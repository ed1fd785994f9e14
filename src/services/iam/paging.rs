//! Pages of IAM's listings: `MaxItems`, `Marker`, `IsTruncated`.

use serde::Serialize;

use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::page::Paging;
use crate::protocol::xml::List;

/// How IAM's requests name a page.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html>, `MaxItems`.
pub const PAGING: Paging = Paging { size: "MaxItems", token: "Marker", default: 100, most: 1000, unreadable };

/// AWS's words are not recorded.
fn unreadable(marker: &str) -> ApiError {
    ApiError::new(ErrorCode::ValidationError, format!("Invalid Marker: {marker}"))
}

/// Where the next page begins; flattened into answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PageEnd {
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl From<Option<String>> for PageEnd {
    fn from(marker: Option<String>) -> Self {
        Self { is_truncated: marker.is_some(), marker }
    }
}

/// A page as answers show it.
pub fn listed<T, S>((items, next): (Vec<T>, Option<String>), shown: impl Fn(&T) -> S) -> (List<S>, PageEnd) {
    (items.iter().map(shown).collect(), next.into())
}
