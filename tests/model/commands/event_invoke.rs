//! Random commands about event-invoke configurations.

use larder::model::arn;
use larder::model::event_invoke::Destinations;
use larder::model::event_invoke::command::{EventInvokeCommand, SetEventInvoke};
use proptest::prelude::*;

use super::functions::{key, qualifier};

pub fn command() -> impl Strategy<Value = EventInvokeCommand> {
    prop_oneof![
        3 => set().prop_map(EventInvokeCommand::PutEventInvoke),
        2 => set().prop_map(EventInvokeCommand::UpdateEventInvoke),
        1 => (key(), qualifier()).prop_map(|(key, qualifier)| EventInvokeCommand::DeleteEventInvoke { key, qualifier }),
    ]
}

fn set() -> impl Strategy<Value = SetEventInvoke> {
    let destinations = (destination(), destination());
    let destinations = destinations.prop_map(|(on_success, on_failure)| Destinations { on_success, on_failure });
    (key(), qualifier(), prop::option::of(0..3_u32), prop::option::of(60..21_600_u32), prop::option::of(destinations))
        .prop_map(|(key, qualifier, retry_attempts, event_age_s, destinations)| SetEventInvoke {
            key,
            qualifier,
            retry_attempts,
            event_age_s,
            destinations,
        })
}

/// Half of them can be.
fn destination() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        4 => Just(None),
        1 => key().prop_map(|key| Some(arn::function(&key))),
        1 => (key(), qualifier()).prop_map(|(key, qualifier)| Some(arn::qualified(&key, &qualifier))),
        2 => Just(Some("arn:aws:sqs:us-east-1:000000000000:queue".to_owned())),
        1 => ".{0,20}".prop_map(Some),
    ]
}
