//! Hot reload: functions and layers run from folders, and read them anew when they change.

mod folders;
mod roots;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{FunctionCode, LayerVersionContentInput, Runtime};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::on_each_executor;
use crate::support::functions::{ROLE, active, bootstrap, python, zip};
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

    async fn other_runtimes_reload_too(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let node = |n: u32| format!("const part = require('./part');\nexports.handler = async () => [part.n, {n}];\n");
        let folder = Folder::new(&[("index.js", &node(1)), ("part.js", "exports.n = 1;\n")]);
        let create = client.create_function().function_name("node").runtime(Runtime::Nodejs20x);
        create.handler("index.handler").role(ROLE).code(code(&folder.key())).send().await.expect("created");
        active(&client, "node").await;
        assert_eq!(call(&client, "node").await.response(), json!([1, 1]));
        folder.write("part.js", "exports.n = 2;\n");
        folder.write("index.js", &node(2));
        assert_eq!(call(&client, "node").await.response(), json!([2, 2]));

        let own = Folder::new(&[]);
        let bootstrap = |answer: &str| {
            let script = String::from_utf8(bootstrap(&format!("printf {answer}"))).expect("is text");
            own.write("bootstrap.new", &script);
            fs::set_permissions(own.file("bootstrap.new"), fs::Permissions::from_mode(0o755)).expect("set");
            fs::rename(own.file("bootstrap.new"), own.file("bootstrap")).expect("renamed");
        };
        bootstrap("1");
        let create = client.create_function().function_name("own").runtime(Runtime::Providedal2023);
        create.handler("any").role(ROLE).code(code(&own.key())).send().await.expect("created");
        active(&client, "own").await;
        assert_eq!(call(&client, "own").await.response(), 1);
        bootstrap("2");
        assert_eq!(call(&client, "own").await.response(), 2);
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
        let saved = fs::metadata(&part).and_then(|about| about.modified()).expect("is there");
        let second = saved.duration_since(UNIX_EPOCH).expect("is later").as_secs();
        folder.write("part.py", &format!("N = {round}\n"));
        // All within the second that the bytecode names.
        let bytecode =
            fs::read_dir(folder.file("__pycache__")).expect("made").next().expect("a file").expect("an entry");
        for (path, millis) in [(bytecode.path(), 500), (part, 900)] {
            let time = UNIX_EPOCH + Duration::from_secs(second) + Duration::from_millis(millis);
            fs::File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("set");
        }
        assert_eq!(call(&client, "f").await.response(), round);
    }
}
