//! The console's pages among 10,000 functions, as the server takes to answer with them; the floor answers the same bytes
//! over loopback.

use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors, http, package, store};

/// Functions in the store.
const FUNCTIONS: usize = 10_000;

/// Invocations that are remembered.
const INVOCATIONS: usize = 2000;

/// Measurements of a page.
const COUNT: usize = 200;

/// What a page may take in 95 of 100 cases, in milliseconds.
const MOST: f64 = 50.0;

pub fn run(context: &Context) -> Outcome {
    let folder = tempfile::tempdir()?;
    store::prepare(&folder.path().join("store"), FUNCTIONS, 0)?;
    let server = Server::start(folder.path(), context.executors[0])?;
    let [first, last] = invoke(&server)?;
    let function = format!("functions/000000000000/us-east-1/{}", store::name(FUNCTIONS / 2));

    for (name, path) in [
        ("overview", String::new()),
        ("functions", "console/functions".to_owned()),
        ("functions by a part of the name", "console/functions?q=9999".to_owned()),
        ("a function that never ran", format!("console/{function}")),
        ("a function that ran", "console/functions/000000000000/us-east-1/echo".to_owned()),
        ("invocations", "console/invocations".to_owned()),
        ("invocations that failed: none", "console/invocations?errors=true".to_owned()),
        ("invocations by a text that none has", "console/invocations?text=nowhere".to_owned()),
        ("the last invocation", format!("console/invocations/{last}")),
        ("the first invocation", format!("console/invocations/{first}")),
        ("events", "console/events".to_owned()),
        ("logs", "console/logs".to_owned()),
        ("history", "console/history".to_owned()),
        ("history of IAM: nothing in so many changes", "console/history?area=iam".to_owned()),
        ("pods", "console/pods".to_owned()),
    ] {
        measure(name, &server, &http::request("GET", &format!("/_larder/{path}"), b""))?;
    }
    Ok(())
}

/// Has invocations remembered; the request ids of the first and of the last.
fn invoke(server: &Server) -> Outcome<[String; 2]> {
    server.create_active("echo", 0)?;
    let mut connection = server.connect()?;
    let request = package::invoke_request("echo");
    let newest = http::request("GET", "/_larder/invocations?limit=1", b"");
    let mut ids = Vec::new();
    for number in 0..INVOCATIONS {
        connection.succeed(&request)?;
        if number == 0 || number + 1 == INVOCATIONS {
            let page = connection.succeed(&newest)?.json()?;
            let id = page["invocations"][0]["request_id"].as_str().ok_or("no invocation is remembered")?;
            ids.push(id.to_owned());
        }
    }
    ids.try_into().map_err(|_| "there are a first and a last invocation".into())
}

fn measure(name: &str, server: &Server, request: &[u8]) -> Outcome {
    let mut connection = server.connect()?;
    let answer = connection.succeed(request)?;
    let samples = Samples::of(COUNT, |_| connection.succeed(request).map(drop))?;
    let floor = floors::loopback(request, &answer.body, COUNT)?;
    Row::times(format!("{name} ({} bytes)", answer.body.len()), &samples).floor(floor.median_ms()).print();
    Row::figure(format!("{name}: p95"), "ms", samples.quantile_ms(95)).below(MOST).print();
    Ok(())
}
