//! Operations on event sources.

use super::operation::Operation;

/// The operations of this file.
pub static OPERATIONS: &[Operation] = &[];
