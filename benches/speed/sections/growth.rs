//! That no operation's time grows with the number of other resources, a policy's with its statements
//! only a little, and 50,000 calls of all kinds leave the last as fast as the first. The floor is the
//! same work among few.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::Connection;
use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, http, store};

/// Functions in a store with few of them, and with many.
const FEW: usize = 500;
const MANY: usize = 10_000;

/// Measurements of one operation, each on another function: a version that is published again changes nothing.
const COUNT: usize = FEW;

/// Statements of a policy: with the names used here, about as many as its 20 KB hold.
const STATEMENTS: usize = 100;

/// Calls of the mix, and what part of it is compared at either end.
const MIXED: usize = 50_000;
const PART: u32 = 10_000;

/// How much slower than among few still counts as not growing: a shared machine is no clock.
const GROWTH: f64 = 2.0;

/// An operation: its name, and its request on the function with a name, for the number of the call.
type Operation = (&'static str, fn(&str, usize) -> Vec<u8>);

const OPERATIONS: &[Operation] = &[
    ("GetFunction", |name, _| get(&format!("/2015-03-31/functions/{name}"))),
    ("GetFunctionConfiguration", |name, _| get(&format!("/2015-03-31/functions/{name}/configuration"))),
    ("ListFunctions of 50", |_, _| get("/2015-03-31/functions?MaxItems=50")),
    ("ListVersionsByFunction", |name, _| get(&format!("/2015-03-31/functions/{name}/versions"))),
    ("ListAliases", |name, _| get(&format!("/2015-03-31/functions/{name}/aliases"))),
    ("ListTags", |name, _| get(&format!("/2017-03-31/tags/{}", arn(name)))),
    ("GetAccountSettings", |_, _| get("/2016-08-19/account-settings")),
    ("PublishVersion", |name, _| post(&format!("/2015-03-31/functions/{name}/versions"), &json!({}))),
    ("CreateAlias", create_alias),
    ("TagResource", tag),
    ("PutFunctionEventInvokeConfig", |name, number| {
        let config = json!({ "MaximumRetryAttempts": number % 3 });
        request("PUT", &format!("/2019-09-25/functions/{name}/event-invoke-config"), &config)
    }),
    ("AddPermission", add_permission),
];

pub fn run(context: &Context) -> Outcome {
    let executor = context.executors[0];
    let few = tempfile::tempdir()?;
    let many = tempfile::tempdir()?;
    store::prepare(&few.path().join("store"), FEW, 0)?;
    store::prepare(&many.path().join("store"), MANY, 0)?;
    let few = (FEW, Server::start(few.path(), executor)?);
    let many = (MANY, Server::start(many.path(), executor)?);
    for (name, request) in OPERATIONS {
        let [few, many] = [&few, &many].map(|(functions, server)| measure(server, *functions, *request));
        print(&format!("{name} among {MANY}"), &few?, &many?);
    }
    print(
        &format!("AddPermission, {STATEMENTS}th statement"),
        &statements(&few.1, 1)?,
        &statements(&few.1, STATEMENTS)?,
    );
    mixed(&many.1)
}

/// Its floor is the first of the two.
fn print(name: &str, least: &Samples, samples: &Samples) {
    Row::times(name, samples).below(GROWTH * least.median_ms()).floor(least.median_ms()).print();
}

fn measure(server: &Server, functions: usize, request: fn(&str, usize) -> Vec<u8>) -> Outcome<Samples> {
    let requests: Vec<_> = (0..COUNT).map(|number| request(&function(number, functions), number)).collect();
    let mut connection = server.connect()?;
    Samples::of(COUNT, |number| connection.succeed(&requests[number]).map(drop))
}

/// Adding the statement that makes a policy this long; it is taken away again each time.
fn statements(server: &Server, length: usize) -> Outcome<Samples> {
    let name = store::name(FEW - length % 7 - 1);
    let mut connection = server.connect()?;
    remove_all(&mut connection, &name)?;
    for number in 1..length {
        connection.succeed(&add_permission(&name, number))?;
    }
    let mut times = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let began = Instant::now();
        connection.succeed(&add_permission(&name, length))?;
        times.push(began.elapsed());
        connection.succeed(&remove_permission(&name, &sid(length)))?;
    }
    Ok(Samples::new(times))
}

