//! Random commands about resource-based policies.

use larder::model::policies::Grant;
use larder::model::policies::command::{Place, PolicyCommand};
use larder::model::policies::document::Document;
use proptest::prelude::*;

use super::functions;

pub fn command() -> impl Strategy<Value = PolicyCommand> {
    prop_oneof![
        4 => (place(), grant()).prop_map(|(place, grant)| PolicyCommand::AddPermission { place, grant }),
        2 => (place(), sid()).prop_map(|(place, sid)| PolicyCommand::RemovePermission { place, sid }),
        2 => (place(), sid()).prop_map(|(place, sid)| PolicyCommand::PutResourcePolicy { place, document: document(&sid) }),
        1 => place().prop_map(|place| PolicyCommand::DeleteResourcePolicy { place }),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    let revision = prop_oneof![4 => Just(None), 1 => Just(Some("wrong".to_owned()))];
    (functions::key(), prop::option::of(functions::qualifier()), revision)
        .prop_map(|(key, qualifier, revision)| Place { key, qualifier, revision })
}

pub fn grant() -> impl Strategy<Value = Grant> {
    let principal = prop::sample::select(vec!["*", "123456789012", "s3.amazonaws.com", "nobody"]);
    (sid(), principal, prop::option::of("[a-z]{1,3}")).prop_map(|(sid, principal, source_arn)| Grant {
        sid,
        action: "lambda:InvokeFunction".to_owned(),
        principal: principal.to_owned(),
        source_arn,
        ..Grant::default()
    })
}

pub fn sid() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["one", "two", "three"]).prop_map(str::to_owned)
}

fn document(sid: &str) -> Document {
    let statement = format!(r#"{{"Sid":"{sid}","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#);
    let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    Document::parse(&document, "arn").expect("is a policy")
}
