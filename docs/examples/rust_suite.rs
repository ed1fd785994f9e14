//! A Rust test suite on Larder: a pod is loaded once, and every test begins with the pod's state.
//!
//! The server ends with the suite. To take this into a project of yours, leave `program` out, so that the `larder` on
//! your PATH is used, and put a pod of yours (`larder pod save ./orders.pod`) in the place of `orders.pod`.

use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use larder_testing::{KEY, Larder, REGION, Start};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_larder");
const POD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/orders.pod");

static LARDER: LazyLock<Larder> = LazyLock::new(|| {
    let start = Start { program: Some(PROGRAM.into()), pod: Some(POD.into()), ..Start::default() };
    Larder::start(&start).expect("larder starts")
});

fn client(larder: &Larder) -> Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(larder.endpoint())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEY, KEY, None, None, "suite"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

fn order(client: &Client) -> Value {
    let call = client.invoke().function_name("orders").payload(Blob::new(json!({ "id": 7 }).to_string())).send();
    let answer = block_on(call).expect("is invoked");
    serde_json::from_slice(answer.payload().expect("answers").as_ref()).expect("answers JSON")
}

#[test]
fn the_function_of_the_pod_answers() {
    let larder = LARDER.test().expect("a turn");
    assert_eq!(order(&client(&larder)), json!({ "stage": "dev", "order": 7 }));
}

#[test]
fn a_test_may_delete_what_it_likes() {
    let larder = LARDER.test().expect("a turn");
    let client = client(&larder);
    block_on(client.delete_function().function_name("orders").send()).expect("is deleted");
    assert!(block_on(client.get_function().function_name("orders").send()).is_err());
}

#[test]
fn the_next_one_finds_it_again() {
    let larder = LARDER.test().expect("a turn");
    let found = block_on(client(&larder).get_function().function_name("orders").send()).expect("is there");
    assert_eq!(found.configuration().and_then(|configuration| configuration.handler()), Some("orders.handler"));
}

#[test]
fn events_are_waited_for() {
    let larder = LARDER.test().expect("a turn");
    let client = client(&larder);
    let event = client.invoke().function_name("orders").invocation_type(InvocationType::Event);
    block_on(event.payload(Blob::new(r#"{"id": 7}"#)).send()).expect("is accepted");
    larder.wait_for_events(Some("orders"), Duration::from_secs(30)).expect("it runs");
    let ran = larder.invocations(Some("orders")).expect("they are remembered");
    assert_eq!((ran.len(), &ran[0]["end"]), (1, &json!("response")));
}
