//! Capacity providers, as stored.

use crate::model::event::capacity_providers::CapacityProviderEvent;

events! { CapacityProviderEvent {} }
