//! Resource-based policies of functions, as stored.

use crate::model::event::policies::PolicyEvent;

events! { PolicyEvent {} }
