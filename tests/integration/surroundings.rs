//! What a function finds around it: files, limits, names, the server's address; and options that change them.

use aws_sdk_lambda::types::{Architecture, Environment, LastUpdateStatus, Runtime, State};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{ECHO, active, bash, create, create_python, creation, python, zip};
use crate::support::invoke::call;
use crate::support::{Executor, Options, Server, eventually};

/// Tells the limits, permissions and names that it finds.
const LOOK: &str = "
import os, resource, socket
def handler(event, context):
    limit = lambda name: list(resource.getrlimit(getattr(resource, 'RLIMIT_' + name)))
    mode = lambda path: [oct(os.stat(path).st_mode & 0o7777), os.stat(path).st_uid]
    return {
        'limits': {name: limit(name) for name in ['NOFILE', 'CORE', 'MEMLOCK', 'STACK', 'NPROC', 'AS']},
        'modes': {path: mode(path) for path in ['/var/task', '/opt', '/tmp']},
        'sandbox': [socket.gethostbyname(name) for name in ['sandbox.localdomain', 'sandbox']],
        'user': [os.getuid(), os.getgid()],
        'shm': os.path.exists('/dev/shm'),
        'devices': [name for name in ['kmsg', 'mem', 'kvm', 'fuse', 'net', 'tty0', 'sda', 'vda'] if os.path.exists('/dev/' + name)],
        'variables': dict(os.environ),
    }
";

/// Calls the server at its `AWS_ENDPOINT_URL`.
const CALLS: &str = "
import os, json, urllib.request
def handler(event, context):
    url = os.environ.get('AWS_ENDPOINT_URL')
    if not url or 'larder.example' in url:
        return url
    with urllib.request.urlopen(url + '/2015-03-31/functions', timeout=10) as answer:
        return [function['FunctionName'] for function in json.load(answer)['Functions']]
";

async fn look(options: Options) -> Value {
    let server = Server::start(options);
    let client = server.client();
    create_python(&client, "look", LOOK).await;
    call(&client, "look").await.response()
}

async fn ask(options: Options) -> Value {
    let server = Server::start(options);
    let client = server.client();
    create_python(&client, "calls", CALLS).await;
    call(&client, "calls").await.response()
}

