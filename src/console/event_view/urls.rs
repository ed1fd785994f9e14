//! Events of function URLs.

use serde_json::{Value, json};

use crate::model::names::AliasName;
use crate::model::urls::Cors;
use crate::model::urls::event::UrlEvent;

/// What an event says.
pub fn details(event: &UrlEvent) -> Value {
    match event {
        UrlEvent::UrlPut { alias, url, .. } => json!({
            "alias": alias.as_ref().map(AliasName::as_str), "id": url.id.as_str(), "auth_type": url.auth_type,
            "cors": url.cors.as_ref().map(cors), "invoke_mode": url.invoke_mode(),
        }),
        UrlEvent::UrlDeleted { alias, .. } => json!({ "alias": alias.as_ref().map(AliasName::as_str) }),
    }
}

fn cors(cors: &Cors) -> Value {
    json!({
        "allow_credentials": cors.allow_credentials, "allow_headers": cors.allow_headers,
        "allow_methods": cors.allow_methods, "allow_origins": cors.allow_origins,
        "expose_headers": cors.expose_headers, "max_age_s": cors.max_age_s,
    })
}
