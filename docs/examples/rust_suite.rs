//! A Rust test suite on Larder: a pod is loaded once, and every test begins with the pod's state.
//!
//! The server ends with the last test that uses it. To take this into a project of yours, put `larder` in the
//! place of `env!("CARGO_BIN_EXE_larder")`, and a pod of yours (`larder pod save ./orders.pod`) in the place of
//! `orders.pod`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::primitives::Blob;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const LARDER: &str = env!("CARGO_BIN_EXE_larder");
const POD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/orders.pod");

/// A server whose state is in a folder of its own and goes with it.
struct Larder {
    server: Child,
    endpoint: String,
    /// Tests that change state take turns.
    turn: Mutex<()>,
}

static SHARED: Mutex<Weak<Larder>> = Mutex::new(Weak::new());

impl Larder {
    /// The server of this suite, started by the first test that asks.
    fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let larder = Arc::new(Self::start());
            *shared = Arc::downgrade(&larder);
            larder
        })
    }

    fn start() -> Self {
        let arguments = ["serve", "--ephemeral", "--listen", "127.0.0.1:0", "--load-pod", POD];
        let mut server = Command::new(LARDER)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("larder starts");
        let banner = BufReader::new(server.stdout.take().expect("a pipe"));
        let mut lines = banner.lines().map_while(Result::ok);
        let address = lines.find(|line| line.contains("address")).expect("larder says where it listens");
        let endpoint = address.split_whitespace().last().expect("an address").to_owned();
        let larder = Self { server, endpoint, turn: Mutex::new(()) };
        larder.post("/_larder/marks/loaded", &json!({}));
        larder
    }

    /// Waits for its turn, and brings back the state that the pod had.
    fn fresh(&self) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let started = Instant::now();
        self.post("/_larder/rewind", &json!({ "to": "mark:loaded" }));
        println!("a fresh state in {:?}", started.elapsed());
        turn
    }

    fn post(&self, path: &str, body: &Value) {
        let address = self.endpoint.trim_start_matches("http://");
        let body = body.to_string();
        let mut server = TcpStream::connect(address).expect("larder listens");
        // The header tells it from what a web page can send.
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nx-larder-request: 1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        server.write_all((head + &body).as_bytes()).expect("larder listens");
        let mut answer = String::new();
        server.read_to_string(&mut answer).expect("larder answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn client(&self) -> Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "suite"))
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }
}

impl Drop for Larder {
    fn drop(&mut self) {
        // Ended in good order, it takes its environments and its folder along.
        if let Ok(pid) = i32::try_from(self.server.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.server.wait();
    }
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
    let larder = Larder::shared();
    let _turn = larder.fresh();
    assert_eq!(order(&larder.client()), json!({ "stage": "dev", "order": 7 }));
}

#[test]
fn a_test_may_delete_what_it_likes() {
    let larder = Larder::shared();
    let _turn = larder.fresh();
    let client = larder.client();
    block_on(client.delete_function().function_name("orders").send()).expect("is deleted");
    assert!(block_on(client.get_function().function_name("orders").send()).is_err());
}

#[test]
fn the_next_one_finds_it_again() {
    let larder = Larder::shared();
    let _turn = larder.fresh();
    let found = block_on(larder.client().get_function().function_name("orders").send()).expect("is there");
    assert_eq!(found.configuration().and_then(|configuration| configuration.handler()), Some("orders.handler"));
}
