//! Functions of container images: built here from a stand-in, run by the Docker executor, refused by the sandbox.

use std::io::Write as _;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::{FunctionCode, ImageConfig, PackageType, State};
use bollard::Docker;
use bollard::query_parameters::{BuildImageOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder};
use futures_util::StreamExt as _;
use serde_json::json;

use crate::logs::lines;
use crate::support::functions::{ROLE, active};
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Options, Server, eventually};

const CODE: &str = "
import os
def handler(event, context):
    return {name: os.environ.get(name) for name in event['names']} | {'cwd': os.getcwd(), 'uid': os.getuid()}
def other(event, context):
    return 'other'
";

const DOCKERFILE: &str = "FROM public.ecr.aws/lambda/python:3.11
COPY app.py /var/task/
ENV STAGE=image AWS_REGION=nowhere GREETING=image
CMD [\"app.handler\"]
";

/// An image that goes with the test.
struct Image {
    docker: Docker,
    name: String,
}

impl Image {
    async fn build(name: &str) -> Self {
        let docker = Docker::connect_with_defaults().expect("an engine");
        let name = format!("larder-test/{name}:{}", std::process::id());
        let mut context = tar::Builder::new(Vec::new());
        for (file, content) in [("app.py", CODE), ("Dockerfile", DOCKERFILE)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            context.append_data(&mut header, file, content.as_bytes()).expect("packed");
        }
        let context = context.into_inner().expect("packed");
        let options = BuildImageOptionsBuilder::default().t(&name).rm(true).build();
        let mut steps = docker.build_image(options, None, Some(bollard::body_full(context.into())));
        while let Some(step) = steps.next().await {
            let step = step.expect("built");
            assert!(step.error_detail.is_none(), "{step:?}");
            let _ = std::io::stderr().write_all(step.stream.unwrap_or_default().as_bytes());
        }
        drop(steps);
        Self { docker, name }
    }

    /// Another name for the stand-in: what is built of it shares layers with other tests' images.
    async fn tag(name: &str) -> Self {
        let docker = Docker::connect_with_defaults().expect("an engine");
        let (repository, tag) = (format!("larder-test/{name}"), std::process::id().to_string());
        let options = TagImageOptionsBuilder::default().repo(&repository).tag(&tag).build();
        docker.tag_image("public.ecr.aws/lambda/python:3.11", Some(options)).await.expect("tagged");
        Self { docker, name: format!("{repository}:{tag}") }
    }

    async fn remove(self) {
        let removed = self.docker.remove_image(&self.name, None::<RemoveImageOptions>, None).await;
        removed.expect("removed");
    }
}

async fn create(client: &Client, name: &str, image: &str, config: Option<ImageConfig>) {
    let created = client
        .create_function()
        .function_name(name)
        .package_type(PackageType::Image)
        .role(ROLE)
        .timeout(30)
        .environment(aws_sdk_lambda::types::Environment::builder().variables("GREETING", "user").build())
        .code(FunctionCode::builder().image_uri(image).build())
        .set_image_config(config)
        .send()
        .await;
    created.expect("created");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_runs_as_it_says_or_as_the_function_says() {
    if !Executor::Docker.is_here() {
        return;
    }
    let image = Image::build("runs").await;
    let server = Server::start(Options::new(Executor::Docker));
    let client = server.client();
    create(&client, "plain", &image.name, None).await;
    active(&client, "plain").await;
    let names = json!({ "names": ["STAGE", "AWS_REGION", "GREETING", "_HANDLER", "AWS_LAMBDA_FUNCTION_NAME"] });
    let plain = invoke(&client, "plain", names.clone()).await;
    assert!(!plain.log.contains("INIT_START"), "{}", plain.log);
    assert_eq!(
        plain.response(),
        json!({
            "STAGE": "image", "AWS_REGION": "us-east-1", "GREETING": "user", "_HANDLER": "app.handler",
            "AWS_LAMBDA_FUNCTION_NAME": "plain", "cwd": "/var/task", "uid": 993,
        })
    );
    let config = ImageConfig::builder().command("app.other").build();
    create(&client, "command", &image.name, Some(config)).await;
    active(&client, "command").await;
    assert_eq!(call(&client, "command").await.response(), json!("other"));
    let config = ImageConfig::builder().working_directory("/tmp").build();
    create(&client, "folder", &image.name, Some(config)).await;
    active(&client, "folder").await;
    assert_eq!(invoke(&client, "folder", names).await.response()["cwd"], "/tmp");
    drop(server);
    image.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_start_fails_as_on_aws() {
    if !Executor::Docker.is_here() {
        return;
    }
    let image = Image::build("fails").await;
    let server = Server::start(Options::new(Executor::Docker));
    let client = server.client();
    let entry = |program: &str| ImageConfig::builder().entry_point(program);
    for (name, config, error_type) in [
        ("no-client", entry("/bin/true").build(), "Runtime.ExitError"),
        ("no-entry", entry("/no/such/program").build(), "Runtime.InvalidEntrypoint"),
        ("not-on-path", entry("no-such-program").build(), "Runtime.InvalidEntrypoint"),
        ("no-folder", ImageConfig::builder().working_directory("/no/such").build(), "Runtime.InvalidWorkingDir"),
    ] {
        create(&client, name, &image.name, Some(config)).await;
        active(&client, name).await;
        let invoked = call(&client, name).await;
        assert_eq!(invoked.failure().0, error_type, "{invoked:#?}");
        if name != "no-client" {
            let logged = lines(&server, &format!("/aws/lambda/{name}"), 3).await;
            assert!(logged.iter().any(|line| line.starts_with("IMAGE\tLaunch error: ")), "{logged:?}");
        }
        if name == "not-on-path" {
            assert!(invoked.failure().1.ends_with("\"no-such-program\": executable file not found in $PATH"));
        }
    }
    drop(server);
    image.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_told_and_not_tried_again() {
    if !Executor::Docker.is_here() {
        return;
    }
    let image = Image::tag("vanishes").await;
    let server = Server::start(Options::new(Executor::Docker));
    let client = server.client();
    create(&client, "missing", "localhost:1/no/such:image", None).await;
    // Nobody answers at its registry, which says nothing of the image: the call tells it, and the function stays.
    active(&client, "missing").await;
    let refused = client.invoke().function_name("missing").send().await.expect_err("there is no image");
    let status = refused.raw_response().map(|response| response.status().as_u16());
    assert_eq!(status, Some(400), "no error that clients try again: {refused:?}");
    let reason = refused.message().unwrap_or_default();
    assert!(reason.contains("localhost:1/no/such:image is not here and cannot be pulled"), "{reason}");

    // One that was there, and is not when it is needed.
    create(&client, "vanished", &image.name, None).await;
    active(&client, "vanished").await;
    image.remove().await;
    let refused = client.invoke().function_name("vanished").send().await.expect_err("there is no image");
    let status = refused.raw_response().map(|response| response.status().as_u16());
    assert_eq!(status, Some(400), "no error that clients try again: {refused:?}");
    assert!(refused.message().unwrap_or_default().contains("cannot be pulled"), "{refused:?}");
}

/// A registry that takes connections and says nothing.
fn mute_registry() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_does_not_begin_ends() {
    if !Executor::Docker.is_here() {
        return;
    }
    let (_registry, address) = mute_registry();
    let server = Server::start(Options::new(Executor::Docker));
    let client = server.client();
    let begin = std::time::Instant::now();
    create(&client, "mute", &format!("{address}/image:1"), None).await;
    eventually("the function has failed", || async {
        let found = client.get_function_configuration().function_name("mute").send().await.expect("is there");
        (found.state() == Some(&State::Failed)).then_some(())
    })
    .await;
    assert!(begin.elapsed().as_secs() < 40, "{:?}", begin.elapsed());
}

#[test]
fn an_engine_that_can_have_no_image_is_not_taken() {
    if !Executor::Docker.is_here() || !Executor::Sandbox.is_here() {
        return;
    }
    let (_registry, mute) = mute_registry();
    for registry in ["localhost:1", &mute] {
        let begin = std::time::Instant::now();
        let mapping = format!("{registry}/none-<runtime>:1");
        let server = Server::start(Options::any().with("LAMBDA_RUNTIME_IMAGE_MAPPING", &mapping));
        let executor = server.field("executor");
        assert!(executor.starts_with("sandbox (the Docker engine is of no use"), "{executor}");
        assert!(executor.contains("cannot be pulled now"), "{executor}");
        assert!(begin.elapsed().as_secs() < 15, "{:?}", begin.elapsed());
    }
}

#[test]
fn the_demo_runs_without_images() {
    if !Executor::Docker.is_here() || !Executor::Sandbox.is_here() {
        return;
    }
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_larder"));
    demo.arg("demo").env("LAMBDA_RUNTIME_IMAGE_MAPPING", "localhost:1/none-<runtime>:1").env_remove("LARDER_EXECUTOR");
    let output = demo.output().expect("larder is built");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("executor sandbox (the Docker engine is of no use"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_says_that_it_runs_no_images() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    create(&client, "f", "my/image:1", None).await;
    eventually("the function has failed", || async {
        let found = client.get_function_configuration().function_name("f").send().await.expect("is there");
        let reason = found.state_reason().unwrap_or_default();
        (found.state() == Some(&State::Failed) && reason.contains("docker executor")).then_some(())
    })
    .await;
}
