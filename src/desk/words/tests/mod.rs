//! The words of every kind of event, as `larder log` says them.

mod functions;
mod resources;

use std::collections::BTreeMap;

use super::of;
use crate::ledger::difference::{self, Secrets};
use crate::model::blob::BlobId;
use crate::model::event::Event;
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Content, FunctionConfig, FunctionState, FunctionVersion};
use crate::model::names::{FunctionKey, RevisionId, Scope};
use crate::model::qualifier::{Qualifier, Version};
use crate::model::state::State;
use crate::model::time::Timestamp;

const NOW: Timestamp = Timestamp(1_000);
const REVISION: RevisionId = RevisionId(uuid::Uuid::nil());

/// A state to which things happen, with what is said of them.
#[derive(Default)]
struct Told(State);

impl Told {
    /// What is said of an event, which then has happened.
    fn say(&mut self, event: impl Into<Event>) -> String {
        let event = event.into();
        let before = self.0.clone();
        self.0.apply(&event);
        let key = before.changes_to(&self.0).keys().next();
        let change = key.map(|key| difference::at(&key, &before, &self.0, Secrets::Masked));
        of(&event, &before, change.as_ref())
    }

    fn with_function() -> Self {
        let mut told = Self::default();
        told.say(created());
        told
    }
}

fn scope() -> Scope {
    Scope { account: "000000000000".into(), region: "us-east-1".into() }
}

fn function() -> FunctionKey {
    FunctionKey { scope: scope(), name: "orders".into() }
}

fn live() -> Qualifier {
    Qualifier::Alias("live".into())
}

fn config() -> FunctionConfig {
    FunctionConfig::new("python3.12", "arn:aws:iam::000000000000:role/r", "handler.handler", "/g")
}

fn version(version: Version) -> Box<FunctionVersion> {
    Box::new(FunctionVersion {
        version,
        code: Content::Zip { blob: BlobId([1; 32]), size: 1 }.into(),
        config: config().into(),
        description: None,
        state: FunctionState::Pending,
        last_update: None,
        revision: REVISION,
        deployment: REVISION,
        modified: NOW,
    })
}

fn created() -> FunctionEvent {
    FunctionEvent::FunctionCreated { key: function(), latest: version(Version::Latest), tags: BTreeMap::new() }
}

fn configured(config: FunctionConfig) -> FunctionEvent {
    FunctionEvent::FunctionConfigurationUpdated {
        key: function(),
        config: config.into(),
        revision: RevisionId(uuid::Uuid::max()),
        modified: Timestamp(2_000),
    }
}
