//! Hot reload: functions and layers run from folders, and read them anew when they change.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{FunctionCode, LayerVersionContentInput, Runtime};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::on_each_executor;
use crate::pod_files::{larder, text};
use crate::support::functions::{ROLE, active, python, update, zip};
use crate::support::http::Request;
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Options, Server, eventually};

/// A folder of code that functions may read.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("hot-").permissions(fs::Permissions::from_mode(0o755)).tempdir();
        let folder = Self(folder.expect("a folder"));
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn key(&self) -> String {
        self.path().display().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.file(name).parent().expect("a folder")).expect("made");
        fs::write(self.file(name), text).expect("written");
    }
}

/// Python that answers with `value`, and with what the first of its environment's runtimes left in /tmp.
fn answering(value: &str) -> String {
    format!(
        "
import os, time, uuid
if not os.path.exists('/tmp/first'):
    open('/tmp/first', 'w').write(str(uuid.uuid4()))
def handler(event, context):
    time.sleep(event.get('s', 0))
    return [{value}, open('/tmp/first').read()]
"
    )
}

fn code(key: &str) -> FunctionCode {
    FunctionCode::builder().s3_bucket("hot-reload").s3_key(key).build()
}

async fn create(client: &Client, name: &str, key: &str) {
    let create = client.create_function().function_name(name).runtime(Runtime::Python311).handler("handler.handler");
    create.role(ROLE).timeout(30).code(code(key)).send().await.expect("created");
    active(client, name).await;
}

/// Answers of calls that run at the same time, each for `seconds`.
async fn together(client: &Client, count: usize, seconds: f64) -> Vec<Value> {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { invoke(&client, "f", json!({ "s": seconds })).await.response() })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("answers"));
    }
    answers
}

