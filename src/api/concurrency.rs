//! Operations on concurrency.

use super::operation::Operation;

/// The operations of this file.
pub static OPERATIONS: &[Operation] = &[];
