//! A function behind its URL, beside the same function invoked, in turns.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, http, package};

/// Pairs of calls that are measured, after some that warm up.
const PAIRS: usize = 3000;
const WARM_UP: usize = 200;

/// What a URL may cost over an invocation, in milliseconds.
const MOST_MORE: f64 = 0.05;

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path(), executor)?;
        server.create_active("echo", 0)?;
        let by_url = http::request("POST", &format!("/_url/{}/", give_url(&server)?), br#"{"key":"value"}"#);
        let (invoked, called) = measure(&server, &by_url)?;

        let target = invoked.median_ms() + MOST_MORE;
        Row::times(format!("{executor}: invoke a Python echo"), &invoked).print();
        let row = Row::times(format!("{executor}: the same by its URL"), &called);
        row.below(target).floor(invoked.median_ms()).print();
    }
    Ok(())
}

/// Gives the function a URL that everybody may call; its id.
fn give_url(server: &Server) -> Outcome<String> {
    let mut connection = server.connect()?;
    let mut post = |path: &str, body: serde_json::Value| {
        connection.succeed(&http::request("POST", path, body.to_string().as_bytes()))
    };
    let policy = "/2015-03-31/functions/echo/policy";
    let url = json!({ "StatementId": "url", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE" });
    let invoke = json!({ "StatementId": "invoke", "Principal": "*", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": true });
    post(policy, url)?;
    post(policy, invoke)?;
    let made = post("/2021-10-31/functions/echo/url", json!({ "AuthType": "NONE" }))?.json()?;
    let url = made["FunctionUrl"].as_str().unwrap_or_default();
    let id = url.trim_start_matches("https://").trim_start_matches("http://").split('.').next();

    Ok(id.unwrap_or_default().to_owned())
}

/// Both in turns, over a connection each: what else the machine does meets both alike.
fn measure(server: &Server, by_url: &[u8]) -> Outcome<(Samples, Samples)> {
    let invocation = package::invoke_request("echo");
    let (mut first, mut second) = (server.connect()?, server.connect()?);
    let (mut invoked, mut called): (Vec<Duration>, Vec<Duration>) = (Vec::new(), Vec::new());
    for pair in 0..WARM_UP + PAIRS {
        let started = Instant::now();
        first.succeed(&invocation)?;
        let between = Instant::now();
        second.succeed(by_url)?;
        if pair >= WARM_UP {
            invoked.push(between - started);
            called.push(between.elapsed());
        }
    }

    Ok((Samples::new(invoked), Samples::new(called)))
}
