//! Code-signing configurations and what they are attached to, as stored.

use crate::model::event::code_signing::CodeSigningEvent;

events! { CodeSigningEvent {} }
