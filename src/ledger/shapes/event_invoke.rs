//! Event-invoke configurations, as stored.

use crate::model::event::event_invoke::EventInvokeEvent;

events! { EventInvokeEvent {} }
