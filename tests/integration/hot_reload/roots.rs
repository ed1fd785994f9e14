//! Which folders functions may run from: those in a root, and none that leads out of itself.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, LayerVersionContentInput, Runtime};
use serde_json::json;

use super::{Folder, answering, code, create};
use crate::on_each_executor;
use crate::support::functions::{ROLE, active, python, zip};
use crate::support::http::{Answer, Request};
use crate::support::invoke::call;
use crate::support::{Options, Server, eventually};

/// A call that must not take long, whatever is in a folder.
const SOON: Duration = Duration::from_secs(20);

/// Asks for a function and for a layer out of a folder; both answers.
fn ask(server: &Server, key: &str) -> [Answer; 2] {
    let code = json!({ "S3Bucket": "hot-reload", "S3Key": key });
    let request = json!({
        "FunctionName": "f", "Runtime": "python3.12", "Handler": "handler.handler", "Role": ROLE, "Code": code,
    });
    let function = Request::json("POST", "/2015-03-31/functions", &request).send(server.port());
    let layer = Request::json("POST", "/2018-10-31/layers/l/versions", &json!({ "Content": code }));
    [function, layer.send(server.port())]
}

fn is_refused(server: &Server, key: &str, part: &str) {
    for answer in ask(server, key) {
        assert_eq!((answer.status, answer.error()), (400, "InvalidParameterValueException"), "{key}");
        let message = answer.message();
        assert!(message.contains(part) && message.contains("hot-reload"), "{key}: {message}");
    }
}

fn pipe(at: &Path) {
    assert!(Command::new("mkfifo").arg(at).status().expect("mkfifo runs").success());
}

