//! Standby environments: made ahead for a runtime, and given one function, once.

use std::collections::BTreeSet;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, EphemeralStorage, LayerVersionContentInput, Runtime};
use serde_json::{Value, json};

use crate::support::engine::{Engine, Mode};
use crate::support::functions::{ECHO, active, create, create_python, creation, python, zip};
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Options, Server, eventually};

/// What a Python function sees, and whether its process was started before its function was known.
const PYTHON: &str = "
import os, sys, time
def handler(event, context):
    stood_by = b'_LARDER_STANDS_BY' in open('/proc/self/environ', 'rb').read()
    seen = {
        'stood_by': stood_by, 'name': os.environ.get('NAME'), 'marker': '_LARDER_STANDS_BY' in os.environ,
        'function': os.environ['AWS_LAMBDA_FUNCTION_NAME'], 'folder': os.getcwd(), 'input': sys.stdin.read(),
        'tmp': sorted(os.listdir('/tmp')), 'task': sorted(os.listdir('/var/task')), 'opt': sorted(os.listdir('/opt')),
        'tmp_mib': os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize >> 20, 'left': [],
    }
    open('/tmp/' + context.function_name, 'w').close()
    return seen
";

const NODE: &[u8] = b"
const fs = require('fs');
const left = process.getActiveResourcesInfo().filter((kind) => /TCP|Pipe/.test(kind));
exports.handler = async (event, context) => {
  const seen = {
    stood_by: fs.readFileSync('/proc/self/environ', 'latin1').includes('_LARDER_STANDS_BY'),
    name: process.env.NAME, marker: '_LARDER_STANDS_BY' in process.env,
    function: process.env.AWS_LAMBDA_FUNCTION_NAME, folder: process.cwd(), input: fs.readFileSync(0, 'utf8'),
    tmp: fs.readdirSync('/tmp').sort(), task: fs.readdirSync('/var/task').sort(), opt: fs.readdirSync('/opt').sort(),
    tmp_mib: fs.statfsSync('/tmp').blocks * fs.statfsSync('/tmp').bsize / 2 ** 20,
    left,
  };
  fs.writeFileSync('/tmp/' + context.functionName, '');
  return seen;
};
";

fn standby(server: &Server) -> u64 {
    server.health()["counts"]["standby_environments"].as_u64().expect("a number")
}

async fn standing_by(server: &Server, count: u64) {
    eventually("they stand by", || async { (standby(server) == count).then_some(()) }).await;
}

/// A server with sandboxes, as it is out of the box; `None` where there are none.
fn sandboxes() -> Option<Server> {
    Executor::Sandbox.is_here().then(|| Server::start(Options::new(Executor::Sandbox)))
}

