//! Of all else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;

use super::{NOW, REVISION, Told, function, scope};
use crate::model::blob::BlobId;
use crate::model::capacity_providers::{
    CapacityProvider, CapacityProviderKey, InstanceRequirements, ProviderLogging, ProviderState, Scaling as Instances,
    event::CapacityProviderEvent,
};
use crate::model::code_signing::event::CodeSigningEvent;
use crate::model::code_signing::{CodeSigningConfig, CodeSigningKey};
use crate::model::event_sources::event::EventSourceEvent;
use crate::model::event_sources::{EventSourceMapping, MappingId, MappingKey, MappingState, Settings, Source};
use crate::model::history::event::HistoryEvent;
use crate::model::history::{Cause, MarkName};
use crate::model::iam::event::IamEvent;
use crate::model::iam::{Group, InstanceProfile, Policy as IamPolicy, Role, User};
use crate::model::layers::LayerVersion;
use crate::model::layers::event::LayerEvent;
use crate::model::logs::event::LogsEvent;
use crate::model::logs::{LogGroup, LogGroupKey, LogId, LogStream, LogStreamKey};
use crate::model::names::{EntityKey, LayerKey};
use crate::model::policies::Policy;
use crate::model::queues::event::QueueEvent;
use crate::model::queues::{Queue, QueueKey, QueueSettings};
use crate::model::runtimes::Architecture;
use crate::model::state::State;

#[test]
fn layers() {
    let mut told = Told::default();
    let key = || LayerKey { scope: scope(), name: "libs".into() };
    let version = LayerVersion {
        number: 1,
        description: String::new(),
        license: None,
        runtimes: None,
        architectures: None,
        blob: BlobId([1; 32]),
        size: 1,
        created: NOW,
        policy: None,
        folder: None,
    };
    for (event, says) in [
        (LayerEvent::LayerVersionPublished { key: key(), version: version.into() }, "version 1 published"),
        (
            LayerEvent::LayerPolicyPut { key: key(), number: 1, policy: Policy::new(REVISION) },
            "policy of version 1 changed",
        ),
        (LayerEvent::LayerPolicyDeleted { key: key(), number: 1 }, "policy of version 1 removed"),
        (LayerEvent::LayerVersionDeleted { key: key(), number: 1 }, "version 1 deleted"),
    ] {
        assert_eq!(told.say(event), format!("layer libs: {says}"));
    }
}

#[test]
fn code_signing() {
    let mut told = Told::with_function();
    let key = || CodeSigningKey { scope: scope(), id: "csc-1".into() };
    let put = |enforce| CodeSigningEvent::CodeSigningConfigPut {
        key: key(),
        config: CodeSigningConfig {
            description: None,
            publishers: vec!["arn".to_owned()],
            enforce,
            modified: NOW,
            tags: BTreeMap::new(),
        },
    };
    assert_eq!(told.say(put(false)), "csc-1: code-signing config created");
    assert_eq!(told.say(put(true)), "csc-1: code-signing config UntrustedArtifactOnDeployment false → true");
    let attached = CodeSigningEvent::FunctionCodeSigningConfigPut { function: function(), config: key() };
    assert_eq!(told.say(attached), "orders: code-signing config csc-1");
    let detached = CodeSigningEvent::FunctionCodeSigningConfigDeleted { function: function() };
    assert_eq!(told.say(detached), "orders: no code-signing config any more");
    assert_eq!(
        told.say(CodeSigningEvent::CodeSigningConfigDeleted { key: key() }),
        "csc-1: code-signing config deleted"
    );
}