/// What the failed invocation of a function says.
async fn refusal(client: &Client, name: &str) -> String {
    let invoking = tokio::time::timeout(SOON, client.invoke().function_name(name).send()).await;
    let error = invoking.expect("it is answered").expect_err("it cannot run").into_service_error();
    assert!(error.is_invalid_parameter_value_exception(), "{error:?}");
    format!("{error:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_no_root_is_refused_whether_it_is_there_or_not() {
    let folder = Folder::new(&[("in/code/handler.py", ""), ("out/handler.py", "")]);
    let at = |name: &str| folder.file(name).display().to_string();
    symlink(folder.file("out"), folder.file("in/link")).expect("linked");
    let options = Options::any().with("LARDER_HOT_RELOAD_ROOTS", at("in"));
    let server = Server::start(options.with("LARDER_HOT_OUT", at("out")).with("A_SECRET", "/swordfish"));
    for key in [at("out"), at("in/link"), at("in/../out"), at("out/none"), "/".into(), "/home/somebody/.ssh".into()] {
        is_refused(&server, &key, "start the server with --hot-reload-root");
    }
    is_refused(&server, "$LARDER_HOT_OUT", "the hot-reload folder $LARDER_HOT_OUT is in none");
    is_refused(&server, "$A_SECRET/code", "LARDER_HOT_A_SECRET=/path");
    for answer in ask(&server, "${A_SECRET}").into_iter().chain(ask(&server, "$LARDER_HOT_OUT/none")) {
        let message = answer.message();
        assert!(!message.contains("swordfish") && !message.contains(&at("out")), "{message}");
    }
    assert_eq!(server.sequence(), 0, "nothing was stored");
    assert_eq!(ask(&server, &at("in/code")).map(|answer| answer.status), [201, 201]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_is_refused_whatever_the_roots() {
    let server = Server::start(Options::any().with("LARDER_HOT_RELOAD_ROOTS", "/"));
    for key in ["/", "/proc", "/proc/self/task", "/sys", "/sys/fs/cgroup", "/dev", "/dev/shm", "/run", "/var/run"] {
        is_refused(&server, key, "a part of the system");
    }
    is_refused(&server, "/proc/self/root/proc", "a part of the system");
    let data = server.data_dir();
    is_refused(&server, &data.join("store").display().to_string(), "Larder's data dir");
    is_refused(&server, &data.parent().expect("a folder").display().to_string(), "Larder's data dir");
    assert_eq!(server.sequence(), 0, "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_roots_there_is_the_working_folder_and_an_empty_list_is_none() {
    let (here, elsewhere) = (Folder::new(&[("code/handler.py", "")]), Folder::new(&[("handler.py", "")]));
    let server = Server::start(Options::any().started_in(here.path()));
    is_refused(&server, &elsewhere.key(), "--hot-reload-root");
    for key in [here.key(), here.file("code").display().to_string()] {
        assert_eq!(ask(&server, &key)[1].status, 201, "{key}");
    }
    let server = Server::start(Options::any().with("LARDER_HOT_RELOAD_ROOTS", ""));
    is_refused(&server, &here.key(), "--hot-reload-root");
    let error =
        Server::try_start(Options::any().with("LARDER_HOT_RELOAD_ROOTS", "/none/such")).expect_err("is not there");
    assert!(error.contains("--hot-reload-root /none/such"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leads_out_of_a_folder_is_refused_at_creation() {
    let server = Server::start(Options::any());
    let folder = Folder::new(&[("handler.py", ""), ("a/b/file", "")]);
    let _socket = UnixListener::bind(folder.file("a/b/agent.sock")).expect("binds");
    is_refused(&server, &folder.key(), "a socket (a/b/agent.sock)");
    fs::remove_file(folder.file("a/b/agent.sock")).expect("removed");
    pipe(&folder.file("a/pipe"));
    is_refused(&server, &folder.key(), "a named pipe (a/pipe)");
    assert_eq!(ask(&server, &folder.file("a/b").display().to_string()).map(|answer| answer.status), [201, 201]);
}

on_each_executor! {
    async fn a_link_that_comes_to_lead_out_is_not_followed(executor) {
        let folder = Folder::new(&[("in/real/handler.py", &answering("'in'")), ("out/handler.py", &answering("'out'"))]);
        symlink(folder.file("in/real"), folder.file("in/code")).expect("linked");
        let root = folder.file("in");
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).expect("set");
        let server = Server::start(Options::new(executor).with("LARDER_HOT_RELOAD_ROOTS", root.display()));
        let client = server.client();
        create(&client, "f", &folder.file("in/code").display().to_string()).await;
        assert_eq!(call(&client, "f").await.response()[0], "in");
        fs::remove_file(folder.file("in/code")).expect("removed");
        symlink(folder.file("out"), folder.file("in/code")).expect("linked");
        let said = refusal(&client, "f").await;
        assert!(said.contains("--hot-reload-root"), "{said}");
        fs::remove_file(folder.file("in/code")).expect("removed");
        symlink(folder.file("in/real"), folder.file("in/code")).expect("linked");
        assert_eq!(call(&client, "f").await.response()[0], "in");
    }

    async fn a_socket_that_comes_to_a_folder_ends_its_environments(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("1")), (".git/HEAD", "")]);
        create(&client, "f", &folder.key()).await;
        call(&client, "f").await.response();
        // No change of code; it counts all the same.
        let place = folder.file(".git/agent.sock");
        let socket = UnixListener::bind(&place).expect("binds");
        eventually("its environment ends", || async { (server.environments() == 0).then_some(()) }).await;
        let said = refusal(&client, "f").await;
        assert!(said.contains("a socket (.git/agent.sock)"), "{said}");
        drop(socket);
        fs::remove_file(&place).expect("removed");
        assert_eq!(call(&client, "f").await.response()[0], 1);
    }

    async fn a_named_pipe_in_a_layer_holds_nobody_up(executor) {
        let mut server = Server::start(Options::new(executor));
        let client = server.client();
        let (hot, other) = (Folder::new(&[("python/words.py", "WORD = 'hot'\n")]), Folder::new(&[("python/x.py", "")]));
        let publish = |name: &'static str, content: LayerVersionContentInput| {
            let publish = client.publish_layer_version().layer_name(name).content(content);
            async move { publish.send().await.expect("published").layer_version_arn().expect("an ARN").to_owned() }
        };
        let folder = |key: String| LayerVersionContentInput::builder().s3_bucket("hot-reload").s3_key(key).build();
        let (hot_arn, other_arn) = (publish("hot", folder(hot.key())).await, publish("other", folder(other.key())).await);
        let cold = zip(&[("python/more.py", b"MORE = 1\n")]);
        let cold = publish("cold", LayerVersionContentInput::builder().zip_file(Blob::new(cold)).build()).await;
        for (name, layer, module) in [("piped", &hot_arn, "words"), ("beside", &other_arn, "x")] {
            let handler = format!("import more, {module}\ndef handler(event, context):\n    return more.MORE\n");
            let package = FunctionCode::builder().zip_file(Blob::new(python(&handler))).build();
            let create = client.create_function().function_name(name).runtime(Runtime::Python311);
            let create = create.handler("handler.handler").role(ROLE).timeout(30).code(package);
            create.layers(&cold).layers(layer).send().await.expect("created");
            active(&client, name).await;
        }
        assert_eq!(call(&client, "piped").await.response(), 1);
        pipe(&hot.file("python/pipe"));
        let said = refusal(&client, "piped").await;
        assert!(said.contains("a named pipe (python/pipe)"), "{said}");
        let beside = tokio::time::timeout(SOON, call(&client, "beside")).await;
        assert_eq!(beside.expect("another function is not held up").response(), 1);
        let start = Instant::now();
        server.stop();
        assert!(start.elapsed() < SOON, "the end took {:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_checked_too() {
    let server = Server::start(Options::any());
    let client = server.client();
    let folder = Folder::new(&[("handler.py", "")]);
    client
        .create_function()
        .function_name("f")
        .runtime(Runtime::Python311)
        .handler("handler.handler")
        .role(ROLE)
        .code(code(&folder.key()))
        .send()
        .await
        .expect("created");
    active(&client, "f").await;
    let update = client.update_function_code().function_name("f").s3_bucket("hot-reload").s3_key("/proc").send().await;
    assert!(format!("{:?}", update.expect_err("is refused")).contains("--hot-reload-root"));
}
