//! Pods of strangers: what they bring does nothing by itself until somebody vouches for it.

use std::path::Path;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{
    FunctionCode, ProvisionedConcurrencyStatusEnum as Status, Runtime, SnapStart, SnapStartApplyOn,
};

use crate::on_each_executor;
use crate::pod_files::{larder, text};
use crate::support::functions::{ROLE, active, create_python, creation, python};
use crate::support::invoke::call;
use crate::support::{Executor, Options, Server, eventually};

/// Says why its environment was made.
const WHO: &str = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n";

/// How long nothing has to happen: reactors act within a tenth of it.
const QUIET: Duration = Duration::from_secs(3);

/// AWS has no `SnapStart` for older runtimes than this; tests have no image for it.
fn options(executor: Executor) -> Options {
    let image = r#"{"python3.12": "public.ecr.aws/lambda/python:3.11"}"#;
    Options::new(executor).with("LAMBDA_RUNTIME_IMAGE_MAPPING", image)
}

fn save(server: &Server, pod: &Path) {
    let (ok, said) = larder("", &["pod", "save", text(pod), "--endpoint", &server.url()]);
    assert!(ok, "{said}");
}

fn load(server: &Server, pod: &Path, more: &[&str]) -> String {
    let (ok, said) = larder("", &[&["pod", "load", text(pod), "--endpoint", &server.url()], more].concat());
    assert!(ok, "{said}");
    said
}

fn count(server: &Server, of: &str) -> u64 {
    server.health()["counts"][of].as_u64().expect("a number")
}

async fn status(client: &Client, name: &str) -> Option<Status> {
    let get = client.get_provisioned_concurrency_config().function_name(name).qualifier("1").send().await;
    get.expect("is there").status().cloned()
}

/// A pod with environments to be started ahead, and a version whose snapshot is still to be made.
async fn greedy(executor: Executor, pod: &Path) {
    let server = Server::start(options(executor));
    let client = server.client();
    create_python(&client, "ahead", WHO).await;
    client.publish_version().function_name("ahead").send().await.expect("published");
    let put = client.put_provisioned_concurrency_config().function_name("ahead").qualifier("1");
    put.provisioned_concurrent_executions(1).send().await.expect("accepted");
    eventually("it is there", || async { (status(&client, "ahead").await == Some(Status::Ready)).then_some(()) }).await;
    save(&server, pod);
}

/// The same with a version whose snapshot is still to be made.
async fn snapshot(executor: Executor, pod: &Path) {
    let server = Server::start(options(executor).with("LARDER_STATE_DELAY_MS", 600_000));
    let snap_start = SnapStart::builder().apply_on(SnapStartApplyOn::PublishedVersions).build();
    let create = creation(&server.client(), "snap", Runtime::Python312, python(WHO)).snap_start(snap_start);
    create.publish(true).send().await.expect("created");
    save(&server, pod);
}

