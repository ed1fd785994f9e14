//! What a collector of OpenTelemetry is told, and what CloudWatch tells of functions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::create_python;
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::python::script_with;
use crate::support::{Options, Server};

/// Calls Lambda by its own credentials, and fails where it is told to.
const CALLS: &str = "
import os, urllib.request
def handler(event, context):
    request = urllib.request.Request(os.environ['AWS_ENDPOINT_URL'] + '/2015-03-31/functions')
    request.add_header('X-Amz-Security-Token', os.environ['AWS_SESSION_TOKEN'])
    urllib.request.urlopen(request).read()
    if event.get('fails'):
        raise ValueError('as told')
    return os.environ['_X_AMZN_TRACE_ID']
";

/// A collector: what it was sent, by the specification's own messages.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Bytes)>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let take = |Path(signal): Path<String>, State(Self(taken)): State<Self>, body: Bytes| async move {
            taken.lock().expect("no holder panics").push((signal, body));
        };
        let app = Router::new().route("/otlp/v1/{signal}", post(take)).with_state(collector.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/otlp", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (collector, url)
    }

    fn of(&self, signal: &str) -> Vec<Bytes> {
        let taken = self.0.lock().expect("no holder panics");
        taken.iter().filter(|(of, _)| of == signal).map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.of("traces").into_iter();
        let requests = requests.map(|body| ExportTraceServiceRequest::decode(body).expect("a request"));
        let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// The last counts of a function.
    fn counts(&self) -> BTreeMap<String, i64> {
        let last = self.of("metrics").pop().expect("told at the end");
        let request = ExportMetricsServiceRequest::decode(last).expect("a request");
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        let metrics = scopes.flat_map(|scope| scope.metrics);
        let counts = metrics.filter_map(|metric| match metric.data? {
            Data::Sum(sum) => match sum.data_points.first()?.value? {
                number_data_point::Value::AsInt(count) => Some((metric.name, count)),
                number_data_point::Value::AsDouble(_) => None,
            },
            Data::Histogram(histogram) => {
                let count = histogram.data_points.iter().map(|point| point.count).sum::<u64>();
                Some((metric.name, i64::try_from(count).expect("few")))
            }
            _ => None,
        });
        counts.collect()
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let value = attributes.iter().find(|attribute| attribute.key == key).and_then(|found| found.value.as_ref());
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

on_each_executor! {
    async fn a_collector_is_told_of_invocations(executor) {
        let (collector, url) = Collector::start().await;
        let options = Options::new(executor).with("LARDER_OTLP", url).with("LARDER_RECORD", "off");
        let mut server = Server::start(options);
        create_python(&server.client(), "told", CALLS).await;
        let invoke = |event: serde_json::Value| {
            let request = Request::json("POST", "/2015-03-31/functions/told/invocations", &event);
            let caller = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
            request.header("x-amzn-trace-id", caller).send(server.port()).json()
        };
        let header = invoke(json!({}));
        invoke(json!({ "fails": true, "password": "hunter2" }));
        server.stop();

        let spans = collector.spans();
        let told: Vec<_> = spans.iter().filter(|span| span.name == "told").collect();
        let [first, second] = told.as_slice() else { panic!("{spans:#?}") };
        assert_eq!(hex(&first.trace_id), "5759e988bd862e3fe1be46a994272793");
        assert_eq!(hex(&first.parent_span_id), "53995c3f42cd8ad8");
        let own = format!("Parent={}", hex(&first.span_id));
        assert!(header.as_str().is_some_and(|header| header.contains(&own)), "{header}: {own}");
        let said = ["faas.name", "cloud.region", "faas.version", "cloud.resource_id"];
        let said = said.map(|key| attribute(&first.attributes, key));
        assert_eq!(said, ["told", "us-east-1", "$LATEST", "arn:aws:lambda:us-east-1:000000000000:function:told"]);
        assert_eq!(attribute(&second.attributes, "error.type"), "error");
        assert!(second.end_time_unix_nano > second.start_time_unix_nano);

        let below = |name: &str| {
            spans.iter().filter(|span| span.name == name && span.parent_span_id == first.span_id).count()
        };
        assert_eq!(["init", "lambda.GET"].map(below), [1, 1], "{spans:#?}");
        let sent = format!("{:?}", collector.of("traces"));
        assert!(!sent.contains("hunter2"), "no payload leaves the house");
        let counts = collector.counts();
        let counted = ["faas.invocations", "faas.errors", "faas.coldstarts", "faas.invoke_duration"];
        assert_eq!(counted.map(|name| counts[name]), [1, 1, 1, 2], "{counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_costs_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut server = Server::start(Options::any().with("LARDER_OTLP", format!("http://{free}")));
    create_python(&server.client(), "alone", "def handler(event, context):\n    return 1\n").await;
    assert_eq!(call(&server.client(), "alone").await.response(), json!(1));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_has_the_metrics_of_functions() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    let code = "def handler(event, context):\n    if event.get('fails'):\n        raise ValueError('as told')\n";
    create_python(&client, "metered", code).await;
    let version = client.publish_version().function_name("metered").send().await.expect("published");
    let version = version.version().expect("a number");
    let alias = client.create_alias().function_name("metered").name("live").function_version(version);
    alias.send().await.expect("made");
    for (path, event) in [
        ("metered", json!({})),
        ("metered", json!({ "fails": true })),
        ("metered:live", json!({})),
        ("metered:1", json!({})),
    ] {
        let path = format!("/2015-03-31/functions/{path}/invocations");
        assert_eq!(Request::json("POST", &path, &event).send(server.port()).status, 200);
    }

    // What ran before a kill is still told, from what is remembered of it.
    for _ in 0..2 {
        for (environment, protocol) in [("sdk", "json"), ("old-sdk", "query"), ("model", "smithy-rpc-v2-cbor")] {
            let output = script_with(environment, "use_cloudwatch.py", &[&server.url(), protocol]);
            assert!(output.contains(&format!("cloudwatch in {protocol}: all as expected")), "{output}");
        }
        Request::new("GET", "/_larder/invocations").send(server.port());
        server.kill();
        server.restart();
    }
}
