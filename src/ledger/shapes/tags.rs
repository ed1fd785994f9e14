//! Tags of functions, as stored.

use crate::model::event::tags::TagEvent;

events! { TagEvent {} }