on_each_executor! {
    async fn an_edit_has_effect_in_the_same_environment(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("0"))]);
        create(&client, "f", &folder.key()).await;
        let first = call(&client, "f").await.response()[1].clone();
        for round in 1..=5 {
            folder.write("handler.py", &answering(&round.to_string()));
            assert_eq!(call(&client, "f").await.response(), json!([round, first]), "/tmp stays");
        }
        assert_eq!(server.environments(), 1);
        let warm = call(&client, "f").await;
        assert!(!warm.is_cold(), "nothing changed: {}", warm.log);
        let found = client.get_function().function_name("f").send().await.expect("is there");
        let location = found.code().and_then(|code| code.location());
        assert_eq!(location, Some(format!("file://{}", folder.key()).as_str()));
        let about = found.configuration().expect("a configuration");
        assert_eq!((about.code_size(), about.code_sha256()), (0, Some("hot-reloading-hash-not-available")));
    }

    async fn what_is_written_together_is_seen_together(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let handler = "import a, b, pkg.c\ndef handler(event, context):\n    return [a.N, b.N, pkg.c.N]\n";
        let folder = Folder::new(&[("handler.py", handler)]);
        let save = |round: u32| {
            for name in ["a.py", "b.py", "pkg/c.py"] {
                folder.write(name, &format!("N = {round}\n"));
                std::thread::sleep(Duration::from_millis(8));
            }
        };
        save(0);
        create(&client, "f", &folder.key()).await;
        let callers: Vec<_> = (0..3).map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut last = 0;
                while last < 12 {
                    let answer = call(&client, "f").await.response();
                    let seen: Vec<u64> = serde_json::from_value(answer).expect("numbers");
                    assert!(seen.iter().all(|one| *one == seen[0]), "half of a change: {seen:?}");
                    assert!(seen[0] >= last, "{seen:?} after {last}");
                    last = seen[0];
                }
            })
        }).collect();
        for round in 1..=12 {
            save(round);
            tokio::time::sleep(Duration::from_millis(u64::from(round) * 37)).await;
        }
        for caller in callers {
            caller.await.expect("saw whole changes only");
        }
    }

    async fn all_environments_of_a_function_reload(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("'old'"))]);
        create(&client, "f", &folder.key()).await;
        let mut before = together(&client, 3, 1.0).await;
        before.sort_by_key(ToString::to_string);
        folder.write("handler.py", &answering("'new'"));
        let mut after = together(&client, 3, 1.0).await;
        after.sort_by_key(ToString::to_string);
        assert_eq!(server.environments(), 3);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((&before[0], &after[0], &before[1]), (&json!("old"), &json!("new"), &after[1]));
        }
    }

    async fn a_running_call_ends_on_the_code_it_began_with(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("'old'"))]);
        create(&client, "f", &folder.key()).await;
        let first = call(&client, "f").await.response()[1].clone();
        let running = tokio::spawn({ let client = client.clone(); async move { together(&client, 1, 2.0).await } });
        eventually("it runs", || async { (server.health()["counts"]["idle_environments"] == 0).then_some(()) }).await;
        folder.write("handler.py", &answering("'new'"));
        // Another environment answers meanwhile, with the new code.
        assert_eq!(call(&client, "f").await.response()[0], "new");
        assert_eq!(running.await.expect("ends"), [json!(["old", first])]);
        let both = together(&client, 2, 0.5).await;
        assert!(both.iter().all(|answer| answer[0] == "new") && both.iter().any(|answer| answer[1] == first), "{both:?}");
    }

    async fn a_mistake_is_shown_and_heals_with_the_next_save(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("'fine'"))]);
        create(&client, "f", &folder.key()).await;
        let first = call(&client, "f").await.response();
        folder.write("handler.py", "def handler(event, context)\n");
        let (kind, message) = call(&client, "f").await.failure();
        assert!(kind.contains("SyntaxError") && message.contains("handler"), "{kind}: {message}");
        folder.write("handler.py", &answering("'fine'"));
        assert_eq!(call(&client, "f").await.response(), first);
        fs::remove_file(folder.file("handler.py")).expect("removed");
        assert_eq!(call(&client, "f").await.failure().0, "Runtime.ImportModuleError");
        folder.write("handler.py", &answering("'back'"));
        assert_eq!(call(&client, "f").await.response(), json!(["back", first[1]]));
    }

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
        done.store(true, Ordering::Relaxed);
        writing.join().expect("ends");
        assert_eq!(answer.expect("in time").response()[0], 1);
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

    async fn layers_may_be_folders(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let layer = Folder::new(&[("python/words.py", "WORD = 'old'\n")]);
        let publish = |name: &'static str, content: LayerVersionContentInput| {
            let publish = client.publish_layer_version().layer_name(name).content(content);
            async move { publish.send().await.expect("published").layer_version_arn().expect("an ARN").to_owned() }
        };
        let hot = LayerVersionContentInput::builder().s3_bucket("hot-reload").s3_key(layer.key()).build();
        let hot = publish("hot", hot).await;
        let package = zip(&[("python/more.py", b"MORE = 'more'\n"), ("python/words.py", b"WORD = 'below'\n")]);
        let cold = LayerVersionContentInput::builder().zip_file(aws_sdk_lambda::primitives::Blob::new(package)).build();
        let cold = publish("cold", cold).await;
        let handler = "import words, importlib.util\ndef handler(event, context):\n    \
                       return [words.WORD, importlib.util.find_spec('more') is not None]\n";
        let create = client.create_function().function_name("f").runtime(Runtime::Python311).handler("handler.handler");
        let package = FunctionCode::builder().zip_file(aws_sdk_lambda::primitives::Blob::new(python(handler))).build();
        create.role(ROLE).timeout(30).code(package).layers(&hot).send().await.expect("created");
        active(&client, "f").await;
        assert_eq!(call(&client, "f").await.response(), json!(["old", false]));
        layer.write("python/words.py", "WORD = 'new'\n");
        assert_eq!(call(&client, "f").await.response(), json!(["new", false]));
        // Several are merged, the last on top.
        client.update_function_configuration().function_name("f").layers(&cold).layers(&hot).send().await.expect("set");
        active(&client, "f").await;
        assert_eq!(call(&client, "f").await.response(), json!(["new", true]));
        layer.write("python/words.py", "WORD = 'newer'\n");
        assert_eq!(call(&client, "f").await.response(), json!(["newer", true]));
        fs::remove_file(layer.file("python/words.py")).expect("removed");
        assert_eq!(call(&client, "f").await.response(), json!(["below", true]));
        eventually("the first one ended", || async { (server.environments() == 1).then_some(()) }).await;
    }

    async fn versions_keep_the_folder_and_code_may_become_a_zip(executor) {
        let server = Server::start(Options::new(executor).with("CODE", "/nowhere"));
        let client = server.client();
        let folder = Folder::new(&[("handler.py", &answering("1"))]);
        create(&client, "f", &folder.key()).await;
        let version = client.publish_version().function_name("f").send().await.expect("published");
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
}

