//! Of functions and what belongs to them.

use super::{NOW, REVISION, Told, config, configured, created, function, live, version};
use crate::model::blob::BlobId;
use crate::model::concurrency::event::ConcurrencyEvent;
use crate::model::concurrency::{ProvisionedConcurrency, ProvisionedStatus, Scaling};
use crate::model::event_invoke::event::EventInvokeEvent;
use crate::model::event_invoke::{Destinations, EventInvoke};
use crate::model::function_settings::event::FunctionSettingsEvent;
use crate::model::function_settings::{RuntimeManagement, RuntimeUpdate};
use crate::model::functions::alias::Alias;
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Content, Failure, FunctionConfig, Variables};
use crate::model::policies::event::PolicyEvent;
use crate::model::policies::{Policy, Statement, Target};
use crate::model::qualifier::Version;
use crate::model::tags::TaggedResource;
use crate::model::tags::event::TagEvent;
use crate::model::urls::FunctionUrl;
use crate::model::urls::event::UrlEvent;

#[test]
fn functions_are_made_changed_and_deleted() {
    let mut told = Told::default();
    assert_eq!(told.say(created()), "orders: created, python3.12");
    let code = |byte| FunctionEvent::FunctionCodeUpdated {
        key: function(),
        code: Content::Zip { blob: BlobId([byte; 32]), size: 1 }.into(),
        config: config().into(),
        revision: REVISION,
        modified: NOW,
    };
    assert_eq!(told.say(code(1)), "orders: code put again, as it was");
    assert_eq!(told.say(code(2)), "orders: code changed");
    let variables = |value: &str| Some(Variables([("DB_URL".to_owned(), value.to_owned())].into_iter().collect()));
    let mut new = FunctionConfig { environment: variables("a"), ..config() };
    assert_eq!(told.say(configured(new.clone())), "orders: DB_URL added");
    (new.timeout_s, new.memory_mib, new.environment) = (30, 512, variables("b"));
    let said = told.say(configured(new.clone()));
    assert_eq!(said, "orders: Timeout 3 → 30, MemorySize 128 → 512, DB_URL changed");
    assert_eq!(told.say(configured(new)), "orders: put again, as it was");
    assert_eq!(told.say(FunctionEvent::FunctionDeleted { key: function() }), "orders: deleted");
}

#[test]
fn versions_and_aliases() {
    let mut told = Told::with_function();
    let published = |number| FunctionEvent::VersionPublished {
        key: function(),
        version: version(Version::Number(number)),
        latest_revision: REVISION,
    };
    assert_eq!(told.say(published(1)), "orders: version 1 published");
    assert_eq!(told.say(published(2)), "orders: version 2 published");
    let put = |version| FunctionEvent::AliasPut {
        key: function(),
        alias: Alias { name: "live".into(), version, description: String::new(), routing: None, revision: REVISION },
    };
    assert_eq!(told.say(put(Version::Number(1))), "orders: alias live created, of version 1");
    assert_eq!(told.say(put(Version::Number(2))), "orders: alias live: FunctionVersion 1 → 2");
    assert_eq!(
        told.say(FunctionEvent::AliasDeleted { key: function(), name: "live".into() }),
        "orders: alias live deleted"
    );
    assert_eq!(told.say(FunctionEvent::VersionDeleted { key: function(), number: 1 }), "orders: version 1 deleted");
}

#[test]
fn what_follows_by_itself() {
    let mut told = Told::with_function();
    let settled =
        |version, failure| FunctionEvent::FunctionSettled { key: function(), version, revision: REVISION, failure };
    assert_eq!(told.say(settled(Version::Latest, None)), "orders: ready");
    let failure = Failure { reason: "no such runtime".into(), code: "InvalidRuntime".into() };
    assert_eq!(
        told.say(settled(Version::Number(1), Some(failure))),
        "orders: version 1 cannot run here: no such runtime"
    );
    let settled = |failure: Option<&str>| ConcurrencyEvent::ProvisionedConcurrencySettled {
        key: function(),
        qualifier: live(),
        failure: failure.map(str::to_owned),
    };
    assert_eq!(told.say(settled(None)), "orders: provisioned concurrency of live ready");
    assert_eq!(told.say(settled(Some("no room"))), "orders: provisioned concurrency of live failed: no room");
}