/// Creates a function of each language, with a variable.
async fn create_both(client: &Client, suffix: &str, variable: (&str, &str)) -> [String; 2] {
    let packages = [
        ("python", Runtime::Python311, zip(&[("handler.py", PYTHON.as_bytes())])),
        ("node", Runtime::Nodejs20x, zip(&[("handler.js", NODE)])),
    ];
    let names = packages.each_ref().map(|(language, ..)| format!("{language}-{suffix}"));
    for (name, (_, runtime, package)) in names.iter().zip(packages) {
        let variables = Environment::builder().variables(variable.0, variable.1).build();
        creation(client, name, runtime, package).environment(variables).send().await.expect("created");
        active(client, name).await;
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_the_box_a_function_gets_what_stood_by_for_its_runtime() {
    let Some(server) = sandboxes() else { return };
    let client = server.client();
    let one = create_both(&client, "one", ("NAME", "1")).await;
    let two = create_both(&client, "two", ("NAME", "2")).await;
    for (names, variable) in [(one, "1"), (two, "2")] {
        for name in names {
            // One for each runtime.
            standing_by(&server, 2).await;
            let file = if name.starts_with("python") { "handler.py" } else { "handler.js" };
            let first = call(&client, &name).await;
            assert!(first.is_cold());
            let expected = json!({
                "stood_by": true, "name": variable, "marker": false, "function": name, "folder": "/var/task",
                "input": "", "tmp": [], "task": [file], "opt": [], "tmp_mib": 512, "left": [],
            });
            assert_eq!(first.response(), expected, "it has what is its own, and nothing of another's");
        }
    }
    assert!(!server.log().contains("of no use"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interpreter_reads_at_its_start_gets_one_of_its_own() {
    let Some(server) = sandboxes() else { return };
    let client = server.client();
    let settings = [("PYTHONHASHSEED", "0"), ("NODE_OPTIONS", "--no-warnings"), ("TZ", "Europe/Berlin")];
    for (number, setting) in settings.into_iter().enumerate() {
        for name in create_both(&client, &number.to_string(), setting).await {
            standing_by(&server, 2).await;
            let seen = call(&client, &name).await.response();
            assert_eq!((&seen["stood_by"], &seen["function"]), (&json!(false), &json!(name)), "{setting:?}");
        }
    }
}

/// Also what the interpreter adds to them by itself, as on AWS.
#[tokio::test(flavor = "multi_thread")]
async fn the_variables_are_those_of_one_of_its_own() {
    let Some(server) = sandboxes() else { return };
    let client = server.client();
    let code = "
import os
def handler(event, context):
    return {name: value for name, value in os.environ.items() if name not in ('TAG', 'PYTHONHASHSEED')}
";
    let mut seen = Vec::new();
    for (name, variable) in [("standby", "TAG"), ("own", "PYTHONHASHSEED")] {
        let variables = Environment::builder().variables(variable, "0").build();
        let create = creation(&client, name, Runtime::Python311, python(code)).environment(variables);
        create.send().await.expect("created");
        active(&client, name).await;
        standing_by(&server, 1).await;
        let variables = call(&client, name).await.response();
        assert_eq!(variables["LC_CTYPE"], "C.UTF-8", "AWS's have it");
        seen.push(variables.as_object().expect("variables").keys().cloned().collect::<BTreeSet<_>>());
    }
    assert_eq!(seen[0], seen[1]);
}

/// The engine has been asked for a container that is not there yet when the server is told to end.
/// The slot that it would mount is gone when the engine comes to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_while_one_is_made_leaves_none() {
    if !Executor::Docker.is_here() {
        return;
    }
    let engine = Engine::new();
    let options = Options::new(Executor::Docker).with("DOCKER_HOST", engine.host()).with("LARDER_STANDBY", 1);
    let mut server = Server::start(options);
    engine.be(Mode::Slow);
    create_python(&server.client(), "f", ECHO).await;
    assert_eq!(server.stop().code(), Some(0));
    let left = server.leftovers();
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_are_there_and_another_size_of_tmp_is_kept() {
    let Some(server) = sandboxes() else { return };
    let client = server.client();
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(zip(&[("shared", b"s")]))).build();
    let layer = client.publish_layer_version().layer_name("l").content(content).send().await.expect("published");
    let layer = layer.layer_version_arn().expect("an ARN");
    let layered = creation(&client, "layered", Runtime::Python311, python(PYTHON)).layers(layer);
    layered.send().await.expect("created");
    let storage = EphemeralStorage::builder().size(1024).build().expect("a size");
    let spacious = creation(&client, "spacious", Runtime::Python311, python(PYTHON)).ephemeral_storage(storage);
    spacious.send().await.expect("created");

    for (name, stood_by, opt, tmp_mib) in
        [("layered", true, json!(["shared"]), 512), ("spacious", false, json!([]), 1024)]
    {
        active(&client, name).await;
        standing_by(&server, 1).await;
        let seen = call(&client, name).await.response();
        let found = (&seen["stood_by"], &seen["opt"], &seen["tmp_mib"]);
        assert_eq!(found, (&json!(stood_by), &opt, &json!(tmp_mib)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_has_the_limits_of_its_function() {
    let Some(server) = sandboxes() else { return };
    let client = server.client();
    // Long enough to be seen: the init looks every 50 ms.
    let code = "
import time
def handler(event, context):
    held = bytearray(event['mib'] << 20)
    time.sleep(0.5)
    return len(held) >> 20
";
    for (name, memory) in [("large", 400), ("small", 128)] {
        let create = creation(&client, name, Runtime::Python311, python(code));
        create.memory_size(memory).timeout(20).send().await.expect("created");
        active(&client, name).await;
        standing_by(&server, 1).await;
        let answer = invoke(&client, name, json!({ "mib": 300 })).await;
        if memory == 400 {
            assert_eq!(answer.response(), json!(300));
        } else {
            assert_eq!(answer.failure().0, "Runtime.OutOfMemory");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_is_given_out_is_not_kept_for_nobody() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox).with("LARDER_MAX_MEMORY", 256));
    let client = server.client();
    for name in ["a", "b"] {
        create_python(&client, name, ECHO).await;
    }
    standing_by(&server, 1).await;
    // The first one is out of it, another takes its place, and the second needs that room.
    invoke(&client, "a", json!(1)).await.response();
    standing_by(&server, 1).await;
    invoke(&client, "b", json!(2)).await.response();
    assert_eq!((server.environments(), standby(&server)), (2, 0), "both are warm");
    assert!(!invoke(&client, "a", json!(1)).await.is_cold());
}

#[tokio::test(flavor = "multi_thread")]
async fn none_stands_by_where_that_is_switched_off() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox).with("LARDER_STANDBY", 0));
    create(&server.client(), "f", Runtime::Python311, python(PYTHON)).await;
    let seen: Value = call(&server.client(), "f").await.response();
    assert_eq!((&seen["stood_by"], standby(&server)), (&json!(false), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_environment_serves_one_function_once() {
    if !Executor::Docker.is_here() {
        return;
    }
    let mut server = Server::start(Options::new(Executor::Docker).with("LARDER_STANDBY", 1));
    let client = server.client();
    let code = "
import os
def handler(event, context):
    found = sorted(os.listdir('/tmp')) + sorted(os.listdir('/var/task'))
    open('/tmp/' + context.function_name, 'w').close()
    limit = open('/sys/fs/cgroup/memory.max' if os.path.exists('/sys/fs/cgroup/memory.max') else '/sys/fs/cgroup/memory/memory.limit_in_bytes').read()
    return [os.environ['NAME'], found, int(limit) >> 20]
";
    for (name, memory) in [("one", 128), ("two", 300)] {
        let variables = Environment::builder().variables("NAME", name).build();
        let create = creation(&client, name, Runtime::Python311, zip(&[("handler.py", code.as_bytes()), (name, b"")]));
        create.environment(variables).memory_size(memory).send().await.expect("created");
        active(&client, name).await;
    }
    for (name, memory) in [("one", 128), ("two", 300)] {
        standing_by(&server, 1).await;
        let before = server.environments();
        let answer = call(&client, name).await.response();
        assert_eq!(answer, json!([name, ["handler.py", name], memory]), "its own code, files and limits");
        assert_eq!(server.environments(), before + 1);
        let containers = server.leftovers().into_iter().filter(|left| left.starts_with("container"));
        assert!(containers.clone().any(|left| left.contains(&format!("-{name}-"))), "it is named after it");
    }
    standing_by(&server, 1).await;
    let log = server.log();
    assert!(!log.contains("of no use"), "{log}");

    // What was assigned is adopted like any other. What stood by is not: another one takes its place.
    let folder = server.data_dir().join("run/standby");
    let slots = || {
        let entries = std::fs::read_dir(&folder).expect("slots");
        entries.map(|entry| entry.expect("a slot").file_name()).collect::<BTreeSet<_>>()
    };
    let before = slots();
    server.kill();
    server.restart();
    for name in ["one", "two"] {
        let answer = call(&server.client(), name).await.response();
        assert_eq!(answer[1], json!([name, "handler.py", name]), "the same environment");
    }
    eventually("another one stands by", || async {
        let standing = server.leftovers().into_iter().filter(|left| left.contains("-standby-")).count();
        let after = slots();
        (standing == 1 && after.len() == 3 && after.intersection(&before).count() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_environment_is_replaced_and_ends_without_its_server() {
    if !Executor::Docker.is_here() {
        return;
    }
    let options = Options::new(Executor::Docker).with("LARDER_STANDBY", 2).with("LARDER_ENVIRONMENT_GRACE_S", 2);
    let mut server = Server::start(options);
    create_python(&server.client(), "f", ECHO).await;
    standing_by(&server, 2).await;
    assert_eq!(server.environments(), 0, "they are nobody's yet");
    call(&server.client(), "f").await.response();
    standing_by(&server, 2).await;
    assert_eq!(server.stop().code(), Some(0));
    server.assert_nothing_left();

    // What was used lately is stood by for; and whoever ends it, another one comes.
    server.restart();
    standing_by(&server, 2).await;
    let processes = || server.leftovers().into_iter().filter(|left| left.starts_with("process"));
    for process in processes() {
        let pid = process.split([' ', ':']).nth(1).and_then(|pid| pid.parse().ok()).expect("a process id");
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    eventually("they are missed", || async { (standby(&server) < 2).then_some(()) }).await;
    call(&server.client(), "f").await.response();
    standing_by(&server, 2).await;
    server.kill();
    assert!(!server.leftovers().is_empty());
    server.assert_nothing_left();
}
