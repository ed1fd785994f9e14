//! What a function finds around itself, in several languages, compared with what was recorded on AWS (variables
//! 2026-01-12, the process 2025-11).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_lambda::types::{Environment, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, creation, zip};
use crate::support::invoke::call;
use crate::support::{Executor, Options, Server};

/// Variables that every runtime has, with their values where these are the same everywhere.
const EVERYWHERE: [(&str, Option<&str>); 20] = [
    ("AWS_ACCESS_KEY_ID", None),
    ("AWS_DEFAULT_REGION", Some("us-east-1")),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Some("256")),
    ("AWS_LAMBDA_FUNCTION_NAME", Some("introspect")),
    ("AWS_LAMBDA_FUNCTION_VERSION", Some("$LATEST")),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", Some("on-demand")),
    ("AWS_LAMBDA_LOG_GROUP_NAME", Some("/aws/lambda/introspect")),
    ("AWS_LAMBDA_LOG_STREAM_NAME", None),
    ("AWS_LAMBDA_RUNTIME_API", None),
    ("AWS_REGION", Some("us-east-1")),
    ("AWS_SECRET_ACCESS_KEY", None),
    ("AWS_SESSION_TOKEN", None),
    ("AWS_XRAY_CONTEXT_MISSING", Some("LOG_ERROR")),
    ("AWS_XRAY_DAEMON_ADDRESS", None),
    ("LAMBDA_RUNTIME_DIR", Some("/var/runtime")),
    ("LAMBDA_TASK_ROOT", Some("/var/task")),
    ("LANG", Some("en_US.UTF-8")),
    ("TZ", Some(":UTC")),
    ("_AWS_XRAY_DAEMON_ADDRESS", None),
    ("_AWS_XRAY_DAEMON_PORT", None),
];

/// What else was recorded, of one language or another.
const SOMEWHERE: [&str; 12] = [
    "AWS_EXECUTION_ENV",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "NODE_PATH",
    "PATH",
    "PWD",
    "PYTHONPATH",
    "SHLVL",
    "_",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    // Of the function's own configuration.
    "OWN",
];

/// Values that AWS has, and an environment in Docker too. (Addresses are of the loopback device in both executors:
/// another one, such as AWS's 169.254.100.1, takes rights over a network that no environment has.)
const ON_AWS: [(&str, &str); 3] = [
    ("_AWS_XRAY_DAEMON_PORT", "2000"),
    (
        "LD_LIBRARY_PATH",
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    ),
    ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
];

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/functions/introspect").join(path)
}

/// What a function of this runtime finds, out of files of the fixture.
async fn found(executor: Executor, runtime: Runtime, name: &str, content: &[u8]) -> Value {
    // Without the variables that Larder adds to AWS's: where it is, and whom to trust for AWS's names.
    let options = Options::new(executor).with("LAMBDA_DISABLE_AWS_ENDPOINT_URL", 1).with("LARDER_DNS", "off");
    let server = Server::start(options);
    let client = server.client();
    let variables = Environment::builder().variables("OWN", "of the user").variables("LC_CTYPE", "C.UTF-8").build();
    let creation = creation(&client, "introspect", runtime, zip(&[(name, content)])).environment(variables);
    creation.memory_size(256).send().await.expect("created");
    active(&client, "introspect").await;
    call(&client, "introspect").await.response()
}

fn read(path: &str) -> Vec<u8> {
    fs::read(fixture(path)).expect("a fixture")
}

/// Compares the variables with the recorded ones.
fn compare(executor: Executor, environment: &BTreeMap<String, String>, execution_env: Option<&str>) {
    for (name, expected) in EVERYWHERE {
        let value = environment.get(name).unwrap_or_else(|| panic!("{name} is missing: {environment:#?}"));
        assert!(!value.is_empty(), "{name}");
        assert!(expected.is_none_or(|expected| expected == value), "{name}: {value}");
    }
    let known: BTreeSet<&str> = EVERYWHERE.iter().map(|(name, _)| *name).chain(SOMEWHERE).collect();
    let more: Vec<_> = environment.keys().filter(|name| !known.contains(name.as_str())).collect();
    assert!(more.is_empty(), "AWS has none of these: {more:?}");
    assert_eq!(environment.get("AWS_EXECUTION_ENV").map(String::as_str), execution_env);
    assert_eq!(environment.get("OWN").map(String::as_str), Some("of the user"));
    assert_eq!(environment.get("_HANDLER").map(String::as_str), Some("handler.handler"));
    let stream = &environment["AWS_LAMBDA_LOG_STREAM_NAME"];
    let (date, id) = stream.split_once("/[$LATEST]").expect(stream);
    assert_eq!((date.len(), date.matches('/').count(), id.len()), (10, 2, 32), "{stream}");
    // The sandbox has the host's programs: docs/executors.md.
    if executor == Executor::Docker {
        for (name, expected) in ON_AWS {
            assert_eq!(environment[name], expected, "{name}");
        }
    }
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).expect("names and texts")
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// Builds the custom runtime out of std alone, once; statically, so that it runs in any image.
fn rust_bootstrap() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("bootstrap");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let mut command = Command::new(rustc);
    command.args(["--edition", "2021", "-O", "-C", "target-feature=+crt-static", "-o"]).arg(&program);
    let output = command.arg(fixture("rust/bootstrap.rs")).output().expect("rustc is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(program).expect("was built")
}

