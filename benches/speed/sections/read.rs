//! Reads among 10,000 functions; the floor answers the same bytes over loopback.

use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors, http, store};

/// Functions in the store.
const FUNCTIONS: usize = 10_000;

pub fn run(context: &Context) -> Outcome {
    let folder = tempfile::tempdir()?;
    store::prepare(&folder.path().join("store"), FUNCTIONS, 0)?;
    let server = Server::start(folder.path(), context.executors[0])?;
    let get = |number: usize| {
        // A stride that is prime to the number of functions: all of them, in no order.
        let name = store::name(number * 7919 % FUNCTIONS);
        http::request("GET", &format!("/2015-03-31/functions/{name}"), b"")
    };
    let list = |_| http::request("GET", "/2015-03-31/functions?MaxItems=50", b"");
    print("GetFunction", &server, 5000, 0.12, get)?;
    print("ListFunctions of 50", &server, 1000, 2.0, list)
}

/// Measures a request, and the floor with the answer it got.
fn print(name: &str, server: &Server, count: usize, target_ms: f64, request: impl Fn(usize) -> Vec<u8>) -> Outcome {
    let requests: Vec<_> = (0..count).map(request).collect();
    let mut connection = server.connect()?;
    let answer = connection.succeed(&requests[0])?;
    let samples = Samples::of(count, |number| connection.succeed(&requests[number]).map(drop))?;
    let floor = floors::loopback(&requests[0], &answer.body, count)?;
    Row::times(format!("{name} ({} bytes)", answer.body.len()), &samples)
        .below(target_ms)
        .floor(floor.median_ms())
        .print();
    Row::times("floor, a thread that answers the same bytes", &floor).print();
    Ok(())
}
