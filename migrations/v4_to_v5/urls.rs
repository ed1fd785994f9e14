//! Shapes of schema 4: urls.

use serde::{Deserialize, Serialize};

use super::keys::FunctionKey;

shape! {
    Cors {
        allow_credentials: Option<bool>, allow_headers: Option<Vec<String>>, allow_methods: Option<Vec<String>>,
        allow_origins: Option<Vec<String>>, expose_headers: Option<Vec<String>>, max_age_s: Option<u32>,
    }
    FunctionUrl {
        id: String, auth_type: String, cors: Option<Cors>, invoke_mode: Option<String>, created: u64, modified: u64,
    }
}

events! {
    40 / 1 UrlPut { key: FunctionKey, alias: Option<String>, url: FunctionUrl }
    41 / 1 UrlDeleted { key: FunctionKey, alias: Option<String> }
}
