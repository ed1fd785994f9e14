//! Functions that ask much of their environment: large and odd payloads, threads, children, slow and failing starts,
//! bootstraps of every wrong kind.

use crate::skipped::skipped;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, LayerVersionContentInput, Runtime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, bash, bootstrap, create, create_python, creation, python, zip};
use crate::support::http::Request;
use crate::support::invoke::{call, invoke};
use crate::support::log_lines::{self, texts};
use crate::support::{Executor, Options, Server, eventually};

/// The largest event in bytes.
const LIMIT: usize = 6 * 1024 * 1024;

/// Starts a server with a Python function `f`.
async fn with_python(executor: Executor, code: &str, timeout: i32, memory: i32) -> (Server, Client) {
    let server = Server::start(Options::new(executor));
    let client = server.client();
    let creation = creation(&client, "f", Runtime::Python311, python(code)).timeout(timeout).memory_size(memory);
    creation.send().await.expect("created");
    active(&client, "f").await;
    (server, client)
}

fn exit_error(request_id: &str, reason: &str) -> (String, String) {
    ("Runtime.ExitError".into(), format!("RequestId: {request_id} Error: Runtime exited with error: {reason}"))
}

on_each_executor! {
    async fn events_and_responses_of_6_mb_pass_and_larger_ones_do_not(executor) {
        let (server, client) = with_python(executor, "def handler(event, context):\n    return event if event[0] == 'r' else len(event)\n", 30, 512).await;
        // Two bytes are the quotes.
        let text = format!("r{}", "x".repeat(LIMIT - 3));
        let same = client.invoke().function_name("f").payload(Blob::new(format!("\"{text}\""))).send().await.expect("fits");
        assert_eq!(same.function_error(), None);
        assert_eq!(same.payload().map(|payload| payload.as_ref().len()), Some(LIMIT));
        assert!(same.payload().is_some_and(|payload| &payload.as_ref()[1..LIMIT - 1] == text.as_bytes()), "byte for byte");
        let path = "/2015-03-31/functions/f/invocations";
        let over = Request::new("POST", path).body(format!("\"{text}x\"").into_bytes()).send(server.port());
        assert_eq!((over.status, over.error()), (413, "RequestTooLargeException"), "{}", String::from_utf8_lossy(&over.body));
        assert_eq!(invoke(&client, "f", json!("small")).await.response(), json!(5));
    }

    async fn unicode_passes_whole_and_bytes_that_are_no_text_are_refused(executor) {
        let (server, client) = with_python(executor, "def handler(event, context):\n    print(event['text'])\n    return [event['text'], len(event['text'])]\n", 10, 128).await;
        let text = "Zürich – 東京 🦀\u{0}\u{7f}\u{2028}\"\\ \u{e000}";
        let invoked = invoke(&client, "f", json!({ "text": text })).await;
        assert!(invoked.log.contains("Zürich – 東京 🦀"), "{}", invoked.log);
        assert_eq!(invoked.response(), json!([text, text.chars().count()]));
        let path = "/2015-03-31/functions/f/invocations";
        for body in [&b"\xff\xfe\x00"[..], b"\"\x87\"", b"{\"text\":", b"text"] {
            let refused = Request::new("POST", path).body(body.to_vec()).send(server.port());
            assert_eq!((refused.status, refused.error()), (400, "InvalidRequestContentException"), "{body:?}");
            assert!(refused.message().starts_with("Could not parse request body into json"), "{}", refused.message());
        }
        // A runtime may answer with whatever it likes.
        create(&client, "raw", Runtime::Providedal2023, bash("printf '\\x00\\xff\\xfe%s' \"$(wc -c < \"$event\")\"")).await;
        let answer = client.invoke().function_name("raw").payload(Blob::new("[1]")).send().await.expect("invoked");
        assert_eq!(answer.payload().map(Blob::as_ref), Some(&b"\x00\xff\xfe3"[..]));
    }

    async fn a_client_context_comes_whole_whatever_its_letters(executor) {
        let code = "def handler(event, context):\n    return context.client_context.custom\n";
        let (_server, client) = with_python(executor, code, 10, 128).await;
        let node = zip(&[("handler.js", b"exports.handler = async (event, context) => context.clientContext.custom;")]);
        create(&client, "node", Runtime::Nodejs20x, node).await;
        let custom = json!({ "name": "Zürich – 東京 🦀" });
        let context = STANDARD.encode(json!({ "custom": custom }).to_string());
        for name in ["f", "node"] {
            let output = client.invoke().function_name(name).client_context(&context).send().await.expect("invoked");
            let seen: Value = serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("JSON");
            assert_eq!(seen, custom, "{name}");
        }
    }

    async fn recursion_ends_in_an_error_of_the_function(executor) {
        let code = "def handler(event, context):\n    return handler(event, context) if event != 1 else 1\n";
        let (_server, client) = with_python(executor, code, 10, 256).await;
        let failed = call(&client, "f").await;
        assert_eq!(failed.failure().0, "RecursionError");
        assert!(failed.failure().1.starts_with("maximum recursion depth exceeded"), "{failed:#?}");
        assert_eq!(invoke(&client, "f", json!(1)).await.response(), json!(1), "the process goes on");
    }

    async fn a_function_that_invokes_another_reaches_this_server(executor) {
        let code = "
import json, os, urllib.request
def handler(event, context):
    if event['depth'] == 0:
        return ['the end']
    url = '%s/2015-03-31/functions/f/invocations' % os.environ['AWS_ENDPOINT_URL']
    body = json.dumps({'depth': event['depth'] - 1}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return [event['depth']] + json.load(opener.open(urllib.request.Request(url, body)))
";
        let (server, client) = with_python(executor, code, 20, 128).await;
        let probe = "import os\ndef handler(event, context):\n    return os.environ.get('AWS_ENDPOINT_URL')\n";
        create_python(&client, "probe", probe).await;
        if call(&client, "probe").await.response().is_null() {
            // Nobody told functions where the server is: the user does. Containers do not reach this machine's loopback.
            if executor == Executor::Docker {
                return;
            }
            let variables = Environment::builder().variables("AWS_ENDPOINT_URL", server.url()).build();
            client.update_function_configuration().function_name("f").environment(variables).send().await.expect("updated");
            active(&client, "f").await;
        }
        assert_eq!(invoke(&client, "f", json!({ "depth": 3 })).await.response(), json!([3, 2, 1, "the end"]));
    }

    async fn many_threads_run_within_the_limit(executor) {
        let code = "
import threading
def handler(event, context):
    gate, started, error = threading.Event(), [], None
    try:
        for number in range(event['threads']):
            thread = threading.Thread(target=gate.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError as fault:
        error = str(fault)
    gate.set()
    for thread in started:
        thread.join()
    return [len(started), error]
";
        let (_server, client) = with_python(executor, code, 30, 1024).await;
        assert_eq!(invoke(&client, "f", json!({ "threads": 500 })).await.response(), json!([500, null]));
        // An ordinary user's sandbox has the limit of that user.
        if executor == Executor::Docker || nix::unistd::geteuid().is_root() {
            let many = invoke(&client, "f", json!({ "threads": 3000 })).await.response();
            let (started, error) = (many[0].as_u64().expect("a number"), many[1].as_str().unwrap_or_default());
            assert!((500..=1024).contains(&started) && error.contains("can't start new thread"), "{many}");
        }
        assert_eq!(invoke(&client, "f", json!({ "threads": 10 })).await.response(), json!([10, null]), "they have ended");
    }

    async fn zombies_are_collected(executor) {
        let code = "
import os, time
def handler(event, context):
    for number in range(event['children']):
        if os.fork() == 0:
            # Its own child loses its parent at once, and is the init's.
            if os.fork() == 0:
                os._exit(0)
            os._exit(0)
        os.wait()
    def zombies():
        states = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                states.append(open('/proc/%s/stat' % pid).read().rsplit(')')[1].split()[0])
            except OSError:
                pass
        return states.count('Z')
    for number in range(100):
        if zombies() == 0:
            break
        time.sleep(0.05)
    return zombies()
";
        let (_server, client) = with_python(executor, code, 30, 256).await;
        assert_eq!(invoke(&client, "f", json!({ "children": 200 })).await.response(), json!(0));
    }

    async fn closed_outputs_cost_nothing_but_the_log(executor) {
        let code = "
import os
def handler(event, context):
    print('last words', flush=True)
    os.close(1)
    os.close(2)
    return 'silent'
";
        let (_server, client) = with_python(executor, code, 10, 128).await;
        let first = call(&client, "f").await;
        assert!(first.log.contains("last words\n") && first.log.contains("REPORT RequestId"), "{}", first.log);
        assert_eq!(first.response(), json!("silent"));
        let second = call(&client, "f").await;
        // Python cannot print any more, which is its own affair: there is an answer, and the next one is well.
        assert!(second.error.is_some() || second.payload == json!("silent"), "{second:#?}");
        assert!(second.log.contains("REPORT RequestId"), "{}", second.log);
    }

    async fn out_of_time_leaves_its_lines_in_the_log(executor) {
        let (server, client) = with_python(executor, "import time\ndef handler(event, context):\n    print('begun')\n    time.sleep(60)\n", 1, 128).await;
        let failed = call(&client, "f").await;
        let id = &failed.request_id;
        let expected = json!({
            "errorType": "Sandbox.Timedout",
            "errorMessage": format!("RequestId: {id} Error: Task timed out after 1.00 seconds"),
        });
        assert_eq!(failed.payload, expected);
        let lines = log_lines::with(&server, "/aws/lambda/f", "REPORT RequestId").await;
        let lines = texts(&lines);
        let place = |wanted: &str| lines.iter().position(|line| line.contains(wanted));
        let order = [
            place(&format!("START RequestId: {id} Version: $LATEST\n")),
            place("begun\n"),
            place(&format!("{id} Task timed out after 1.00 seconds\n")),
            place(&format!("END RequestId: {id}\n")),
            place(&format!("REPORT RequestId: {id}\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t")),
        ];
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?} {lines:#?}");
    }

    async fn a_start_beyond_10_s_is_tried_again_within_the_invocation(executor) {
        // The first time it takes too long, the second time it does not.
        let code = "
import os, time
attempts = len(open('/tmp/attempts').read()) if os.path.exists('/tmp/attempts') else 0
open('/tmp/attempts', 'a').write('x')
if attempts == 0:
    time.sleep(60)
def handler(event, context):
    return attempts
";
        let (server, client) = with_python(executor, code, 20, 128).await;
        let start = Instant::now();
        let invoked = call(&client, "f").await;
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        assert!(!invoked.log.contains("Init Duration"), "the init phase was part of the invocation: {}", invoked.log);
        assert_eq!(invoked.response(), json!(1));
        let lines = log_lines::with(&server, "/aws/lambda/f", "INIT_REPORT").await;
        let report = texts(&lines).into_iter().find(|line| line.starts_with("INIT_REPORT")).expect("one");
        assert!(report.ends_with("ms\tPhase: init\tStatus: timeout\n"), "{report}");
    }

    async fn a_start_that_always_fails_ends_each_call_and_heals_with_new_code(executor) {
        let (server, client) = with_python(executor, "import os\nprint('trying')\nos._exit(9)\n", 10, 128).await;
        for _ in 0..5 {
            let failed = call(&client, "f").await;
            assert_eq!(failed.failure(), exit_error(&failed.request_id, "exit status 9"));
        }
        assert!(server.environments() <= 1, "failed ones do not pile up");
        eventually("each call's lines are in the log", || async {
            let lines = log_lines::now(&server, "/aws/lambda/f");
            (lines.iter().filter(|line| line.text.starts_with("REPORT")).count() == 5).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let lines = log_lines::now(&server, "/aws/lambda/f");
        let tries = lines.iter().filter(|line| line.text == "trying\n").count();
        assert!((5..=10).contains(&tries), "{tries}: none goes on by itself: {lines:#?}");
        crate::support::functions::update(&client, "f", python("def handler(event, context):\n    return 'well'\n")).await;
        assert_eq!(call(&client, "f").await.response(), json!("well"));
    }

    async fn wrong_bootstraps_are_told_in_awss_words(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let missing = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
        for (name, package, reason) in [
            ("missing", zip(&[("other", b"")]), missing),
            ("mode", unexecutable(b"#!/bin/sh\n"), "fork/exec /var/task/bootstrap: permission denied"),
            ("interpreter", zip(&[("bootstrap", b"#!/no/such/shell\n")]), "fork/exec /var/task/bootstrap: no such file or directory"),
            ("format", zip(&[("bootstrap", b"\x7fELF is no program")]), "fork/exec /var/task/bootstrap: exec format error"),
            ("processor", zip(&[("bootstrap", &foreign_program())]), "fork/exec /var/task/bootstrap: exec format error"),
            ("script", zip(&[("bootstrap", b"echo no interpreter is named")]), "fork/exec /var/task/bootstrap: exec format error"),
            ("folder", zip(&[("bootstrap/inside", b"")]), missing),
        ] {
            create(&client, name, Runtime::Providedal2023, package).await;
            for _ in 0..2 {
                let failed = call(&client, name).await;
                let message = format!("RequestId: {} Error: {reason}", failed.request_id);
                assert_eq!(failed.failure(), ("Runtime.InvalidEntrypoint".to_owned(), message), "{name}");
            }
        }
        create(&client, "status", Runtime::Providedal2023, zip(&[("bootstrap", b"#!/bin/sh\nexit 127\n")])).await;
        let failed = call(&client, "status").await;
        assert_eq!(failed.failure(), exit_error(&failed.request_id, "exit status 127"));
    }

    async fn a_layers_bootstrap_is_the_second_choice(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let content = LayerVersionContentInput::builder().zip_file(Blob::new(zip(&[("bootstrap", &bootstrap("printf '\"layer\"'"))]))).build();
        let layer = client.publish_layer_version().layer_name("runtime").content(content).send().await.expect("published");
        let arn = layer.layer_version_arn().expect("an ARN");
        for (name, package) in [("layer", zip(&[("data", b"")])), ("own", bash("printf '\"own\"'"))] {
            creation(&client, name, Runtime::Providedal2023, package).layers(arn).send().await.expect("created");
            active(&client, name).await;
            assert_eq!(call(&client, name).await.response(), json!(name));
        }
    }
}

/// A program of a processor that no machine of ours has, nor an emulator of it: the head of an ELF file for S/390, and
/// a line that a shell would run.
fn foreign_program() -> Vec<u8> {
    let mut program = vec![0; 64];
    program[..7].copy_from_slice(b"\x7fELF\x02\x02\x01");
    // ET_EXEC, EM_S390, EV_CURRENT.
    program[16..24].copy_from_slice(&[0, 2, 0, 22, 0, 0, 0, 1]);
    program.extend_from_slice(b"\nexit 7\n");
    program
}

/// A package whose bootstrap nobody may execute.
fn unexecutable(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o644)).expect("starts");
    zip.write_all(content).expect("writes");
    zip.finish().expect("finishes").into_inner()
}

/// Takes memory in one of several ways.
const GREEDY: &str = "
import ctypes, mmap, os, time

MB = 1 << 20

def own(mb):
    hoard = bytearray(b'x') * (mb * MB)
    # The sandbox looks twenty times a second.
    time.sleep(0.3 if mb > 128 else 0)
    return len(hoard) // MB

def processes(mb):
    children = []
    for _ in range(24):
        child = os.fork()
        if child == 0:
            hoard = [bytearray(b'x') * MB for _ in range(mb // 24)]
            time.sleep(2)
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] == 0 for child in children)

def memory_file(mb):
    file = os.memfd_create('hoard')
    written = sum(os.write(file, b'x' * MB) for _ in range(mb)) // MB
    time.sleep(0.3)
    os.close(file)
    return written

def unnamed(mb):
    # A memory file that is mapped, and open no more.
    file = os.memfd_create('hoard')
    os.ftruncate(file, mb * MB)
    hoard = mmap.mmap(file, mb * MB)
    os.close(file)
    return fill(hoard, mb)

def anonymous(mb):
    return fill(mmap.mmap(-1, mb * MB), mb)

def fill(hoard, mb):
    for at in range(mb):
        hoard[at * MB:(at + 1) * MB] = b'x' * MB
    time.sleep(0.3)
    return mb

def segment(mb):
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    number = libc.shmget(0, ctypes.c_size_t(mb * MB), 0o1600)
    place = libc.shmat(number, None, 0)
    ctypes.memset(place, 120, mb * MB)
    libc.shmdt(ctypes.c_void_p(place))
    time.sleep(0.3)
    libc.shmctl(number, 0, None)
    return mb

def shared(mb):
    # Ten processes with the same pages, which they only read.
    hoard = bytearray(b'x') * (mb * MB)
    children = []
    for _ in range(10):
        child = os.fork()
        if child == 0:
            time.sleep(0.5)
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] == 0 for child in children)

