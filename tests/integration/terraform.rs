//! Terraform with AWS's provider: a project is applied, planned again, changed and destroyed, and the server is killed
//! twice in between. A plan compares everything that Larder answers with what was asked for, so that a member that is
//! missing, that moves, or that a restart forgets shows as a change.

use crate::skipped::skipped;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::functions::zip;
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::python::Moto;
use crate::support::{Executor, Options, Server};

/// moto's account, so that its queues and topics are in the account of the functions.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

/// Where the provider is, in the layout of a filesystem mirror; `None`, and a line that says why, where Terraform or
/// its provider is missing.
///
/// That passes, with `CI=true` too: unlike all else that tests need, neither is in a package registry. They come from
/// `HashiCorp`'s own servers, which not every builder can reach.
fn plugins() -> Option<PathBuf> {
    let skip = |reason: &str| {
        // Not by `eprintln!`, which a test that passes keeps to itself.
        skipped(&format!("Terraform against Larder: {reason}"));
        None
    };
    if Command::new("terraform").arg("version").output().is_err() {
        return skip("there is no terraform");
    }
    // Where Terraform itself looks, or what the variable names.
    let named = std::env::var_os("LARDER_TERRAFORM_PLUGINS").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".terraform.d/plugins"));
    let shared = ["/usr/local/share", "/usr/share"].map(|folder| Path::new(folder).join("terraform/plugins"));
    let has_provider = |folder: &PathBuf| folder.join("registry.terraform.io/hashicorp/aws").is_dir();
    let found = named.into_iter().chain(home).chain(shared).find(has_provider);
    found.or_else(|| skip("there is no hashicorp/aws in a folder of plugins; LARDER_TERRAFORM_PLUGINS names one"))
}

/// A copy of a folder of fixtures, with Terraform's state.
struct Project {
    folder: TempDir,
    endpoint: String,
}

