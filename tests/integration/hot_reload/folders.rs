//! The folders of hot reload: kept, gone, replaced, refused, and in pods.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_lambda::types::{FunctionCode, LayerVersionContentInput, Runtime};
use serde_json::json;

use super::{Folder, answering, create};
use crate::on_each_executor;
use crate::pod_files::{larder, text};
use crate::support::functions::{ROLE, active, python, update};
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::{Options, Server, eventually};

on_each_executor! {
    async fn the_folder_is_known_after_a_restart_and_read_anew(executor) {
        let mut server = Server::start(Options::new(executor));
        let folder = Folder::new(&[("handler.py", &answering("1"))]);
        create(&server.client(), "f", &folder.key()).await;
        let first = call(&server.client(), "f").await.response()[1].clone();
        server.kill();
        folder.write("handler.py", &answering("2"));
        server.restart();
        assert_eq!(call(&server.client(), "f").await.response(), json!([2, first]), "adopted, and told of the change");
        folder.write("handler.py", &answering("3"));
        assert_eq!(call(&server.client(), "f").await.response(), json!([3, first]));
        server.stop();
        server.restart();
        let third = call(&server.client(), "f").await.response();
        assert_eq!(third[0], 3);
        // Another folder at the same path is not the one that the environment has.
        server.kill();
        fs::rename(folder.path(), folder.path().with_extension("old")).expect("renamed");
        fs::create_dir(folder.path()).expect("made");
        folder.write("handler.py", &answering("4"));
        server.restart();
        let fourth = call(&server.client(), "f").await.response();
        fs::remove_dir_all(folder.path().with_extension("old")).expect("removed");
        assert!(fourth[0] == 4 && fourth[1] != third[1], "{fourth}");
    }

    async fn a_folder_that_always_changes_keeps_no_call_from_its_answer(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("1"))]);
        create(&client, "f", &folder.key()).await;
        let (path, done) = (folder.file("a.log"), Arc::new(AtomicBool::new(false)));
        let writing = std::thread::spawn({
            let done = Arc::clone(&done);
            move || while !done.load(Ordering::Relaxed) {
                fs::write(&path, "a line").expect("written");
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let answer = tokio::time::timeout(Duration::from_secs(25), call(&client, "f")).await;
        assert_eq!(answer.expect("in time").response()[0], 1);
        // A caller that hangs up while an environment is made ready for it takes that with it to nowhere.
        let hanging_up = tokio::time::timeout(Duration::from_millis(4500), call(&client, "f")).await;
        assert!(hanging_up.is_err(), "it was waiting for the folder");
        done.store(true, Ordering::Relaxed);
        writing.join().expect("ends");
        eventually("it is idle again", || async {
            (server.health()["counts"]["idle_environments"] == 1 && server.environments() == 1).then_some(())
        }).await;
    }

    async fn a_folder_that_is_gone_is_named_and_one_that_is_back_is_used(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let outer = Folder::new(&[("dist/handler.py", &answering("'old'"))]);
        create(&client, "f", &outer.file("dist").display().to_string()).await;
        assert_eq!(call(&client, "f").await.response()[0], "old");
        fs::remove_dir_all(outer.file("dist")).expect("removed");
        let error = client.invoke().function_name("f").send().await.expect_err("its code is gone");
        let error = error.into_service_error();
        assert!(error.is_invalid_parameter_value_exception(), "{error:?}");
        assert!(error.to_string().contains("dist") || format!("{error:?}").contains("dist"), "{error:?}");
        // Another folder at the same path, as bundlers make it.
        outer.write("dist/handler.py", &answering("'new'"));
        assert_eq!(call(&client, "f").await.response()[0], "new");
        outer.write("dist/handler.py", &answering("'newer'"));
        assert_eq!(call(&client, "f").await.response()[0], "newer");
        eventually("the first one ended", || async { (server.environments() == 1).then_some(()) }).await;
    }

    async fn versions_keep_the_folder_and_code_may_become_a_zip(executor) {
        let server = Server::start(Options::new(executor).with("CODE", "/nowhere"));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("1"))]);
        create(&client, "f", &folder.key()).await;
        // Deployment tools send the digest of the zip that they made: code in a folder has none.
        let publish = client.publish_version().function_name("f").code_sha256("bm90IHRoZSBvbmU9");
        let version = publish.send().await.expect("published");
        assert_eq!(version.version(), Some("1"));
        folder.write("handler.py", &answering("2"));
        assert_eq!(call(&client, "f:1").await.response()[0], 2, "a version runs from the folder too");
        update(&client, "f", python("def handler(event, context):\n    return 'zip'\n")).await;
        assert_eq!(call(&client, "f").await.response(), "zip");
        assert_eq!(call(&client, "f:1").await.response()[0], 2);
        let to = client.update_function_code().function_name("f").s3_bucket("hot-reload").s3_key(folder.key());
        to.send().await.expect("updated");
        active(&client, "f").await;
        assert_eq!(call(&client, "f").await.response()[0], 2);
    }

    async fn in_a_pod_a_variable_stands_for_the_folder(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let (folder, layer) = (Folder::new(&[("handler.py", &answering("__import__('words').WORD"))]), Folder::new(&[]));
        layer.write("python/words.py", "WORD = 'mine'\n");
        let content = LayerVersionContentInput::builder().s3_bucket("hot-reload").s3_key(layer.key()).build();
        let published = client.publish_layer_version().layer_name("w-1").content(content).send().await.expect("published");
        create(&client, "f", &folder.key()).await;
        let arn = published.layer_version_arn().expect("an ARN");
        client.update_function_configuration().function_name("f").layers(arn).send().await.expect("set");
        active(&client, "f").await;
        client.publish_version().function_name("f").send().await.expect("published");
        let pods = Folder::new(&[]);
        let pod = pods.file("state.pod");
        let (ok, said) = larder("", &["pod", "save", text(&pod), "--with-history", "--endpoint", &server.url()]);
        assert!(ok, "{said}");
        let unpacked = Command::new("sh").args(["-c", "zstd -dc -- \"$0\" | tar -xO -f -", text(&pod)]).output();
        let unpacked = String::from_utf8_lossy(&unpacked.expect("sh runs").stdout).into_owned();
        assert!(unpacked.contains("$LARDER_HOT_RELOAD_F") && !unpacked.contains(&folder.key()), "{unpacked}");
        let (ok, said) = larder("", &["pod", "inspect", text(&pod)]);
        assert!(ok && said.contains("start the server with LARDER_HOT_RELOAD_F=/path"), "{said}");

        // A teammate's machine has the folders elsewhere.
        let theirs = Folder::new(&[("src/handler.py", &answering("__import__('words').WORD"))]);
        theirs.write("layer/python/words.py", "WORD = 'theirs'\n");
        let options = Options::new(executor).with("LARDER_HOT_RELOAD_F", theirs.file("src").display());
        let other = Server::start(options.with("LARDER_HOT_RELOAD_LAYER_W_1", theirs.file("layer").display()));
        let (ok, said) = larder("", &["pod", "load", text(&pod), "--trust", "--endpoint", &other.url()]);
        assert!(ok && said.contains("LARDER_HOT_RELOAD_LAYER_W_1=/path"), "{said}");
        for name in ["f", "f:1"] {
            assert_eq!(call(&other.client(), name).await.response()[0], "theirs", "{name}");
        }
        theirs.write("layer/python/words.py", "WORD = 'changed'\n");
        assert_eq!(call(&other.client(), "f").await.response()[0], "changed");

        // Without the variables it says what is missing.
        let third = Server::start(Options::new(executor));
        let (ok, said) = larder("", &["pod", "load", text(&pod), "--trust", "--endpoint", &third.url()]);
        assert!(ok, "{said}");
        let error = third.client().invoke().function_name("f").send().await.expect_err("nobody said where");
        assert!(format!("{error:?}").contains("start the server with LARDER_HOT_RELOAD_"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_folder_is_refused_with_the_next_step() {
    let server = Server::start(Options::any().with("LARDER_HOT_RELATIVE", "src"));
    let folder = Folder::new(&[("handler.py", "")]);
    let closed = Folder::new(&[]);
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).expect("set");
    let file = folder.file("handler.py").display().to_string();
    let gone = folder.file("gone").display().to_string();
    let data = server.data_dir().parent().expect("a folder").display().to_string();
    for (key, part) in [
        ("src/code", "'src/code' is not an absolute path"),
        ("$LARDER_HOT_NOT_SET/code", "start the server with LARDER_HOT_NOT_SET=/path"),
        ("${LARDER_HOT_RELATIVE}/code", "needs an absolute path in LARDER_HOT_RELATIVE"),
        ("$/code", "write $LARDER_HOT_NAME/path"),
        (&gone, "create it"),
        (&file, "give the folder that the file is in"),
        (&data, "holds Larder's data dir"),
    ] {
        let code = json!({ "S3Bucket": "hot-reload", "S3Key": key });
        let request = json!({
            "FunctionName": "f", "Runtime": "python3.12", "Handler": "handler.handler", "Role": ROLE, "Code": code,
        });
        let function = Request::json("POST", "/2015-03-31/functions", &request).send(server.port());
        let layer = json!({ "Content": code });
        let layer = Request::json("POST", "/2018-10-31/layers/l/versions", &layer).send(server.port());
        for answer in [function, layer] {
            assert_eq!((answer.status, answer.error()), (400, "InvalidParameterValueException"), "{key}");
            assert!(answer.message().contains(part), "{key}: {}", answer.message());
        }
    }
    assert_eq!(server.sequence(), 0, "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bucket_may_be_the_marker() {
    let server = Server::start(Options::any().with("BUCKET_MARKER_LOCAL", "__local__"));
    let client = server.client();
    let folder = Folder::new(&[("handler.py", "")]);
    let create = |bucket: &str| {
        let code = FunctionCode::builder().s3_bucket(bucket).s3_key(folder.key()).build();
        let create = client.create_function().function_name("f").runtime(Runtime::Python311).handler("handler.handler");
        create.role(ROLE).code(code).send()
    };
    let error = create("hot-reload").await.expect_err("an ordinary bucket").into_service_error();
    assert!(format!("{error:?}").contains("Code in S3"), "{error:?}");
    create("__local__").await.expect("the marker");
}
