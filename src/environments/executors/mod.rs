//! The executors.

pub mod docker;
pub mod sandbox;