#[test]
fn policies_of_functions() {
    let mut told = Told::with_function();
    let put = |sids: &[&str], target| {
        let statement = |sid: &&str| Statement { sid: Some((*sid).to_owned()), text: format!("{{\"Sid\":\"{sid}\"}}") };
        let policy = Policy { statements: sids.iter().map(statement).collect(), ..Policy::new(REVISION) };
        PolicyEvent::PolicyPut { key: function(), target, policy }
    };
    assert_eq!(told.say(put(&["s3"], Target::Function)), "orders: permission s3 added");
    assert_eq!(told.say(put(&["sns"], Target::Function)), "orders: permission sns added, permission s3 removed");
    assert_eq!(told.say(put(&["s3"], Target::Alias("live".into()))), "orders: permission s3 added of alias live");
    let deleted = PolicyEvent::PolicyDeleted { key: function(), target: Target::Function, revision: REVISION };
    assert_eq!(told.say(deleted), "orders: permission sns removed");
}

#[test]
fn what_belongs_to_functions() {
    let mut told = Told::with_function();
    let url = |auth_type: &str| UrlEvent::UrlPut {
        key: function(),
        alias: None,
        url: Box::new(FunctionUrl {
            id: "id".into(),
            auth_type: auth_type.to_owned(),
            cors: None,
            invoke_mode: None,
            created: NOW,
            modified: NOW,
        }),
    };
    assert_eq!(told.say(url("NONE")), "orders: URL created, AuthType NONE");
    assert_eq!(told.say(url("AWS_IAM")), "orders: URL: AuthType NONE → AWS_IAM");
    assert_eq!(
        told.say(UrlEvent::UrlDeleted { key: function(), alias: Some("live".into()) }),
        "orders: URL of alias live deleted"
    );
    let put = EventInvokeEvent::EventInvokePut {
        key: function(),
        qualifier: live(),
        config: Box::new(EventInvoke {
            retry_attempts: Some(1),
            event_age_s: None,
            destinations: Destinations::default(),
            modified: NOW,
        }),
    };
    assert_eq!(told.say(put), "orders: asynchronous invocations of live: MaximumRetryAttempts none → 1");
    let deleted = EventInvokeEvent::EventInvokeDeleted { key: function(), qualifier: live() };
    assert_eq!(told.say(deleted), "orders: asynchronous invocations of live: by default again");
    let tags = |tags: &[(&str, &str)]| TagEvent::TagsPut {
        resource: TaggedResource::Function(function()),
        tags: tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        revision: REVISION,
    };
    assert_eq!(told.say(tags(&[("team", "a")])), "orders: Tags.team none → a");
    assert_eq!(told.say(tags(&[])), "orders: Tags.team a → none");
}

#[test]
fn concurrency_and_settings() {
    let mut told = Told::with_function();
    let key = function;
    let provisioned = ProvisionedConcurrency {
        requested: 3,
        allocated: 0,
        status: ProvisionedStatus::InProgress,
        modified: NOW,
        allocation: REVISION,
    };
    let scaled = |scaling| ConcurrencyEvent::FunctionScalingPut { key: key(), qualifier: live(), scaling };
    for (event, says) in [
        (ConcurrencyEvent::FunctionConcurrencyPut { key: key(), reserved: 5 }, "reserved concurrency 5"),
        (ConcurrencyEvent::FunctionConcurrencyDeleted { key: key() }, "reserved concurrency removed"),
        (
            ConcurrencyEvent::ProvisionedConcurrencyPut { key: key(), qualifier: live(), provisioned },
            "provisioned concurrency of live: 3",
        ),
        (
            ConcurrencyEvent::ProvisionedConcurrencyDeleted { key: key(), qualifier: live() },
            "provisioned concurrency of live removed",
        ),
        (scaled(Some(Scaling { least: Some(1), most: None })), "scaling of live: 1 to any environments"),
        (scaled(None), "scaling of live left to AWS"),
    ] {
        assert_eq!(told.say(event), format!("orders: {says}"));
    }
    let recursion = |allows| FunctionSettingsEvent::RecursionPut { key: key(), allows };
    assert_eq!(told.say(recursion(true)), "orders: RecursiveLoop Allow");
    assert_eq!(told.say(recursion(false)), "orders: RecursiveLoop Terminate");
    let management = RuntimeManagement { mode: RuntimeUpdate::FunctionUpdate, runtime_version_arn: None };
    let put = FunctionSettingsEvent::RuntimeManagementPut { key: key(), version: Version::Latest, management };
    assert_eq!(told.say(put), "orders: runtime of $LATEST: UpdateRuntimeOn FunctionUpdate");
}
