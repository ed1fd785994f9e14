//! Responses that functions stream, part by part, out of Node.js in the sandbox.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke_with_response_stream::InvokeWithResponseStreamOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvokeWithResponseStreamResponseEvent as Part, Runtime};
use serde_json::{Value, json};

use crate::support::functions::{active, creation, zip};
use crate::support::invoke::invoke;
use crate::support::{Server, eventually};

/// Writes `first`; waits; goes wrong, or writes what more is wanted.
const STREAMER: &str = r"
const wait = (s) => new Promise((done) => setTimeout(done, s * 1000));
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first');
  await wait(event.s ?? 0);
  if (event.fail) throw new TypeError(event.fail);
  const megabyte = Buffer.alloc(1 << 20, 'x');
  for (let n = 0; n < (event.mb ?? 0); n++) {
    if (!stream.write(megabyte)) await new Promise((done) => stream.once('drain', done));
  }
  stream.end('last');
});
";

struct Stage {
    server: Server,
    client: Client,
}

impl Stage {
    async fn set() -> Option<Self> {
        let server = Server::in_sandbox()?;
        let client = server.client();
        let package = zip(&[("handler.js", STREAMER.as_bytes())]);
        let creation = creation(&client, "streamer", Runtime::Nodejs20x, package).memory_size(512);
        creation.send().await.expect("created");
        active(&client, "streamer").await;
        Some(Self { server, client })
    }

    async fn stream(&self, event: &Value) -> InvokeWithResponseStreamOutput {
        let call = self.client.invoke_with_response_stream().function_name("streamer");
        call.payload(Blob::new(event.to_string())).send().await.expect("invoked")
    }

    fn idle(&self) -> u64 {
        self.server.health()["counts"]["idle_environments"].as_u64().expect("a number")
    }

    /// The most memory that the server ever had, in MB.
    fn peak_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }
}

/// The next part; `None` at the end, with what that says.
async fn next(output: &mut InvokeWithResponseStreamOutput) -> Result<Vec<u8>, (Option<String>, Option<String>)> {
    match output.event_stream.recv().await.expect("frames").expect("a last frame") {
        Part::PayloadChunk(chunk) => Ok(chunk.payload.expect("bytes").into_inner()),
        Part::InvokeComplete(end) => Err((end.error_code, end.error_details)),
        other => panic!("no part of a stream: {other:?}"),
    }
}

/// Counts the bytes of the rest; gives what the end says.
async fn rest(output: &mut InvokeWithResponseStreamOutput) -> (usize, (Option<String>, Option<String>)) {
    let mut bytes = 0;
    loop {
        match next(output).await {
            Ok(part) => bytes += part.len(),
            Err(end) => return (bytes, end),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_there_while_the_function_runs() {
    let Some(stage) = Stage::set().await else { return };
    let mut output = stage.stream(&json!({ "s": 2 })).await;
    assert_eq!(next(&mut output).await.expect("a part"), b"first");
    assert_eq!(stage.idle(), 0, "it still runs");
    assert_eq!(next(&mut output).await.expect("a part"), b"last");
    assert_eq!(next(&mut output).await, Err((None, None)));
    // Who asks for it whole gets it whole.
    let whole = stage.client.invoke().function_name("streamer").send().await.expect("invoked");
    assert_eq!(whole.payload().map(Blob::as_ref), Some(b"firstlast".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_after_the_first_part_stands_at_the_end() {
    let Some(stage) = Stage::set().await else { return };
    let mut output = stage.stream(&json!({ "fail": "no more", "s": 0.2 })).await;
    assert_eq!(next(&mut output).await.expect("a part"), b"first");
    let (bytes, (code, details)) = rest(&mut output).await;
    assert_eq!((bytes, code.as_deref()), (0, Some("Unhandled")), "{details:?}");
    let details: Value = serde_json::from_str(&details.expect("details")).expect("JSON");
    assert_eq!((&details["errorType"], &details["errorMessage"]), (&json!("TypeError"), &json!("no more")));
    let mut output = stage.stream(&json!({})).await;
    assert_eq!(rest(&mut output).await, (9, (None, None)), "the next one is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_runs_out_stands_at_the_end() {
    let Some(stage) = Stage::set().await else { return };
    let change = stage.client.update_function_configuration().function_name("streamer").timeout(1);
    change.send().await.expect("updated");
    active(&stage.client, "streamer").await;
    let mut output = stage.stream(&json!({ "s": 60 })).await;
    assert_eq!(next(&mut output).await.expect("a part"), b"first");
    let (bytes, (code, details)) = rest(&mut output).await;
    assert_eq!((bytes, code.as_deref()), (0, Some("Unhandled")), "{details:?}");
    assert!(details.is_some_and(|details| details.contains("Task timed out after 1.00 seconds")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_holds_nothing_up() {
    let Some(stage) = Stage::set().await else { return };
    let mut output = stage.stream(&json!({ "s": 0.5, "mb": 50 })).await;
    assert_eq!(next(&mut output).await.expect("a part"), b"first");
    drop(output);
    eventually("the environment is free again", || async { (stage.idle() == 1).then_some(()) }).await;
    assert_eq!(stage.server.environments(), 1);
    let mut output = stage.stream(&json!({})).await;
    assert_eq!(rest(&mut output).await, (9, (None, None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_megabytes_pass_through_and_no_more() {
    let Some(stage) = Stage::set().await else { return };
    let mut output = stage.stream(&json!({})).await;
    rest(&mut output).await;
    let before = stage.peak_mb();
    let mut output = stage.stream(&json!({ "mb": 199 })).await;
    assert_eq!(rest(&mut output).await, ((199 << 20) + 9, (None, None)));
    let grown = stage.peak_mb() - before;
    assert!(grown < 80, "the server kept {grown} MB of it");
    let mut output = stage.stream(&json!({ "mb": 201 })).await;
    let (bytes, (code, details)) = rest(&mut output).await;
    assert!(bytes <= 200 << 20, "{bytes}");
    let message = "Response payload size exceeded maximum allowed payload size (209715200 bytes).";
    let expected = json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": message });
    assert_eq!(code.as_deref(), Some("Unhandled"));
    assert_eq!(serde_json::from_str::<Value>(&details.expect("details")).expect("JSON"), expected);
    let whole = invoke(&stage.client, "streamer", json!({ "mb": 7 })).await;
    assert_eq!(whole.failure().0, "Function.ResponseSizeTooLarge", "6 MB is the limit of what is asked for whole");
}
