//! Keys that many areas use.

use serde::{Deserialize, Serialize};

shape! {
    Scope { account: String, region: String }
    FunctionKey { scope: Scope, name: String }
}
