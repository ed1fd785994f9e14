//! Updates, revisions, versions and aliases through the SDK.

use std::collections::HashMap;

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, LastUpdateStatus, Runtime, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::support::functions::{active, create_some, creation, some, update};
use crate::support::{Options, Server, http};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function";

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_in_progress_until_it_is_done_and_excludes_others() {
    let server = Server::start(Options::any().with("LARDER_STATE_DELAY_MS", 1500));
    let client = server.client();
    creation(&client, "busy", Runtime::Providedal2023, some("one")).send().await.expect("created");
    let early = client.update_function_code().function_name("busy").zip_file(Blob::new(some("two"))).send().await;
    let early = early.expect_err("is pending").into_service_error();
    assert!(early.is_resource_conflict_exception(), "{early:?}");
    active(&client, "busy").await;
    let before = client.get_function_configuration().function_name("busy").send().await.expect("is there");

    let update = client.update_function_code().function_name("busy").zip_file(Blob::new(some("two")));
    let updated = update.send().await.expect("updated");
    assert_eq!(updated.state(), Some(&State::Active));
    assert_eq!(updated.last_update_status(), Some(&LastUpdateStatus::InProgress));
    assert_eq!(updated.last_update_status_reason(), Some("The function is being created."));
    assert_eq!(updated.code_sha256(), Some(STANDARD.encode(Sha256::digest(some("two"))).as_str()));
    let second = client.update_function_configuration().function_name("busy").timeout(9).send().await;
    let second = second.expect_err("an update goes on").into_service_error();
    assert!(second.is_resource_conflict_exception());
    let message =
        format!("The operation cannot be performed at this time. An update is in progress for resource: {ARN}:busy");
    assert_eq!(second.message(), Some(message.as_str()));

    active(&client, "busy").await;
    let after = client.get_function_configuration().function_name("busy").send().await.expect("is there");
    let revisions = [before.revision_id(), updated.revision_id(), after.revision_id()];
    assert!(revisions[0] != revisions[1] && revisions[1] != revisions[2], "{revisions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_current_revision_may_be_updated() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "revised").await;
    let current = client.get_function_configuration().function_name("revised").send().await.expect("is there");
    let revision = current.revision_id().expect("a revision").to_owned();
    let wrong = "00000000-0000-0000-0000-000000000000";
    let expected = "The Revision Id provided does not match the latest Revision Id. \
                    Call the GetFunction/GetAlias API to retrieve the latest Revision Id";
    let sequence = server.sequence();
    let code = client.update_function_code().function_name("revised").zip_file(Blob::new(some("new")));
    let error = code.clone().revision_id(wrong).send().await.expect_err("is refused");
    assert_eq!(error.raw_response().map(|response| response.status().as_u16()), Some(412));
    assert_eq!(error.into_service_error().message(), Some(expected));
    let configuration = client.update_function_configuration().function_name("revised").timeout(5);
    let error = configuration.clone().revision_id(wrong).send().await.expect_err("is refused").into_service_error();
    assert!(error.is_precondition_failed_exception());
    let error = client.publish_version().function_name("revised").revision_id(wrong).send().await;
    assert!(error.expect_err("is refused").into_service_error().is_precondition_failed_exception());
    assert_eq!(server.sequence(), sequence);
    configuration.revision_id(&revision).send().await.expect("updated");
    active(&client, "revised").await;
    let error = code.revision_id(&revision).send().await.expect_err("an old revision").into_service_error();
    assert!(error.is_precondition_failed_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_update_changes_what_it_names_and_nothing_else() {
    let server = Server::start(Options::any());
    let client = server.client();
    let variables = |value: &str| aws_sdk_lambda::types::Environment::builder().variables("KEY", value).build();
    creation(&client, "tuned", Runtime::Providedal2023, some("tuned"))
        .description("as it was")
        .environment(variables("v"))
        .send()
        .await
        .expect("created");
    active(&client, "tuned").await;
    let before = client.get_function_configuration().function_name("tuned").send().await.expect("is there");
    client.update_function_configuration().function_name("tuned").memory_size(256).send().await.expect("updated");
    active(&client, "tuned").await;
    let after = client.get_function_configuration().function_name("tuned").send().await.expect("is there");
    assert_eq!(after.memory_size(), Some(256));
    assert_eq!((after.description(), after.timeout()), (before.description(), before.timeout()));
    assert_eq!((after.environment(), after.code_sha256()), (before.environment(), before.code_sha256()));
    let change = client.update_function_configuration().function_name("tuned").environment(variables("w"));
    change.description("").send().await.expect("updated");
    active(&client, "tuned").await;
    let last = client.get_function_configuration().function_name("tuned").send().await.expect("is there");
    assert_eq!(last.description(), Some(""));
    let shown = last.environment().and_then(|environment| environment.variables()).expect("variables");
    assert_eq!(shown.get("KEY").map(String::as_str), Some("w"));

    // As Terraform and CloudFormation take variables away; a creation without any shows what was sent.
    let none = || aws_sdk_lambda::types::Environment::builder().set_variables(Some(HashMap::new())).build();
    client.update_function_configuration().function_name("tuned").environment(none()).send().await.expect("updated");
    active(&client, "tuned").await;
    let bare = client.get_function_configuration().function_name("tuned").send().await.expect("is there");
    assert_eq!(bare.environment(), None);
    let empty = creation(&client, "empty", Runtime::Providedal2023, some("empty")).environment(none());
    let empty = empty.send().await.expect("created");
    assert!(empty.environment().and_then(|environment| environment.variables()).expect("variables").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_update_changes_nothing() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "dry").await;
    let before = client.get_function_configuration().function_name("dry").send().await.expect("is there");
    let sequence = server.sequence();
    let update = client.update_function_code().function_name("dry").zip_file(Blob::new(some("wet"))).dry_run(true);
    let shown = update.send().await.expect("would do");
    assert_eq!(shown.code_sha256(), Some(STANDARD.encode(Sha256::digest(some("wet"))).as_str()));
    let after = client.get_function_configuration().function_name("dry").send().await.expect("is there");
    assert_eq!(after.code_sha256(), before.code_sha256());
    assert_eq!(server.sequence(), sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_keep_the_code_and_configuration_they_were_published_with() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "published").await;
    let first = client.publish_version().function_name("published").description("first").send().await.expect("1");
    assert_eq!((first.version(), first.description()), (Some("1"), Some("first")));
    assert_eq!(first.function_arn(), Some(format!("{ARN}:published:1").as_str()));
    let again = client.publish_version().function_name("published").description("again").send().await.expect("1");
    assert_eq!((again.version(), again.revision_id()), (Some("1"), first.revision_id()), "nothing changed since");
    update(&client, "published", some("two")).await;
    let wrong = client.publish_version().function_name("published").code_sha256("bm90IGl0").send().await;
    assert!(wrong.expect_err("other code").into_service_error().is_invalid_parameter_value_exception());
    let second = client.publish_version().function_name("published").send().await.expect("2");
    assert_eq!(second.version(), Some("2"));
    assert_ne!(second.code_sha256(), first.code_sha256());

    let found = client.get_function().function_name("published").qualifier("1").send().await.expect("is there");
    assert_eq!(found.configuration().and_then(|found| found.code_sha256()), first.code_sha256());
    let location = found.code().and_then(|code| code.location()).expect("a location");
    let path = location.strip_prefix(&server.url()).expect("of this server");
    assert_eq!(http::get(server.port(), path).body, some("published"), "the first version's package");

    let versions = client.list_versions_by_function().function_name("published").send().await.expect("versions");
    let numbers: Vec<_> = versions.versions().iter().filter_map(|version| version.version()).collect();
    assert_eq!(numbers, ["$LATEST", "1", "2"]);
    let page = client.list_versions_by_function().function_name("published").max_items(2).send().await.expect("page");
    let rest = client.list_versions_by_function().function_name("published").set_marker(page.next_marker);
    let rest = rest.send().await.expect("page");
    let numbers: Vec<_> = rest.versions().iter().filter_map(|version| version.version()).collect();
    assert_eq!(numbers, ["2"]);

    client.delete_function().function_name("published").qualifier("1").send().await.expect("deleted");
    let error = client.get_function().function_name("published").qualifier("1").send().await.expect_err("is gone");
    assert!(error.into_service_error().is_resource_not_found_exception());
    let latest = client.delete_function().function_name("published").qualifier("$LATEST").send().await;
    assert!(latest.expect_err("is refused").into_service_error().is_invalid_parameter_value_exception());
    update(&client, "published", some("three")).await;
    let third = client.publish_version().function_name("published").send().await.expect("3");
    assert_eq!(third.version(), Some("3"), "numbers are never given again");
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_can_be_part_of_creation_and_update() {
    let server = Server::start(Options::any());
    let client = server.client();
    let created = creation(&client, "both", Runtime::Providedal2023, some("a")).publish(true).send().await.expect("1");
    assert_eq!((created.version(), created.state()), (Some("1"), Some(&State::Pending)));
    active(&client, "both").await;
    let update = client.update_function_code().function_name("both").zip_file(Blob::new(some("b"))).publish(true);
    assert_eq!(update.send().await.expect("2").version(), Some("2"));
    active(&client, "both").await;
    for (version, content) in [("1", "a"), ("2", "b")] {
        let found = client.get_function_configuration().function_name("both").qualifier(version);
        let found = found.send().await.expect("is there");
        assert_eq!(found.code_sha256(), Some(STANDARD.encode(Sha256::digest(some(content))).as_str()), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_point_at_versions_until_they_are_moved_or_deleted() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "aliased").await;
    client.publish_version().function_name("aliased").send().await.expect("1");
    update(&client, "aliased", some("two")).await;
    client.publish_version().function_name("aliased").send().await.expect("2");
    let creation = client.create_alias().function_name("aliased").name("live").function_version("1");
    let created = creation.clone().description("what callers see").send().await.expect("created");
    assert_eq!(created.alias_arn(), Some(format!("{ARN}:aliased:live").as_str()));
    assert_eq!((created.function_version(), created.description()), (Some("1"), Some("what callers see")));
    let twice = creation.send().await.expect_err("is there").into_service_error();
    assert!(twice.is_resource_conflict_exception(), "{twice:?}");
    let nowhere = client.create_alias().function_name("aliased").name("lost").function_version("9").send().await;
    assert!(nowhere.expect_err("no such version").into_service_error().is_resource_not_found_exception());

    let function = client.get_function_configuration().function_name("aliased").send().await.expect("is there");
    let weights = AliasRoutingConfiguration::builder().additional_version_weights("2", 0.25).build();
    let update = client.update_alias().function_name("aliased").name("live").routing_config(weights);
    let updated = update.revision_id(created.revision_id().expect("a revision")).send().await.expect("updated");
    assert_ne!(updated.revision_id(), created.revision_id());
    let wrong = client.update_alias().function_name("aliased").name("live").revision_id(created.revision_id.unwrap());
    assert!(wrong.send().await.expect_err("is old").into_service_error().is_precondition_failed_exception());
    let found = client.get_alias().function_name("aliased").name("live").send().await.expect("is there");
    let weights = found.routing_config().and_then(|routing| routing.additional_version_weights()).expect("weights");
    assert_eq!(weights.get("2"), Some(&0.25));
    let same = client.get_function_configuration().function_name("aliased").send().await.expect("is there");
    assert_eq!(same.revision_id(), function.revision_id(), "an alias has revisions of its own");

    let resolved = client.get_function_configuration().function_name("aliased").qualifier("live");
    let resolved = resolved.send().await.expect("is there");
    assert_eq!(resolved.version(), Some("1"));
    let error = client.delete_function().function_name("aliased").qualifier("2").send().await.expect_err("in use");
    assert!(error.into_service_error().is_resource_conflict_exception());
    client.create_alias().function_name("aliased").name("beta").function_version("$LATEST").send().await.expect("b");
    let listed = client.list_aliases().function_name("aliased").send().await.expect("aliases");
    let names: Vec<_> = listed.aliases().iter().filter_map(|alias| alias.name()).collect();
    assert_eq!(names, ["beta", "live"]);
    let listed = client.list_aliases().function_name("aliased").function_version("1").send().await.expect("aliases");
    assert_eq!(listed.aliases().len(), 1);
    client.delete_alias().function_name("aliased").name("live").send().await.expect("deleted");
    let error = client.get_alias().function_name("aliased").name("live").send().await.expect_err("is gone");
    assert!(error.into_service_error().is_resource_not_found_exception());
    client.delete_alias().function_name("aliased").name("live").send().await.expect("deleting again is no error");
}