#[test]
fn event_sources() {
    let mut told = Told::with_function();
    let key = || MappingKey { scope: scope(), id: MappingId(uuid::Uuid::nil()) };
    let put = |state, batch_size| EventSourceEvent::EventSourceMappingPut {
        mapping: Box::new(EventSourceMapping {
            key: key(),
            source: Source::of_arn("arn:aws:sqs:us-east-1:000000000000:jobs").expect("a queue"),
            target: crate::model::event_sources::Target { function: function(), qualifier: None },
            settings: Settings { batch_size, ..Settings::default() },
            enabled: true,
            state,
            last_result: None,
            modified: NOW,
            revision: REVISION,
            tags: BTreeMap::new(),
        }),
    };
    let settled = EventSourceEvent::EventSourceMappingSettled { key: key(), revision: REVISION, modified: NOW };
    for (event, says) in [
        (put(MappingState::Creating, 10), "created"),
        (settled, "enabled"),
        (put(MappingState::Updating, 20), "BatchSize 10 → 20"),
        (put(MappingState::Deleting, 20), "is being deleted"),
        (EventSourceEvent::EventSourceMappingDeleted { key: key() }, "deleted"),
    ] {
        assert_eq!(told.say(event), format!("event source jobs → orders: {says}"));
    }
}

#[test]
fn capacity_providers() {
    let mut told = Told::default();
    let key = || CapacityProviderKey { scope: scope(), name: "big".into() };
    let put = |state, max_vcpus| CapacityProviderEvent::CapacityProviderPut {
        provider: Box::new(CapacityProvider {
            key: key(),
            state,
            subnets: Vec::new(),
            security_groups: Vec::new(),
            operator_role: String::new(),
            instances: InstanceRequirements {
                architecture: Architecture::X86_64,
                allowed_types: Vec::new(),
                excluded_types: Vec::new(),
            },
            scaling: Instances { max_vcpus, mode: "Auto".to_owned(), policies: Vec::new() },
            kms_key_arn: None,
            propagate_tags: None,
            logging: ProviderLogging { system_level: None, group: String::new() },
            tags: BTreeMap::new(),
            modified: NOW,
            revision: REVISION,
        }),
    };
    for (event, says) in [
        (put(ProviderState::Pending, 4), "created"),
        (put(ProviderState::Active, 4), "ready"),
        (put(ProviderState::Active, 8), "Scaling.MaxVcpus 4 → 8"),
        (put(ProviderState::Deleting, 8), "is being deleted"),
        (CapacityProviderEvent::CapacityProviderDeleted { key: key() }, "deleted"),
    ] {
        assert_eq!(told.say(event), format!("capacity provider big: {says}"));
    }
}

fn entity() -> EntityKey {
    EntityKey { account: "000000000000".into(), name: "some".into() }
}

fn role(max_session_duration_s: u32) -> IamEvent {
    let role = Role {
        key: entity(),
        name: "Some".to_owned(),
        path: "/".to_owned(),
        id: "AROA".to_owned(),
        created: NOW,
        description: None,
        trust_policy: "{}".to_owned(),
        max_session_duration_s,
        boundary: None,
        tags: BTreeMap::new(),
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
    };
    IamEvent::RolePut { role: role.into() }
}

#[test]
fn iam() {
    let mut told = Told::default();
    let (name, path, id) = (|| "Some".to_owned(), || "/".to_owned(), || "ID".to_owned());
    let policy = IamPolicy {
        key: entity(),
        name: name(),
        path: path(),
        id: id(),
        description: None,
        created: NOW,
        updated: NOW,
        versions: OrdMap::new(),
        default_version: 1,
        last_version: 1,
        tags: BTreeMap::new(),
    };
    let profile = InstanceProfile {
        key: entity(),
        name: name(),
        path: path(),
        id: id(),
        created: NOW,
        role: None,
        tags: BTreeMap::new(),
    };
    let user = User {
        key: entity(),
        name: name(),
        path: path(),
        id: id(),
        created: NOW,
        boundary: None,
        tags: BTreeMap::new(),
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        groups: BTreeSet::new(),
        access_keys: Vec::new(),
    };
    let group = Group {
        key: entity(),
        name: name(),
        path: path(),
        id: id(),
        created: NOW,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
    };
    for (event, says) in [
        (role(3600), "role Some: created"),
        (role(7200), "role Some: MaxSessionDuration 3600 → 7200"),
        (IamEvent::PolicyPut { policy: policy.into() }, "policy Some: created"),
        (IamEvent::InstanceProfilePut { profile: profile.into() }, "instance profile Some: created"),
        (IamEvent::UserPut { user: user.into() }, "user Some: created"),
        (IamEvent::GroupPut { group: group.into() }, "group Some: created"),
        (IamEvent::RoleDeleted { key: entity() }, "role some: deleted"),
        (IamEvent::PolicyDeleted { key: entity() }, "policy some: deleted"),
        (IamEvent::InstanceProfileDeleted { key: entity() }, "instance profile some: deleted"),
        (IamEvent::UserDeleted { key: entity() }, "user some: deleted"),
        (IamEvent::GroupDeleted { key: entity() }, "group some: deleted"),
    ] {
        assert_eq!(told.say(event), says);
    }
}