on_each_executor! {
    async fn what_a_pod_brings_does_nothing_until_somebody_vouches_for_it(executor) {
        let folder = tempfile::tempdir().expect("a folder");
        let (ahead, snap) = (folder.path().join("ahead.pod"), folder.path().join("snap.pod"));
        greedy(executor, &ahead).await;
        snapshot(executor, &snap).await;
        let mut server = Server::start(options(executor));
        for pod in [&ahead, &snap] {
            let said = load(&server, pod, &["--merge", "service"]);
            assert!(said.contains("1 functions do nothing unless you invoke them") && said.contains("--trust"), "{said}");
        }
        active(&server.client(), "snap:1").await;
        tokio::time::sleep(QUIET).await;
        assert_eq!(count(&server, "environments"), 0, "something ran");
        assert_eq!(status(&server.client(), "ahead").await, Some(Status::InProgress));
        // Loading it again changes nothing, and a restart knows.
        let sequence = server.sequence();
        load(&server, &ahead, &["--merge", "service"]);
        assert_eq!(server.sequence(), sequence);
        server.kill();
        server.restart();
        tokio::time::sleep(QUIET).await;
        assert_eq!(count(&server, "environments"), 0, "something ran after a restart");
        // To invoke it is the user's own act, and no more than that.
        assert_eq!(call(&server.client(), "ahead:1").await.response(), "on-demand");
        tokio::time::sleep(QUIET).await;
        assert_eq!((count(&server, "environments"), count(&server, "provisioned_environments")), (1, 0));
        // Somebody vouches for it.
        let said = load(&server, &ahead, &["--merge", "service", "--trust"]);
        assert!(!said.contains("do nothing"), "{said}");
        eventually("it is started ahead", || async { (count(&server, "provisioned_environments") == 1).then_some(()) }).await;
        assert_eq!(call(&server.client(), "ahead:1").await.response(), "provisioned-concurrency");
        // What is trusted and unchanged stays so.
        load(&server, &ahead, &["--merge", "service"]);
        tokio::time::sleep(QUIET).await;
        assert_eq!(count(&server, "provisioned_environments"), 1);
    }

    async fn a_change_by_the_user_vouches_for_a_function(executor) {
        let folder = tempfile::tempdir().expect("a folder");
        let pod = folder.path().join("ahead.pod");
        greedy(executor, &pod).await;
        let server = Server::start(options(executor).with("AUTO_LOAD_POD", pod.display()));
        tokio::time::sleep(QUIET).await;
        assert_eq!(count(&server, "environments"), 0, "something ran");
        let client = server.client();
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:ahead";
        let tags = client.list_tags().resource(arn).send().await.expect("has tags");
        assert!(tags.tags().expect("tags").contains_key("larder:inert"), "{tags:?}");
        client.untag_resource().resource(arn).tag_keys("larder:inert").send().await.expect("untagged");
        eventually("it is started ahead", || async { (count(&server, "provisioned_environments") == 1).then_some(()) }).await;
        client.delete_function().function_name("ahead").send().await.expect("deleted");
        load(&server, &pod, &[]);
        tokio::time::sleep(QUIET).await;
        assert_eq!(count(&server, "provisioned_environments"), 0);
        client.update_function_configuration().function_name("ahead").timeout(7).send().await.expect("updated");
        eventually("it is started ahead", || async { (count(&server, "provisioned_environments") == 1).then_some(()) }).await;
        let trusting = options(executor).with("AUTO_LOAD_POD", pod.display()).with("LARDER_TRUST_PODS", 1);
        let server = Server::start(trusting);
        eventually("it is started ahead", || async { (count(&server, "provisioned_environments") == 1).then_some(()) }).await;
    }

    async fn a_stranger_gets_no_folder_of_this_machine(executor) {
        let work = tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
        let work = work.expect("a folder");
        let (code, pod) = (work.path().join("code"), work.path().join("hot.pod"));
        std::fs::create_dir(&code).expect("made");
        std::fs::write(code.join("handler.py"), WHO).expect("written");
        let from = Server::start(options(executor));
        let create = from.client().create_function().function_name("hot").runtime(Runtime::Python311);
        let in_folder = FunctionCode::builder().s3_bucket("hot-reload").s3_key(code.display().to_string()).build();
        create.handler("handler.handler").role(ROLE).code(in_folder).send().await.expect("created");
        active(&from.client(), "hot").await;
        save(&from, &pod);
        // Even where the variable is set, for whatever reason.
        let server = Server::start(options(executor).with("LARDER_HOT_RELOAD_HOT", code.display()));
        load(&server, &pod, &[]);
        active(&server.client(), "hot").await;
        let error = server.client().invoke().function_name("hot").send().await.expect_err("nobody vouched for it");
        let error = format!("{:?}", error.into_service_error());
        assert!(error.contains("came with a pod that nobody vouched for") && error.contains("--trust"), "{error}");
        assert_eq!(count(&server, "environments"), 0);
        load(&server, &pod, &["--trust"]);
        assert_eq!(call(&server.client(), "hot").await.response(), "on-demand");
    }
}