impl Project {
    fn new(fixture: &str, plugins: &Path, endpoint: String) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a folder"), endpoint };
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        for file in std::fs::read_dir(fixture).expect("is there") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), project.path().join(file.file_name())).expect("copied");
        }
        let cli = format!(
            "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = {}\n  }}\n}}\n",
            json!(std::path::absolute(plugins).expect("a path").to_str().expect("text")),
        );
        std::fs::write(project.path().join("cli.tfrc"), cli).expect("written");
        project.write("layer.zip", &zip(&[("python/shared.py", b"NAME = 'shared'\n")]));
        project.run(&["init", "-input=false"]);
        project
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path().join(name), content).expect("written");
    }

    /// The function's code, which answers with its `edition`.
    fn write_package(&self, edition: u32) {
        let code = format!(
            "import os\nimport shared\n\n\ndef handler(event, context):\n    \
             return f\"{{shared.NAME}} {{os.environ['STAGE']}} {edition}\"\n"
        );
        self.write("package.zip", &zip(&[("handler.py", code.as_bytes())]));
    }

    /// Runs Terraform; its exit code and all that it wrote.
    fn output(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new("terraform");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs([("HOME", self.path()), ("TF_CLI_CONFIG_FILE", &self.path().join("cli.tfrc"))]);
        command.envs([
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("TF_IN_AUTOMATION", "1"),
            ("TF_VAR_package", "package.zip"),
            ("TF_VAR_layer", "layer.zip"),
            ("TF_VAR_queue", &format!("{}/{ACCOUNT}/work", self.endpoint)),
        ]);
        let Output { status, stdout, stderr } = command
            .args(arguments)
            .arg("-no-color")
            .current_dir(self.path())
            .output()
            .expect("terraform is there, as was seen before");
        let text = [stdout, stderr].concat();
        (status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    fn run(&self, arguments: &[&str]) {
        let (code, text) = self.output(arguments);
        assert_eq!(code, 0, "terraform {arguments:?}: {text}");
    }

    /// Applies, or destroys, without another look at what a plan has just looked at.
    fn change(&self, verb: &str, form: &str) {
        self.run(&[verb, "-auto-approve", "-input=false", "-refresh=false", "-parallelism=20", form]);
    }

    /// A plan that looks at everything again must find nothing to do.
    fn assert_unchanged(&self, form: &str, when: &str) {
        let (code, text) =
            self.output(&["plan", "-detailed-exitcode", "-input=false", "-lock=false", "-parallelism=20", form]);
        assert_eq!(code, 0, "{when}: {text}");
    }

    /// Terraform's state.
    fn state(&self) -> Value {
        let state = std::fs::read(self.path().join("terraform.tfstate")).expect("a state");
        serde_json::from_slice(&state).expect("JSON")
    }
}

/// What the function behind the alias answers, and the version that ran.
async fn live(server: &Server) -> (Value, String) {
    let invoked = call(&server.client_of(ACCOUNT, REGION), "orders:live").await;
    let version = invoked.version.clone();
    (invoked.response(), version)
}

/// Nothing that Terraform made is left, in Lambda or in IAM.
async fn assert_empty(server: &Server) {
    let client = server.client_of(ACCOUNT, REGION);
    let functions = client.list_functions().send().await.expect("listed");
    assert!(functions.functions().is_empty(), "{functions:?}");
    let layers = client.list_layers().send().await.expect("listed");
    assert!(layers.layers().is_empty(), "{layers:?}");
    let mappings = client.list_event_source_mappings().send().await.expect("listed");
    assert!(mappings.event_source_mappings().is_empty(), "{mappings:?}");
    let signing = client.list_code_signing_configs().send().await.expect("listed");
    assert!(signing.code_signing_configs().is_empty(), "{signing:?}");
    for list in ["ListRoles", "ListPolicies&Scope=Local"] {
        let form = format!("Action={list}&Version=2010-05-08").into_bytes();
        let request = Request::new("POST", "/").header("content-type", "application/x-www-form-urlencoded").body(form);
        let body = send(server, request, "iam");
        assert!(!body.contains("<member>"), "{list}: {body}");
    }
    let groups = call_json(server, "logs", "Logs_20140328.DescribeLogGroups", &json!({}));
    assert_eq!(groups["logGroups"], json!([]));
    let queues = call_json(server, "sqs", "AmazonSQS.ListQueues", &json!({}));
    assert_eq!(queues.get("QueueUrls"), None);
}

/// Sends a request to a service, signed for the account.
fn send(server: &Server, request: Request, service: &str) -> String {
    let credential = format!("{ACCOUNT}/20260101/{REGION}/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00");
    let answer = request.header("authorization", &signature).send(server.port());
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{body}");
    body
}

/// Calls an operation of a service that speaks JSON.
fn call_json(server: &Server, service: &str, target: &str, input: &Value) -> Value {
    serde_json::from_str(&send(server, in_json(target, input), service)).expect("JSON")
}

fn in_json(target: &str, input: &Value) -> Request {
    let request = Request::new("POST", "/").body(input.to_string().into_bytes());
    request.header("content-type", "application/x-amz-json-1.0").header("x-amz-target", target)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_from_apply_to_destroy() {
    let Some(plugins) = plugins() else { return };
    if !Executor::Sandbox.is_here() {
        return;
    }
    let moto = Moto::start();
    let mut server = Server::start(Options::new(Executor::Sandbox).with("LARDER_UPSTREAM", moto.url()));
    let project = Project::new("terraform", &plugins, server.url());
    let forms = ["-var=changed=false", "-var=changed=true"];

    // The size is the provider's default: it has nothing to change.
    let queue = json!({ "QueueName": "work", "Attributes": { "MaximumMessageSize": "262144" } });
    call_json(&server, "sqs", "AmazonSQS.CreateQueue", &queue);
    project.write_package(1);
    project.change("apply", forms[0]);
    assert_eq!(live(&server).await, ("shared one 1".into(), "1".to_owned()));
    // What `aws_lambda_invocation` saw.
    assert_eq!(project.state()["outputs"]["answer"]["value"], "\"shared one 1\"");
    server.kill();
    server.restart();
    project.assert_unchanged(forms[0], "after a kill");

    project.write_package(2);
    project.change("apply", forms[1]);
    assert_eq!(project.state()["outputs"]["answer"]["value"], "\"shared two 2\"");
    // The weights of the alias decide which of the two it is.
    let answers = [("shared one 1".into(), "1".to_owned()), ("shared two 2".into(), "2".to_owned())];
    let answer = live(&server).await;
    assert!(answers.contains(&answer), "{answer:?}");
    server.kill();
    server.restart();
    project.assert_unchanged(forms[1], "after the change and another kill");

    project.change("destroy", forms[1]);
    assert_eq!(project.state()["resources"], json!([]));
    assert_empty(&server).await;
}

/// Queues, their policies, a mapping, dead letters and destinations, with no upstream.
#[tokio::test(flavor = "multi_thread")]
async fn queues_from_apply_to_destroy() {
    let Some(plugins) = plugins() else { return };
    if !Executor::Sandbox.is_here() {
        return;
    }
    let mut server = Server::start(Options::new(Executor::Sandbox));
    let project = Project::new("terraform-queues", &plugins, server.url());
    let forms = ["-var=changed=false", "-var=changed=true"];
    call_json(&server, "sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": "orders-dead" }));
    let code = "def handler(event, context):\n    return {'batchItemFailures': []} if 'Records' in event else event\n";
    project.write("package.zip", &zip(&[("reader.py", code.as_bytes())]));

    project.change("apply", forms[0]);
    assert_eq!(project.state()["outputs"]["dead"]["value"], format!("arn:aws:sqs:{REGION}:{ACCOUNT}:orders-dead"));
    server.kill();
    server.restart();
    project.assert_unchanged(forms[0], "after a kill");

    project.change("apply", forms[1]);
    project.assert_unchanged(forms[1], "after the change");

    project.change("destroy", forms[1]);
    assert_eq!(project.state()["resources"], json!([]));
    let dead = json!({ "QueueUrl": format!("{}/{ACCOUNT}/orders-dead", server.url()) });
    send(&server, in_json("AmazonSQS.DeleteQueue", &dead), "sqs");
    assert_empty(&server).await;
}
