//! Random commands about function URLs.

use larder::model::names::AliasName;
use larder::model::urls::Cors;
use larder::model::urls::command::{CreateUrl, UpdateUrl, UrlCommand};
use proptest::prelude::*;

use super::functions::{alias, key};

pub fn command() -> impl Strategy<Value = UrlCommand> {
    prop_oneof![
        3 => (key(), owner(), auth_type(), prop::option::of(cors()), prop::option::of(mode())).prop_map(
            |(key, alias, auth_type, cors, invoke_mode)| {
                UrlCommand::CreateUrl(CreateUrl { key, alias, auth_type, cors, invoke_mode })
            }
        ),
        2 => (key(), owner(), prop::option::of(auth_type()), prop::option::of(cors()), prop::option::of(mode())).prop_map(
            |(key, alias, auth_type, cors, invoke_mode)| {
                UrlCommand::UpdateUrl(UpdateUrl { key, alias, auth_type, cors, invoke_mode })
            }
        ),
        1 => (key(), owner()).prop_map(|(key, alias)| UrlCommand::DeleteUrl { key, alias }),
    ]
}

fn owner() -> impl Strategy<Value = Option<AliasName>> {
    prop::option::of(alias().prop_map(AliasName::from))
}

fn auth_type() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["NONE", "AWS_IAM"]).prop_map(str::to_owned)
}

fn mode() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["BUFFERED", "RESPONSE_STREAM"]).prop_map(str::to_owned)
}

fn cors() -> impl Strategy<Value = Cors> {
    (prop::option::of(any::<bool>()), prop::option::of(prop::collection::vec("[a-z]{1,3}", 0..3)))
        .prop_map(|(allow_credentials, allow_origins)| Cors { allow_credentials, allow_origins, ..Cors::default() })
}
