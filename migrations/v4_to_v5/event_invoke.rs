//! Shapes of schema 4: event invoke.

use serde::{Deserialize, Serialize};

use super::keys::FunctionKey;

shape! {
    Destinations { on_success: Option<String>, on_failure: Option<String> }
    EventInvoke {
        retry_attempts: Option<u32>, event_age_s: Option<u32>, destinations: Destinations, modified: u64,
    }
}

events! {
    45 / 1 EventInvokePut { key: FunctionKey, qualifier: String, config: EventInvoke }
    46 / 1 EventInvokeDeleted { key: FunctionKey, qualifier: String }
}
