//! Who is told of events that were run or given up: destinations, dead-letter queues; and loops that are stopped.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{DestinationConfig, InvocationType, OnFailure, OnSuccess, RecursiveLoop};
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::create_python;
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::python::{Moto, script};
use crate::support::{Executor, Options, Server, eventually};

fn options(executor: Executor) -> Options {
    Options::new(executor).with("LAMBDA_RETRY_BASE_DELAY_SECONDS", 0)
}

/// Counts its runs, and tells how many they were.
const COUNTS: &str = "
runs = []
def handler(event, context):
    if event == 'runs':
        return len(runs)
    runs.append(1)
    return 'run'
";

fn arn(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{function}")
}

async fn on_success(client: &Client, function: &str, target: &str) {
    let success = OnSuccess::builder().destination(target).build();
    let config = DestinationConfig::builder().on_success(success).build();
    let put = client.put_function_event_invoke_config().function_name(function);
    put.destination_config(config).send().await.expect("put");
}

async fn send(client: &Client, function: &str) {
    let call = client.invoke().function_name(function).invocation_type(InvocationType::Event);
    call.payload(Blob::new("{}")).send().await.expect("accepted");
}

async fn runs(client: &Client, function: &str) -> u64 {
    let asked = client.invoke().function_name(function).payload(Blob::new("\"runs\"")).send().await.expect("runs");
    serde_json::from_slice(asked.payload().expect("a payload").as_ref()).expect("a number")
}

on_each_executor! {
    async fn records_reach_what_they_are_for(executor) {
        let moto = Moto::start();
        let upstream = format!("{},sqs={}", moto.url(), moto.url());
        let server = Server::start(options(executor).with("LARDER_UPSTREAM", upstream));
        script("use_destinations.py", &[&server.url(), "all"]);
    }

    async fn functions_that_run_each_other_are_stopped(executor) {
        let server = Server::start(options(executor).with("LARDER_MAX_ENVIRONMENTS", 2));
        let client = server.client();
        for (function, target) in [("f", "g"), ("g", "f")] {
            create_python(&client, function, COUNTS).await;
            let other = if function == "f" { None } else { Some(target) };
            if let Some(other) = other {
                on_success(&client, function, &arn(other)).await;
            }
        }
        on_success(&client, "f", &arn("g")).await;
        send(&client, "f").await;
        eventually("it is stopped", || async { server.log().contains("RecursiveInvocation").then_some(()) }).await;
        assert_eq!((runs(&client, "f").await, runs(&client, "g").await), (16, 16));

        // A caller that waits is told.
        create_python(&client, "trace", "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n").await;
        let header = call(&client, "trace").await.response();
        let header = header.as_str().expect("a header").replace(":1", ":16");
        let request = Request::json("POST", "/2015-03-31/functions/trace/invocations", &json!({}));
        let refused = request.header("x-amzn-trace-id", &header).send(server.port());
        assert_eq!((refused.status, refused.error()), (400, "RecursiveInvocationException"), "{header}");

        // Those that may go on, do.
        for function in ["f", "g"] {
            let put = client.put_function_recursion_config().function_name(function);
            put.recursive_loop(RecursiveLoop::Allow).send().await.expect("put");
        }
        send(&client, "f").await;
        eventually("it goes on", || async { (runs(&client, "f").await > 40).then_some(()) }).await;
    }

    async fn what_cannot_be_delivered_is_told_and_holds_up_nothing(executor) {
        let server = Server::start(options(executor));
        let client = server.client();
        create_python(&client, "f", COUNTS).await;
        let failure = OnFailure::builder().destination("arn:aws:sqs:us-east-1:000000000000:none").build();
        let success = OnSuccess::builder().destination("arn:aws:sns:us-east-1:000000000000:none").build();
        let config = DestinationConfig::builder().on_failure(failure).on_success(success).build();
        let put = client.put_function_event_invoke_config().function_name("f");
        put.destination_config(config).send().await.expect("put");
        send(&client, "f").await;
        let log = || async { server.log().contains("DestinationDeliveryFailures").then_some(()) };
        eventually("it is told", log).await;
        assert!(server.log().contains("--upstream sns=URL"), "the option is named");
        assert_eq!(call(&client, "f").await.response(), json!("run"));
    }
}

/// It is asked again by the next server, which has the delivery on disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_never_answers_keeps_no_server_from_its_end() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let upstream = format!("sns=http://{}", silent.local_addr().expect("an address"));
    let options = Options::any().with("LARDER_UPSTREAM", upstream).with("LARDER_SHADOWS", "off");
    let mut server = Server::start(options);
    let client = server.client();
    create_python(&client, "f", COUNTS).await;
    on_success(&client, "f", "arn:aws:sns:us-east-1:000000000000:topic").await;
    send(&client, "f").await;
    let _asked = silent.accept().expect("it is asked");

    let began = Instant::now();
    server.stop();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    server.restart();
    silent.accept().expect("it is asked again");
}
