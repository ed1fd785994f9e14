//! Reserved and provisioned concurrency, and scaling, as stored.

use crate::model::event::concurrency::ConcurrencyEvent;

events! { ConcurrencyEvent {} }
