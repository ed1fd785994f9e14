//! What goes on when nobody waits: processes between invocations, and invocations whose caller is gone.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use aws_sdk_lambda::Client;
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::create_python;
use crate::support::http::Request;
use crate::support::invoke::{call, invoke};
use crate::support::{Options, Server, eventually, log_lines};

/// Counts in the background, a hundred times a second.
const TICKS: &str = "
import threading, time
ticks = 0
def tick():
    global ticks
    while True:
        time.sleep(0.01)
        ticks += 1
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    time.sleep(event.get('s', 0))
    return ticks
";

/// Begins an invocation and hangs up.
fn abandon(server: &Server, path: &str, event: &str) {
    let mut connection = TcpStream::connect(("127.0.0.1", server.port())).expect("connects");
    write!(connection, "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{event}", event.len())
        .expect("sent");
    connection.flush().expect("sent");
    // So that the server reads it before it sees that the caller is gone.
    std::thread::sleep(Duration::from_millis(200));
}

async fn ticks(client: &Client) -> u64 {
    call(client, "ticks").await.response().as_u64().expect("a number")
}

on_each_executor! {
    async fn a_background_thread_stands_still(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "ticks", TICKS).await;
        let before = ticks(&client).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = ticks(&client).await;
        assert!(after - before < 60, "it went on for {} of 200 ticks", after - before);
        let busy = invoke(&client, "ticks", json!({ "s": 1 })).await.response().as_u64().expect("a number");
        assert!(busy > after + 20, "it goes on within an invocation: {after}, {busy}");
    }

    async fn a_background_thread_goes_on_where_it_shall(executor) {
        let server = Server::start(Options::new(executor).with("LARDER_FREEZE", 0));
        let client = server.client();
        create_python(&client, "ticks", TICKS).await;
        let before = ticks(&client).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = ticks(&client).await;
        assert!(after - before > 60, "it stood still: {before}, {after}");
    }

    async fn an_invocation_goes_on_without_its_caller(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let code = "import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))\n    print('done', event)\n    return 1\n";
        create_python(&client, "f", code).await;
        client.put_function_concurrency().function_name("f").reserved_concurrent_executions(1).send().await.expect("put");
        let path = "/2015-03-31/functions/f/invocations";
        abandon(&server, path, r#"{"s": 2}"#);
        let refused = Request::json("POST", path, &json!({})).send(server.port());
        assert_eq!((refused.status, refused.error()), (429, "TooManyRequestsException"), "its slot is taken");
        log_lines::with(&server, "/aws/lambda/f", "done {'s': 2}").await;
        log_lines::with(&server, "/aws/lambda/f", "REPORT").await;
        eventually("its slot is free", || async {
            let taken = Request::json("POST", path, &json!({})).send(server.port());
            (taken.status == 200).then_some(())
        })
        .await;
    }
}
