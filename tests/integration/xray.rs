//! X-Ray: what Lambda and the function tell a daemon, and what the function knows of its trace.

use std::net::UdpSocket;
use std::time::Duration;

use aws_sdk_lambda::types::{Runtime, TracingConfig, TracingMode};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, creation, python};
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::{Options, PATIENCE, Server};

/// Sends a segment of its own, as AWS's SDK for X-Ray does, and answers with its trace.
const TRACED: &str = r#"
import os, socket
def handler(event, context):
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    own = b'{"format":"json","version":1}\n{"name":"of my own"}'
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(own, (host, int(port)))
    return os.environ.get("_X_AMZN_TRACE_ID")
"#;

/// A daemon: a port that datagrams come to.
struct Daemon(UdpSocket);

impl Daemon {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        Self(socket)
    }

    /// The next segment.
    fn segment(&self) -> Value {
        let mut datagram = vec![0; 64 * 1024];
        let length = self.0.recv(&mut datagram).expect("a segment comes");
        let (header, segment) =
            std::str::from_utf8(&datagram[..length]).expect("text").split_once('\n').expect("two lines");
        assert_eq!(serde_json::from_str::<Value>(header).expect("JSON"), json!({ "format": "json", "version": 1 }));
        serde_json::from_str(segment).expect("JSON")
    }

    /// Whether nothing came so far.
    fn is_quiet(&self) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(300))).expect("set");
        let quiet = self.0.recv(&mut [0; 16]).is_err();
        self.0.set_read_timeout(Some(PATIENCE)).expect("set");
        quiet
    }
}

/// A part of a trace header.
fn part<'a>(header: &'a str, name: &str) -> &'a str {
    header.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

on_each_executor! {
    async fn a_traced_invocation_is_told_with_what_the_function_tells(executor) {
        let daemon = Daemon::start();
        let address = daemon.0.local_addr().expect("an address");
        let server = Server::start(Options::new(executor).with("LARDER_XRAY_DAEMON", address));
        let client = server.client();
        let tracing = TracingConfig::builder().mode(TracingMode::Active).build();
        creation(&client, "traced", Runtime::Python311, python(TRACED)).tracing_config(tracing).send().await.expect("created");
        active(&client, "traced").await;
        let invoked = call(&client, "traced").await;
        let (log, request_id) = (invoked.log.clone(), invoked.request_id.clone());
        let header = invoked.response().as_str().expect("a trace").to_owned();
        let (root, parent) = (part(&header, "Root"), part(&header, "Parent"));
        assert_eq!(part(&header, "Sampled"), "1", "the first of a second: {header}");
        let line = format!("XRAY TraceId: {root}\tSegmentId: {parent}\tSampled: true");
        assert!(log.contains(&line), "{line}: {log}");

        let segments = [daemon.segment(), daemon.segment(), daemon.segment()];
        let of = |name: &str, value: &str| segments.iter().find(|one| one[name] == value).unwrap_or_else(|| panic!("{value}: {segments:#?}"));
        of("name", "of my own");
        let (service, function) = (of("origin", "AWS::Lambda"), of("origin", "AWS::Lambda::Function"));
        for segment in [service, function] {
            assert_eq!((&segment["trace_id"], &segment["name"]), (&json!(root), &json!("traced")));
            assert_eq!(segment["aws"]["request_id"], request_id.as_str());
        }
        assert_eq!((&function["id"], &function["parent_id"]), (&json!(parent), &service["id"]));
        let parts: Vec<_> = function["subsegments"].as_array().expect("parts").iter().map(|part| &part["name"]).collect();
        assert_eq!(parts, ["Initialization", "Invocation"]);
    }

    async fn a_callers_decision_and_trace_are_kept(executor) {
        let daemon = Daemon::start();
        let address = daemon.0.local_addr().expect("an address");
        let server = Server::start(Options::new(executor).with("LARDER_XRAY_DAEMON", address));
        create_python(&server.client(), "passing", "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n").await;
        let invoke = |header: &str| {
            let request = Request::json("POST", "/2015-03-31/functions/passing/invocations", &json!({}));
            request.header("x-amzn-trace-id", header).send(server.port()).json()
        };
        let refused = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
        let kept = invoke(refused);
        assert!(kept.as_str().is_some_and(|kept| kept.starts_with(&format!("{refused};Lineage="))), "{kept}");
        assert!(daemon.is_quiet(), "it is not traced");
        let taken = invoke(&refused.replace("Sampled=0", "Sampled=1"));
        let taken = taken.as_str().expect("a trace");
        assert_eq!(part(taken, "Root"), "1-5759e988-bd862e3fe1be46a994272793");
        let segments = [daemon.segment(), daemon.segment()];
        let service = segments.iter().find(|one| one["origin"] == "AWS::Lambda").expect("Lambda's own");
        assert_eq!(service["parent_id"], "53995c3f42cd8ad8");
    }
}
