//! What time it is: of the model nothing knows it, so that a replay generates nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::time::Timestamp;

/// Now.
pub fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