on_each_executor! {
    async fn python_finds_what_it_finds_on_aws(executor) {
        let found = found(executor, Runtime::Python311, "handler.py", &read("python/handler.py")).await;
        let environment = strings(&found["environment"]);
        compare(executor, &environment, Some("AWS_Lambda_python3.11"));
        assert_eq!(environment["PYTHONPATH"], "/var/runtime");
        assert!(environment["_X_AMZN_TRACE_ID"].starts_with("Root=1-"), "{environment:#?}");

        assert_eq!(found["user"].as_array().map(|user| &user[..3]), Some(&[json!("sbx_user1051"), json!(993), json!(990)][..]));
        assert!(found["user"][3] == json!([]) || found["user"][3] == json!([990]), "no other groups: {found}");
        assert_eq!(found["folder"], "/var/task");
        assert_eq!(found["zone"], json!(["UTC", 0]));
        assert!((found["time"].as_f64().expect("seconds") - now()).abs() < 60.0, "{found}");
        assert_eq!(found["writable"], json!({ "/var/task": false, "/opt": false, "/tmp": true }));
        let places = &found["places"];
        for place in ["/var/task", "/opt"] {
            assert_eq!(places[place][0], "drwxr-xr-x", "{places}");
        }
        assert_eq!(places["/tmp"][0], "drwxrwxrwt", "{places}");

        let limits = &found["limits"];
        assert_eq!(limits["NOFILE"], json!([1024, 1024]));
        for name in ["AS", "CPU", "DATA", "FSIZE", "RSS"] {
            assert_eq!(limits[name], json!(["unlimited", "unlimited"]), "{name}: {limits}");
        }
        if executor == Executor::Docker {
            assert_eq!((&limits["MEMLOCK"], &limits["STACK"]), (&json!([65_536, 65_536]), &json!([8_388_608, "unlimited"])));
            assert_eq!(places["/lambda-entrypoint.sh"], json!(["-rwxr-xr-x", 0, 0]));
        } else if nix::unistd::geteuid().is_root() {
            assert_eq!(limits["NPROC"], json!([742, 742]));
        }
    }

    async fn node_finds_what_it_finds_on_aws(executor) {
        let found = found(executor, Runtime::Nodejs20x, "handler.js", &read("nodejs/handler.js")).await;
        let environment = strings(&found["environment"]);
        compare(executor, &environment, Some("AWS_Lambda_nodejs20.x"));
        let modules = "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task";
        assert_eq!(environment["NODE_PATH"], modules);
        assert_eq!(found["user"], json!(["sbx_user1051", 993, 990]));
        assert_eq!((&found["folder"], &found["zone"]), (&json!("/var/task"), &json!(0)));
        assert_eq!(found["writable"], json!({ "/var/task": false, "/opt": false, "/tmp": true }));
        assert!((found["time"].as_f64().expect("seconds") - now()).abs() < 60.0, "{found}");
    }

    async fn a_shell_finds_what_it_finds_on_aws(executor) {
        let found = found(executor, Runtime::Providedal2023, "bootstrap", &read("shell/bootstrap")).await;
        let text = found.as_str().expect("text");
        for line in ["id 993 990", "folder /var/task", "files 1024", "zone UTC"] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        let variables = text.lines().filter_map(|line| line.strip_prefix("variable ")?.split_once('='));
        let environment: BTreeMap<_, _> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        compare(executor, &environment, None);
        assert!(environment["_X_AMZN_TRACE_ID"].starts_with("Root=1-"), "{environment:#?}");
    }

    async fn a_runtime_in_rust_finds_what_it_finds_on_aws(executor) {
        let found = found(executor, Runtime::Providedal2023, "bootstrap", &rust_bootstrap()).await;
        compare(executor, &strings(&found["environment"]), None);
        assert_eq!((&found["event"], &found["folder"]), (&json!({}), &json!("/var/task")));
        assert_eq!(found["user"], "Uid:\t993\t993\t993\t993");
        let limits = found["limits"].as_str().expect("text");
        assert!(limits.lines().any(|line| line.split_whitespace().eq(["Max", "open", "files", "1024", "1024", "files"])), "{limits}");
    }
}