#[test]
fn logs_and_queues() {
    let mut told = Told::default();
    let group = || LogGroupKey { scope: scope(), name: "/g".into() };
    let stream = || LogStreamKey { group: group(), name: "s".into() };
    let id = || LogId(uuid::Uuid::nil());
    let put = |retention_days| LogsEvent::LogGroupPut {
        group: Arc::new(LogGroup {
            key: group(),
            id: id(),
            created: NOW,
            class: "STANDARD".to_owned(),
            kms_key: None,
            retention_days,
            protected: false,
            tags: BTreeMap::new(),
        }),
    };
    let made = LogsEvent::LogStreamCreated { stream: Arc::new(LogStream { key: stream(), id: id(), created: NOW }) };
    for (event, says) in [
        (put(None), "created"),
        (put(Some(7)), "retentionInDays none → 7"),
        (made, "stream s created"),
        (LogsEvent::LogStreamDeleted { key: stream() }, "stream s deleted"),
        (LogsEvent::LogGroupDeleted { key: group() }, "deleted, with its streams"),
    ] {
        assert_eq!(told.say(event), format!("log group /g: {says}"));
    }

    let key = || QueueKey { scope: scope(), name: "jobs".into() };
    let put = |visibility_s| QueueEvent::QueuePut {
        queue: Arc::new(Queue {
            key: key(),
            created: NOW,
            modified: NOW,
            settings: QueueSettings { visibility_s, ..QueueSettings::new(false) },
            tags: BTreeMap::new(),
        }),
    };
    assert_eq!(told.say(put(30)), "queue jobs: created");
    assert_eq!(told.say(put(60)), "queue jobs: VisibilityTimeout 30 → 60");
    assert_eq!(told.say(QueueEvent::QueueDeleted { key: key() }), "queue jobs: deleted");
}

#[test]
fn history() {
    let mut told = Told::with_function();
    let empty = Told::with_function().0.changes_to(&State::default());
    let cause = Cause::Rewind { to: 7, mark: Some("clean".to_owned()), only: vec!["function:o*".to_owned()] };
    let rewound = HistoryEvent::StateRestored { cause, changes: empty.into() };
    assert_eq!(told.say(rewound), "rewound only function:o* to 7 (mark:clean): 1 removed");
    let cause = Cause::PodLoaded {
        digest: "sha256:0".to_owned(),
        source: "./orders.pod".to_owned(),
        message: None,
        strategy: "overwrite".to_owned(),
    };
    let changes = State::default().changes_to(&Told::with_function().0);
    assert_eq!(
        told.say(HistoryEvent::StateRestored { cause, changes: changes.into() }),
        "pod ./orders.pod loaded: 1 added"
    );
    let name = || MarkName::parse("clean").expect("a name");
    assert_eq!(told.say(HistoryEvent::MarkPut { name: name(), time: NOW }), "mark:clean put here");
    assert_eq!(told.say(HistoryEvent::MarkDeleted { name: name() }), "mark:clean forgotten");
    let compacted = HistoryEvent::HistoryCompacted { resources: Vec::new(), marks: OrdMap::new() };
    assert_eq!(told.say(compacted), "history before this dropped");
}
