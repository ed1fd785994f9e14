//! Pages of listings: `limit` and `nextToken`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::invalid;
use super::request::Request;
use crate::model::error::ApiError;

/// Items of a page where the caller names no limit.
const PAGE: usize = 50;

/// What part of a listing a caller wants.
#[derive(Debug)]
pub struct Page {
    size: usize,
    after: Option<String>,
}

impl Page {
    /// The page that a request asks for.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let size = request.number("limit").map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE));
        Ok(Self { size, after: request.text("nextToken").map(read_token).transpose()? })
    }

    /// The key of the last item of the page before.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Takes the page off a listing in the order of its keys, or against it; with the token of the next page.
    pub fn take<T>(
        &self,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
        descending: bool,
    ) -> (Vec<T>, Option<String>) {
        let is_later = |item: &T| match self.after() {
            Some(after) if descending => key(item).as_str() < after,
            Some(after) => key(item).as_str() > after,
            None => true,
        };
        let mut items = items.filter(is_later).peekable();
        let taken: Vec<T> = items.by_ref().take(self.size).collect();
        let next = items.peek().and(taken.last()).map(|last| token(&key(last)));
        (taken, next)
    }
}

/// A token that stands for a text.
pub fn token(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The text of a token.
pub fn read_token(token: &str) -> Result<String, ApiError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    // Recorded in `test_filter_log_events_unknown_token`.
    text.ok_or_else(|| invalid("The specified nextToken is invalid."))
}
