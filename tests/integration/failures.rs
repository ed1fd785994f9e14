//! Functions that go wrong, on each executor: AWS's payload, and the server goes on as before.

use std::time::Instant;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::Runtime;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{ECHO, active, bash, create, create_python, creation, python, update};
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Invoked, Options, Server};

/// A server with a function that works, to see afterwards that it still does.
struct Stage {
    server: Server,
    client: Client,
}

impl Stage {
    async fn set(executor: Executor) -> Self {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "bystander", ECHO).await;
        Self { server, client }
    }

    /// Creates a Python function with a timeout in seconds.
    async fn create(&self, name: &str, timeout: i32, code: &str) {
        creation(&self.client, name, Runtime::Python311, python(code)).timeout(timeout).send().await.expect("created");
        active(&self.client, name).await;
    }

    async fn goes_on(self) {
        assert_eq!(self.server.health()["status"], "ok");
        assert_eq!(invoke(&self.client, "bystander", json!("well")).await.response(), json!("well"));
    }
}

/// `RequestId: <id> Error: <text>`
fn told(invoked: &Invoked, text: &str) -> String {
    format!("RequestId: {} Error: {text}", invoked.request_id)
}

/// Tells what it remembers.
const MEMORY: &str = "
import os, time, uuid
me = str(uuid.uuid4())
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if event.get('write'):
        open('/tmp/note', 'w').write(event['write'])
    note = open('/tmp/note').read() if os.path.exists('/tmp/note') else None
    time.sleep(event.get('s', 0))
    return {'me': me, 'calls': calls, 'note': note}
";