on_each_executor! {
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
        let (ok, said) = larder("", &["pod", "load", text(&pod), "--endpoint", &other.url()]);
        assert!(ok && said.contains("LARDER_HOT_RELOAD_LAYER_W_1=/path"), "{said}");
        for name in ["f", "f:1"] {
            assert_eq!(call(&other.client(), name).await.response()[0], "theirs", "{name}");
        }
        theirs.write("layer/python/words.py", "WORD = 'changed'\n");
        assert_eq!(call(&other.client(), "f").await.response()[0], "changed");

        // Without the variables it says what is missing.
        let third = Server::start(Options::new(executor));
        let (ok, said) = larder("", &["pod", "load", text(&pod), "--endpoint", &third.url()]);
        assert!(ok, "{said}");
        let error = third.client().invoke().function_name("f").send().await.expect_err("nobody said where");
        assert!(format!("{error:?}").contains("start the server with LARDER_HOT_RELOAD_"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_folder_is_refused_with_the_next_step() {
    let server = Server::start(Options::any().with("RELATIVE", "src"));
    let folder = Folder::new(&[("handler.py", "")]);
    let closed = Folder::new(&[]);
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).expect("set");
    let file = folder.file("handler.py").display().to_string();
    let gone = folder.file("gone").display().to_string();
    let data = server.data_dir().parent().expect("a folder").display().to_string();
    for (key, part) in [
        ("src/code", "'src/code' is not an absolute path"),
        ("$NOT_SET/code", "start the server with NOT_SET=/path"),
        ("${RELATIVE}/code", "RELATIVE is 'src'"),
        ("$/code", "write $NAME/path"),
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

/// A tool of the user's may compile a save, and the next one may have the same second and size: Python would take the
/// bytecode for that of the file.
#[tokio::test(flavor = "multi_thread")]
async fn bytecode_of_another_save_is_not_run() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    let folder = Folder::new(&[("handler.py", "import part\ndef handler(event, context):\n    return part.N\n")]);
    folder.write("part.py", "N = 0\n");
    create(&client, "f", &folder.key()).await;
    assert_eq!(call(&client, "f").await.response(), 0);
    for round in 1..=3 {
        let part = folder.file("part.py");
        folder.write("part.py", "N = 9\n");
        let compiled = Command::new("python3").args(["-m", "compileall", "-q"]).arg(&part).status();
        assert!(compiled.expect("python runs").success());
        let time = fs::metadata(&part).and_then(|about| about.modified()).expect("is there");
        folder.write("part.py", &format!("N = {round}\n"));
        // The bytecode names the second of the save.
        let second = time.duration_since(std::time::UNIX_EPOCH).expect("is later").as_secs();
        let later = std::time::UNIX_EPOCH + Duration::new(second, 999_999_999);
        fs::File::options().write(true).open(&part).and_then(|file| file.set_modified(later)).expect("set");
        assert_eq!(call(&client, "f").await.response(), round);
    }
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
