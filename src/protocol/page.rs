//! Pages of listings: what part of one a caller wants, and where the next begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::call::Call;
use crate::model::error::ApiError;

/// How a service's requests name a page.
#[derive(Debug)]
pub struct Paging {
    /// The member with the number of items.
    pub size: &'static str,
    /// The member with the token of a page.
    pub token: &'static str,
    /// Items of a page if the caller does not say.
    pub default: usize,
    /// Items at most, whatever the caller asks for.
    pub most: usize,
    /// The error for a token that no listing gave out.
    pub unreadable: fn(&str) -> ApiError,
}

/// What part of a listing a caller wants.
#[derive(Debug)]
pub struct Page {
    size: usize,
    /// The key of the last item of the page before.
    after: Option<String>,
    unreadable: fn(&str) -> ApiError,
}

/// The order of a listing's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

impl Page {
    /// The page a call asks for.
    ///
    /// # Errors
    /// A token that no listing gave out.
    pub fn of(call: &Call, paging: &Paging) -> Result<Self, ApiError> {
        let asked = call.number(paging.size).map(|items| usize::try_from(items).unwrap_or(paging.most));
        let token = call.text(paging.token).filter(|token| !token.is_empty());
        Ok(Self {
            size: asked.unwrap_or(paging.default).min(paging.most),
            after: token.map(|token| read_token(token).ok_or_else(|| (paging.unreadable)(token))).transpose()?,
            unreadable: paging.unreadable,
        })
    }

    /// The key after which the page begins.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The key after which the page begins, read by `parse`.
    ///
    /// # Errors
    /// A token of another listing.
    pub fn after_key<'a, T>(&'a self, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, ApiError> {
        self.after().map(|key| parse(key).ok_or_else(|| (self.unreadable)(key))).transpose()
    }

    /// Takes the page's items off a listing that starts after [`Page::after`], with the token of the
    /// next page if there is one.
    pub fn take<T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let mut items = items.peekable();
        let taken: Vec<T> = items.by_ref().take(self.size).collect();
        let next = items.peek().and(taken.last()).map(|last| token(&key(last)));
        (taken, next)
    }

    /// The same of a listing that does not start there by itself, sorted by its keys.
    pub fn take_sorted<T>(
        &self,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
        order: Order,
    ) -> (Vec<T>, Option<String>) {
        let is_later = |item: &T| match (self.after(), order) {
            (Some(after), Order::Ascending) => key(item).as_str() > after,
            (Some(after), Order::Descending) => key(item).as_str() < after,
            (None, _) => true,
        };
        self.take(items.filter(is_later), &key)
    }
}

/// A token that stands for a text.
pub fn token(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The text of a token, if it is one.
pub fn read_token(token: &str) -> Option<String> {
    URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}