def disk(mb):
    # What lies in /tmp is no memory, mapped or not.
    with open('/tmp/data', 'w+b') as file:
        for _ in range(mb):
            file.write(b'x' * MB)
        file.flush()
        mapped = mmap.mmap(file.fileno(), mb * MB)
        seen = sum(mapped[at * MB] == 120 for at in range(mb))
        time.sleep(0.3)
    os.remove('/tmp/data')
    return seen

def handler(event, context):
    return globals()[event['way']](event['mb'])
";

on_each_executor! {
    async fn all_that_an_environment_uses_counts_against_its_memory(executor) {
        let (server, client) = with_python(executor, GREEDY, 60, 128).await;
        for (way, mb) in [("own", 600), ("memory_file", 1500), ("unnamed", 600), ("anonymous", 600), ("segment", 600)] {
            assert!(server.environments() <= 1, "the environment stays");
            let failed = invoke(&client, "f", json!({ "way": way, "mb": mb })).await;
            let message = format!("RequestId: {} Error: Runtime exited with error: signal: killed", failed.request_id);
            assert_eq!(failed.failure(), ("Runtime.OutOfMemory".to_owned(), message), "{way}");
            assert!(failed.log.contains("Status: error\tError Type: Runtime.OutOfMemory"), "{way}: {}", failed.log);
            assert_eq!(invoke(&client, "f", json!({ "way": "own", "mb": 1 })).await.response(), json!(1), "after {way}");
        }
    }

    async fn many_processes_share_the_memory_of_one_function(executor) {
        let (_server, client) = with_python(executor, GREEDY, 60, 128).await;
        let ended = invoke(&client, "f", json!({ "way": "processes", "mb": 2100 })).await;
        // The kernel ends as many processes of a container as it must: whether the runtime is one of them is its affair.
        match executor {
            Executor::Docker if ended.error.is_none() => assert!(ended.payload.as_u64() < Some(24), "{ended:#?}"),
            _ => assert_eq!(ended.failure().0, "Runtime.OutOfMemory"),
        }
        assert_eq!(invoke(&client, "f", json!({ "way": "shared", "mb": 60 })).await.response(), json!(10));
        assert_eq!(invoke(&client, "f", json!({ "way": "disk", "mb": 300 })).await.response(), json!(300));
    }

    async fn a_fork_bomb_holds_nobody_beyond_its_timeout(executor) {
        let bomb = "
import os, time
def handler(event, context):
    if event != 'bomb':
        return event
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0)
";
        // A sandbox of an ordinary user has the limit of that user, which may be any.
        if executor == Executor::Sandbox && !nix::unistd::geteuid().is_root() {
            skipped("only where Larder runs as root has the sandbox a limit of its own");
            return;
        }
        let (server, client) = with_python(executor, bomb, 3, 256).await;
        assert_eq!(invoke(&client, "f", json!("before")).await.response(), json!("before"));
        let started = Instant::now();
        let (kind, _) = invoke(&client, "f", json!("bomb")).await.failure();
        let took = started.elapsed();
        assert!(["Sandbox.Timedout", "Runtime.OutOfMemory", "Runtime.ExitError"].contains(&&*kind), "{kind}");
        assert!(took < Duration::from_secs(10), "{kind} after {took:?}");
        assert_eq!(server.health()["status"], "ok", "the server answers");
        assert_eq!(invoke(&client, "f", json!("after")).await.response(), json!("after"));
    }
}