on_each_executor! {
    async fn an_unhandled_error_is_told_with_its_stack(executor) {
        let stage = Stage::set(executor).await;
        let code = "
calls = 0
class Custom(Exception):
    pass
def handler(event, context):
    global calls
    calls += 1
    if event.get('fail'):
        raise Custom('my \"message\"')
    return calls
";
        stage.create("raises", 10, code).await;
        let failed = invoke(&stage.client, "raises", json!({ "fail": true })).await;
        assert_eq!(failed.failure(), ("Custom".into(), "my \"message\"".into()));
        assert_eq!(failed.payload["requestId"], failed.request_id);
        let stack = failed.payload["stackTrace"].as_array().expect("a stack");
        assert!(stack.iter().any(|line| line.as_str().is_some_and(|line| line.contains("/var/task/handler.py"))), "{stack:?}");
        assert!(failed.log.contains("[ERROR] Custom: my \"message\""), "{}", failed.log);
        assert_eq!(call(&stage.client, "raises").await.response(), json!(2), "the process goes on");
        stage.goes_on().await;
    }

    async fn an_error_while_importing_is_told_every_time(executor) {
        let stage = Stage::set(executor).await;
        stage.create("imports", 10, "import module_that_is_not_there\ndef handler(event, context):\n    pass\n").await;
        for _ in 0..2 {
            let failed = call(&stage.client, "imports").await;
            let message = "Unable to import module 'handler': No module named 'module_that_is_not_there'";
            assert_eq!(failed.failure(), ("Runtime.ImportModuleError".into(), message.into()));
            assert_eq!(failed.payload["requestId"], "");
        }
        update(&stage.client, "imports", python("raise ValueError('at import')\n")).await;
        let failed = call(&stage.client, "imports").await;
        assert_eq!(failed.failure(), ("ValueError".into(), "at import".into()));
        update(&stage.client, "imports", python("def handler(:\n")).await;
        assert_eq!(call(&stage.client, "imports").await.failure().0, "Runtime.UserCodeSyntaxError");
        update(&stage.client, "imports", python(ECHO)).await;
        assert_eq!(call(&stage.client, "imports").await.response(), json!({}));
        stage.goes_on().await;
    }

    async fn a_handler_that_is_not_there_is_named(executor) {
        let stage = Stage::set(executor).await;
        let client = &stage.client;
        for (name, handler, error) in [
            ("no-function", "handler.nothing", "Runtime.HandlerNotFound"),
            ("no-module", "nothing.handler", "Runtime.ImportModuleError"),
            ("no-dot", "handler", "Runtime.MalformedHandlerName"),
        ] {
            creation(client, name, Runtime::Python311, python(ECHO)).handler(handler).send().await.expect("created");
            active(client, name).await;
            assert_eq!(call(client, name).await.failure().0, error, "{handler}");
        }
        stage.goes_on().await;
    }

    async fn a_runtime_that_exits_is_started_again(executor) {
        let stage = Stage::set(executor).await;
        let code = "
import os, signal, sys
def handler(event, context):
    how = event.get('how')
    if how == 'exit':
        sys.exit()
    if how == 'exit 3':
        os._exit(3)
    if how:
        os.kill(os.getpid(), getattr(signal, how))
    return os.getpid()
";
        stage.create("exits", 10, code).await;
        for (how, text) in [
            ("exit", "Runtime exited without providing a reason"),
            ("exit 3", "Runtime exited with error: exit status 3"),
            ("SIGKILL", "Runtime exited with error: signal: killed"),
            ("SIGSEGV", "Runtime exited with error: signal: segmentation fault"),
        ] {
            let failed = invoke(&stage.client, "exits", json!({ "how": how })).await;
            assert_eq!(failed.failure(), ("Runtime.ExitError".into(), told(&failed, text)), "{how}");
            assert!(failed.log.contains("REPORT RequestId"), "{how}: {}", failed.log);
            call(&stage.client, "exits").await.response();
        }
        stage.goes_on().await;
    }

    async fn a_runtime_that_exits_while_it_starts_is_told(executor) {
        let stage = Stage::set(executor).await;
        stage.create("stillborn", 10, "import os\nos._exit(5)\n").await;
        for _ in 0..2 {
            let failed = call(&stage.client, "stillborn").await;
            assert_eq!(failed.failure(), ("Runtime.ExitError".into(), told(&failed, "Runtime exited with error: exit status 5")));
        }
        stage.goes_on().await;
    }

    async fn a_timeout_ends_the_process_and_keeps_the_environment(executor) {
        let stage = Stage::set(executor).await;
        stage.create("slow", 1, MEMORY).await;
        let first = invoke(&stage.client, "slow", json!({ "write": "kept" })).await.response();
        assert_eq!((&first["calls"], &first["note"]), (&json!(1), &json!("kept")));
        let start = Instant::now();
        let failed = invoke(&stage.client, "slow", json!({ "s": 300 })).await;
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
        assert_eq!(failed.failure(), ("Sandbox.Timedout".into(), told(&failed, "Task timed out after 1.00 seconds")));
        assert!(failed.log.contains("Status: timeout"), "{}", failed.log);
        let after = call(&stage.client, "slow").await.response();
        assert_eq!((&after["calls"], &after["note"]), (&json!(1), &json!("kept")), "globals are new, /tmp is not");
        assert_ne!(after["me"], first["me"]);
        assert_eq!(stage.server.environments(), 1, "the same environment");
        stage.goes_on().await;
    }

    async fn a_response_beyond_6_mb_is_refused(executor) {
        let stage = Stage::set(executor).await;
        // Two bytes are the quotes.
        let code = "def handler(event, context):\n    return 'x' * (event['bytes'] - 2)\n";
        creation(&stage.client, "talkative", Runtime::Python311, python(code)).memory_size(512).send().await.expect("created");
        active(&stage.client, "talkative").await;
        let fits = invoke(&stage.client, "talkative", json!({ "bytes": 6 * 1024 * 1024 })).await.response();
        assert_eq!(fits.as_str().map(str::len), Some(6 * 1024 * 1024 - 2));
        let failed = invoke(&stage.client, "talkative", json!({ "bytes": 7 * 1024 * 1024 })).await;
        let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
        assert_eq!(failed.failure(), ("Function.ResponseSizeTooLarge".into(), message.into()));
        invoke(&stage.client, "talkative", json!({ "bytes": 10 })).await.response();
        stage.goes_on().await;
    }

    async fn ten_megabytes_of_log_are_written_and_their_end_is_shown(executor) {
        let stage = Stage::set(executor).await;
        let code = "
def handler(event, context):
    for number in range(100_000):
        print('%07d ' % number + 'x' * 92)
    return 'done'
";
        stage.create("chatty", 60, code).await;
        let invoked = call(&stage.client, "chatty").await;
        assert!(invoked.log.len() <= 4096, "{}", invoked.log.len());
        assert!(invoked.log.contains("0099999 xxx"), "the end of it: {}", invoked.log);
        assert!(invoked.log.contains(&format!("REPORT RequestId: {}", invoked.request_id)), "{}", invoked.log);
        assert_eq!(invoked.response(), json!("done"));
        update(&stage.client, "chatty", python("import sys\ndef handler(event, context):\n    sys.stdout.write('y' * 10_000_000)\n    return 'one line'\n")).await;
        assert_eq!(call(&stage.client, "chatty").await.response(), json!("one line"));
        update(&stage.client, "chatty", python("import sys\ndef handler(event, context):\n    sys.stdout.buffer.write(bytes(range(256)) * 10)\n    return 'no text'\n")).await;
        assert_eq!(call(&stage.client, "chatty").await.response(), json!("no text"));
        stage.goes_on().await;
    }

    async fn children_left_behind_end_with_the_environment(executor) {
        let stage = Stage::set(executor).await;
        let code = "
import os, subprocess, time
def handler(event, context):
    subprocess.Popen(['sleep', '3600'], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    if event.get('exit'):
        os._exit(7)
    return 'forked'
";
        stage.create("forks", 10, code).await;
        assert_eq!(call(&stage.client, "forks").await.response(), json!("forked"));
        assert_eq!(call(&stage.client, "forks").await.response(), json!("forked"), "children do not disturb");
        let failed = invoke(&stage.client, "forks", json!({ "exit": true })).await;
        assert_eq!(failed.failure(), ("Runtime.ExitError".into(), told(&failed, "Runtime exited with error: exit status 7")));
        assert_eq!(call(&stage.client, "forks").await.response(), json!("forked"));
        // The stage's end checks that no process is left.
        stage.goes_on().await;
    }

    async fn a_function_that_forks_without_end_is_contained(executor) {
        let stage = Stage::set(executor).await;
        let code = "
import os, time
def handler(event, context):
    for number in range(200):
        if os.fork() == 0:
            time.sleep(3600)
    time.sleep(3600)
";
        creation(&stage.client, "rabbits", Runtime::Python311, python(code)).memory_size(1024).timeout(3).send().await.expect("created");
        active(&stage.client, "rabbits").await;
        let failed = call(&stage.client, "rabbits").await;
        assert_eq!(failed.failure().0, "Sandbox.Timedout");
        stage.goes_on().await;
    }

    async fn one_that_never_answers_is_timed_out(executor) {
        let stage = Stage::set(executor).await;
        let creation = creation(&stage.client, "mute", Runtime::Providedal2023, bash("sleep 3600"));
        creation.timeout(1).send().await.expect("created");
        active(&stage.client, "mute").await;
        for _ in 0..2 {
            let failed = call(&stage.client, "mute").await;
            assert_eq!(failed.failure(), ("Sandbox.Timedout".into(), told(&failed, "Task timed out after 1.00 seconds")));
        }
        stage.goes_on().await;
    }

    async fn a_package_without_an_executable_is_told(executor) {
        let stage = Stage::set(executor).await;
        let package = crate::support::functions::zip(&[("readme.txt", b"no bootstrap here")]);
        create(&stage.client, "empty", Runtime::Providedal2023, package).await;
        let failed = call(&stage.client, "empty").await;
        let (error, message) = failed.failure();
        assert!(["Runtime.ExitError", "Runtime.InvalidEntrypoint"].contains(&error.as_str()), "{failed:?}");
        assert!(!message.is_empty(), "{failed:?}");
        stage.goes_on().await;
    }

    async fn what_is_no_json_is_no_response_of_python(executor) {
        let stage = Stage::set(executor).await;
        stage.create("opaque", 10, "def handler(event, context):\n    return object()\n").await;
        assert_eq!(call(&stage.client, "opaque").await.failure().0, "Runtime.MarshalError");
        stage.goes_on().await;
    }

    async fn one_that_takes_too_much_memory_ends_alone(executor) {
        let stage = Stage::set(executor).await;
        let code = "
def handler(event, context):
    hoard = []
    for _ in range(event.get('mb', 0)):
        hoard.append(bytearray(b'x') * (1 << 20))
    return len(hoard)
";
        stage.create("greedy", 30, code).await;
        let output = stage.client.invoke().function_name("greedy").payload(Blob::new("{\"mb\":600}"));
        let output = output.send().await.expect("an answer");
        let payload: Value = serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("JSON");
        // The sandbox limits memory only where the kernel lets it.
        if executor == Executor::Docker || output.function_error().is_some() {
            let error = payload["errorType"].as_str().unwrap_or_default();
            assert!(["Runtime.ExitError", "Runtime.OutOfMemory", "MemoryError"].contains(&error), "{payload}");
        }
        assert_eq!(invoke(&stage.client, "greedy", json!({ "mb": 1 })).await.response(), json!(1));
        stage.goes_on().await;
    }

    async fn functions_cannot_harm_their_code_or_see_each_other(executor) {
        let stage = Stage::set(executor).await;
        let code = "
import os
def attempt(work):
    try:
        return work() or 'allowed'
    except OSError as error:
        return error.errno
def handler(event, context):
    return {
        'task': attempt(lambda: open('/var/task/handler.py', 'a').write('x')),
        'new': attempt(lambda: open('/var/task/new', 'w').write('x')),
        'root': attempt(lambda: open('/etc/larder-was-here', 'w').write('x')),
        'tmp': attempt(lambda: open('/tmp/mine', 'w').write('x')),
        'seen': os.path.exists('/tmp/other') or os.path.exists(event['data_dir'] + '/store'),
        'pids': len([name for name in os.listdir('/proc') if name.isdigit()]),
    }
";
        stage.create("curious", 10, code).await;
        let other = "def handler(event, context):\n    open('/tmp/other', 'w').write('secret')\n";
        stage.create("other", 10, other).await;
        call(&stage.client, "other").await.response();
        let event = json!({ "data_dir": stage.server.data_dir() });
        let answer = invoke(&stage.client, "curious", event).await.response();
        for place in ["task", "new"] {
            assert!(["30", "13", "1"].contains(&answer[place].to_string().as_str()), "{answer}");
        }
        assert_eq!(answer["tmp"], 1, "{answer}");
        assert_eq!(answer["seen"], false, "{answer}");
        assert!(answer["pids"].as_u64().expect("a count") < 20, "only its own processes: {answer}");
        assert!(!std::path::Path::new("/etc/larder-was-here").exists());
        stage.goes_on().await;
    }
}
