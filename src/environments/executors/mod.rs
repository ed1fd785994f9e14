//! The executors.

pub mod docker;
pub mod missing;
pub mod sandbox;
mod slot;