/// Other measurements may have left statements.
fn remove_all(connection: &mut Connection<TcpStream>, name: &str) -> Outcome {
    let answer = connection.ask(&get(&format!("/2015-03-31/functions/{name}/policy")))?;
    if answer.status() == 404 {
        return Ok(());
    }
    let policy: Value = serde_json::from_str(answer.json()?["Policy"].as_str().ok_or("no policy")?)?;
    for statement in policy["Statement"].as_array().ok_or("no statements")? {
        connection.succeed(&remove_permission(name, statement["Sid"].as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// All kinds of calls in turn, on all functions; those that make something take it away again.
fn mixed(server: &Server) -> Outcome {
    let mut connection = server.connect()?;
    let mut times: Vec<Duration> = Vec::with_capacity(MIXED);
    while times.len() < MIXED {
        let number = times.len();
        let name = function(number, MANY);
        let round = [
            get(&format!("/2015-03-31/functions/{name}")),
            add_permission(&name, MIXED + number),
            get(&format!("/2015-03-31/functions/{name}/policy")),
            remove_permission(&name, &sid(MIXED + number)),
            tag(&name, number),
            get(&format!("/2017-03-31/tags/{}", arn(&name))),
            get("/2015-03-31/functions?MaxItems=50"),
            create_alias(&name, MIXED + number),
            get(&format!("/2015-03-31/functions/{name}/aliases/alias-{}", MIXED + number)),
            request("DELETE", &format!("/2015-03-31/functions/{name}/aliases/alias-{}", MIXED + number), &Value::Null),
        ];
        for call in round {
            let began = Instant::now();
            connection.succeed(&call)?;
            times.push(began.elapsed());
        }
    }
    let (first, last) = (&times[..PART as usize], &times[times.len() - PART as usize..]);
    let mean = |times: &[Duration]| (times.iter().sum::<Duration>() / PART).as_secs_f64() * 1000.0;
    Row::figure(format!("mean of the last {PART} of {MIXED} calls"), "ms", mean(last))
        .below(GROWTH * mean(first))
        .floor(mean(first))
        .print();
    Ok(())
}

/// All functions, in no order.
fn function(number: usize, functions: usize) -> String {
    store::name(number * 7919 % functions)
}

fn sid(number: usize) -> String {
    format!("s{number}")
}

fn add_permission(name: &str, number: usize) -> Vec<u8> {
    let statement =
        json!({ "StatementId": sid(number), "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com" });
    post(&format!("/2015-03-31/functions/{name}/policy"), &statement)
}

fn remove_permission(name: &str, sid: &str) -> Vec<u8> {
    request("DELETE", &format!("/2015-03-31/functions/{name}/policy/{sid}"), &Value::Null)
}

fn create_alias(name: &str, number: usize) -> Vec<u8> {
    let alias = json!({ "Name": format!("alias-{number}"), "FunctionVersion": "$LATEST" });
    post(&format!("/2015-03-31/functions/{name}/aliases"), &alias)
}

fn tag(name: &str, number: usize) -> Vec<u8> {
    post(&format!("/2017-03-31/tags/{}", arn(name)), &json!({ "Tags": { "number": number.to_string() } }))
}

fn arn(name: &str) -> String {
    format!("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3A{name}")
}

fn get(path: &str) -> Vec<u8> {
    http::request("GET", path, b"")
}

fn post(path: &str, body: &Value) -> Vec<u8> {
    request("POST", path, body)
}

fn request(method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    http::request(method, path, body.as_bytes())
}
