//! Function URLs, as stored.

use serde::{Deserialize, Serialize};

use super::stored::{FunctionKey, Stored};
use crate::model::urls;
use crate::model::urls::event::UrlEvent;

shape! {
    Cors = urls::Cors {
        allow_credentials: Option<bool>, allow_headers: Option<Vec<String>>, allow_methods: Option<Vec<String>>,
        allow_origins: Option<Vec<String>>, expose_headers: Option<Vec<String>>, max_age_s: Option<u32>,
    }
    FunctionUrl = urls::FunctionUrl {
        id: String, auth_type: String, cors: Option<Cors>, invoke_mode: Option<String>, created: u64, modified: u64,
    }
}

events! { UrlEvent {
    40 UrlPut { key: FunctionKey, alias: Option<String>, url: FunctionUrl }
    41 UrlDeleted { key: FunctionKey, alias: Option<String> }
} }