on_each_executor! {
    async fn limits_files_and_names_are_as_recorded(executor) {
        let seen = look(Options::new(executor)).await;
        let limits = &seen["limits"];
        assert_eq!(limits["NOFILE"], json!([1024, 1024]));
        assert_eq!(limits["AS"], json!([-1, -1]));
        assert_eq!(limits["STACK"][0], 8_388_608);
        assert_eq!(limits["MEMLOCK"][0], 65_536);
        assert!(limits["CORE"][0] == 10_737_418_240_i64 || executor == Executor::Sandbox, "{limits}");
        assert_eq!(seen["modes"]["/var/task"], json!(["0o755", 0]));
        assert_eq!(seen["modes"]["/opt"], json!(["0o755", 0]));
        assert_eq!(seen["modes"]["/tmp"], json!(["0o1777", 0]));
        assert_eq!(seen["sandbox"], json!(["127.0.0.1", "127.0.0.1"]));
        assert_eq!(seen["user"], json!([993, 990]));
        assert_eq!((&seen["shm"], &seen["devices"]), (&json!(false), &json!([])));
        let variables = &seen["variables"];
        for (name, value) in [
            ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"), ("LANG", "en_US.UTF-8"), ("TZ", ":UTC"),
            ("PWD", "/var/task"), ("SHLVL", "0"), ("PYTHONPATH", "/var/runtime"), ("LAMBDA_TASK_ROOT", "/var/task"),
            ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"), ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ] {
            assert_eq!(variables[name], value, "{name}");
        }
        assert_eq!(variables["AWS_LAMBDA_FUNCTION_TIMEOUT"], Value::Null);
    }

    async fn variables_are_those_of_the_runtimes_kind(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let node = zip(&[("handler.js", b"exports.handler = async () => process.env;")]);
        create(&client, "node", Runtime::Nodejs20x, node).await;
        let seen = call(&client, "node").await.response();
        assert_eq!(seen["AWS_EXECUTION_ENV"], "AWS_Lambda_nodejs20.x");
        assert!(seen["NODE_PATH"].as_str().expect("a path").starts_with("/opt/nodejs/node20/node_modules:"), "{seen}");
        assert_eq!((&seen["PWD"], &seen["_HANDLER"]), (&json!("/var/task"), &json!("handler.handler")));
        assert!(seen["_X_AMZN_TRACE_ID"].as_str().is_some_and(|trace| trace.starts_with("Root=")), "{seen}");

        let says = bash("printf '\"%s|%s|%s\"' \"$AWS_EXECUTION_ENV\" \"$LAMBDA_TASK_ROOT\" \"$PYTHONPATH$NODE_PATH\"");
        create(&client, "provided", Runtime::Providedal2023, says).await;
        assert_eq!(call(&client, "provided").await.response(), "|/var/task|");
    }

    async fn limits_can_be_the_machines_own(executor) {
        let seen = look(Options::new(executor).with("LARDER_ULIMITS", "none")).await;
        assert_ne!(seen["limits"]["MEMLOCK"], json!([65_536, 65_536]));
    }

    async fn functions_call_the_server_at_their_endpoint_url(executor) {
        assert_eq!(ask(Options::new(executor)).await, json!(["calls"]));
        assert_eq!(ask(Options::new(executor).with("LAMBDA_DISABLE_AWS_ENDPOINT_URL", 1)).await, Value::Null);
        let named = ask(Options::new(executor).with("HOSTNAME_FROM_LAMBDA", "larder.example:1234")).await;
        assert_eq!(named, "http://larder.example:1234");
    }

    async fn a_functions_own_endpoint_url_wins_and_calls_survive_a_restart(executor) {
        let mut server = Server::start(Options::new(executor));
        let client = server.client();
        let own = Environment::builder().variables("AWS_ENDPOINT_URL", "http://larder.example").build();
        let created = creation(&client, "own", Runtime::Python311, python(CALLS)).environment(own).send().await;
        created.expect("created");
        active(&client, "own").await;
        assert_eq!(call(&client, "own").await.response(), "http://larder.example");
        create_python(&client, "calls", CALLS).await;
        assert_eq!(call(&client, "calls").await.response(), json!(["calls", "own"]));
        server.kill();
        server.restart();
        let again = call(&client, "calls").await;
        assert!(!again.is_cold(), "it was adopted");
        assert_eq!(again.response(), json!(["calls", "own"]));
    }

    async fn functions_run_as_the_user_who_is_named(executor) {
        let seen = look(Options::new(executor).with("LAMBDA_INIT_USER", "")).await;
        assert_eq!(seen["user"][0], 0);
    }

    async fn creations_wait_where_that_is_wanted(executor) {
        let server = Server::start(Options::new(executor).with("LAMBDA_SYNCHRONOUS_CREATE", 1));
        let client = server.client();
        let created = creation(&client, "f", Runtime::Python311, python(ECHO)).send().await.expect("created");
        assert_eq!(created.state(), Some(&State::Active));
        let update = client.update_function_configuration().function_name("f").timeout(5).send().await;
        assert_eq!(update.expect("updated").last_update_status(), Some(&LastUpdateStatus::Successful));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_networks_and_kept_containers() {
    if !Executor::Docker.is_here() {
        return;
    }
    let flags = "-e FLAG=on --ulimit nofile=512:512 --label larder.test=kept --add-host db.test:10.1.2.3";
    let options = Options::new(Executor::Docker).with("LAMBDA_DOCKER_FLAGS", flags);
    let seen = look(options).await;
    assert_eq!(seen["variables"]["FLAG"], "on");
    assert_eq!(seen["limits"]["NOFILE"], json!([512, 512]));
    let refused = Server::try_start(Options::new(Executor::Docker).with("LAMBDA_DOCKER_FLAGS", "--memory 1g"));
    assert!(refused.expect_err("not ours to give").contains("'--memory'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_machine_cannot_run_is_failed_with_the_reason() {
    // One with a handler of foreign programs can run it.
    if !Executor::Docker.is_here() || std::path::Path::new("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists() {
        return;
    }
    for ignored in [false, true] {
        let server = Server::start(Options::new(Executor::Docker).with("LAMBDA_IGNORE_ARCHITECTURE", ignored));
        let client = server.client();
        let creating = creation(&client, "f", Runtime::Python311, python(ECHO)).architectures(Architecture::Arm64);
        creating.send().await.expect("created");
        if ignored {
            active(&client, "f").await;
            call(&client, "f").await.response();
            continue;
        }
        eventually("the function has failed", || async {
            let found = client.get_function_configuration().function_name("f").send().await.expect("is there");
            let reason = found.state_reason().unwrap_or_default();
            (found.state() == Some(&State::Failed) && reason.contains("does not emulate arm64")).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discontinued_name_earns_one_warning() {
    let options = Options::any().with("LAMBDA_REMOTE_DOCKER", 0).with("LAMBDA_STAY_OPEN_MODE", 1);
    let server = Server::start(options.with("LAMBDA_PREBUILD_IMAGES", 1));
    let log = server.log();
    for name in ["LAMBDA_REMOTE_DOCKER", "LAMBDA_STAY_OPEN_MODE"] {
        assert_eq!(log.matches(&format!("{name} is set and has no effect")).count(), 1, "{log}");
    }
}
