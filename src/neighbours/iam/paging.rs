//! Pages of listings: `MaxItems`, `Marker`, `IsTruncated`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::model::error::{ApiError, ErrorCode};
use crate::neighbours::xml::List;

/// Items of a page if the caller does not say.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html>, `MaxItems`.
const DEFAULT_ITEMS: usize = 100;

/// What part of a listing a caller wants; flattened into requests.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PageRequest {
    max_items: Option<usize>,
    marker: Option<String>,
}

/// The same of a listing of a part of a tree.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TreeRequest {
    /// What paths begin with.
    pub path_prefix: Option<String>,
    /// The part of the listing.
    #[serde(flatten)]
    pub page: PageRequest,
}

/// A page, and where the next begins; flattened into answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PageEnd {
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

/// The page a request asks for.
#[derive(Debug)]
pub struct Page {
    size: usize,
    after: String,
}

impl Page {
    /// # Errors
    /// A marker that no listing gave out.
    pub fn of(request: &PageRequest) -> Result<Self, ApiError> {
        let after = request.marker.as_deref().map(decode).transpose()?.unwrap_or_default();
        Ok(Self { size: request.max_items.unwrap_or(DEFAULT_ITEMS), after })
    }

    /// The key after which the page begins; empty for the first.
    pub fn after(&self) -> &str {
        &self.after
    }

    /// Takes the page's items off a listing that starts after [`Page::after`].
    pub fn take<T, S>(
        &self,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
        shown: impl Fn(&T) -> S,
    ) -> (List<S>, PageEnd) {
        let (taken, end) = self.cut(items, key);
        (taken.iter().map(shown).collect(), end)
    }

    /// The page's items themselves.
    fn cut<T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<T>, PageEnd) {
        let mut items = items.peekable();
        let taken: Vec<T> = items.by_ref().take(self.size).collect();
        let marker = items.peek().and(taken.last()).map(|last| STANDARD.encode(key(last)));
        (taken, PageEnd { is_truncated: marker.is_some(), marker })
    }

    /// The same for a listing that does not start there by itself, sorted by its keys.
    pub fn cut_sorted<T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<T>, PageEnd) {
        self.cut(items.filter(|item| self.after.is_empty() || key(item) > self.after), &key)
    }

    /// The same for a listing that does not start there by itself, sorted by its keys.
    pub fn take_sorted<T, S>(
        &self,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
        shown: impl Fn(&T) -> S,
    ) -> (List<S>, PageEnd) {
        self.take(items.filter(|item| self.after.is_empty() || key(item) > self.after), &key, shown)
    }
}

fn decode(marker: &str) -> Result<String, ApiError> {
    let key = STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    // AWS's words are not recorded.
    key.ok_or_else(|| ApiError::new(ErrorCode::ValidationError, format!("Invalid Marker: {marker}")))
}
