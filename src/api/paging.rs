//! Pages of listings: `MaxItems`, `Marker`, `NextMarker`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::call::Call;
use crate::model::error::ApiError;

/// Items of a page at most, whatever the caller asks for.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>, `MaxItems`.
const MAX_ITEMS: usize = 50;

/// What part of a listing a caller wants.
#[derive(Debug)]
pub struct Page {
    /// Items at most.
    size: usize,
    /// The key of the last item of the page before.
    after: Option<String>,
}

impl Page {
    /// The page a call asks for.
    ///
    /// # Errors
    /// A marker that no listing gave out.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        Self::up_to(call, MAX_ITEMS)
    }

    /// The page a call asks for, of an operation whose pages have another size at most.
    ///
    /// # Errors
    /// A marker that no listing gave out.
    pub fn up_to(call: &Call, most: usize) -> Result<Self, ApiError> {
        let size = call.number("MaxItems").map_or(most, |items| usize::try_from(items).unwrap_or(most));
        let after = call.text("Marker").filter(|marker| !marker.is_empty()).map(decode).transpose()?;
        Ok(Self { size: size.min(most), after })
    }

    /// The key after which the page begins.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The key after which the page begins, read by `parse`.
    ///
    /// # Errors
    /// A marker of another listing.
    pub fn after_key<'a, T>(&'a self, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, ApiError> {
        self.after().map(|key| parse(key).ok_or_else(unreadable)).transpose()
    }

    /// Takes the page's items off a listing that starts after [`Page::after`], with the marker of the
    /// next page if there is one.
    pub fn take<T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let mut items = items.peekable();
        let taken: Vec<T> = items.by_ref().take(self.size).collect();
        let next = items.peek().and(taken.last()).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        (taken, next)
    }
}

/// The page a call asks for of a listing whose items are named by ARN, and the marker of the next. They are
/// sorted by it, and a marker is the ARN of a page's first item, as other local Lambdas have it (recorded
/// calls of `test_url_config_list_paging` send one).
pub fn by_arn<T>(call: &Call, items: impl Iterator<Item = T>, arn: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let from = call.text("Marker").unwrap_or_default();
    let size =
        call.number("MaxItems").and_then(|items| usize::try_from(items).ok()).unwrap_or(MAX_ITEMS).min(MAX_ITEMS);
    let mut items: Vec<_> = items.map(|item| (arn(&item), item)).filter(|(arn, _)| &**arn >= from).collect();
    items.sort_by(|(first, _), (second, _)| first.cmp(second));
    // A page that is full has a marker, also where nothing is behind it (recorded: a page of two of two has one).
    let behind_last = || items.last().filter(|_| items.len() == size).map(|(arn, _)| format!("{arn}~"));
    let next = items.get(size).map(|(arn, _)| arn.clone()).or_else(behind_last);
    items.truncate(size);
    (items.into_iter().map(|(_, item)| item).collect(), next)
}

fn decode(marker: &str) -> Result<String, ApiError> {
    let key = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(unreadable)
}

fn unreadable() -> ApiError {
    ApiError::invalid_parameter("Could not parse pagination token.")
}
