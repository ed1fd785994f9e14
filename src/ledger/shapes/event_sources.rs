//! Event source mappings, as stored.

use crate::model::event::event_sources::EventSourceEvent;

events! { EventSourceEvent {} }
