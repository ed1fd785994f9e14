//! Function URLs, as stored.

use crate::model::event::urls::UrlEvent;

events! { UrlEvent {} }
