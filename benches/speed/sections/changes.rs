//! The smallest durable change, a tag: how soon it is on disk, beside what the disk itself takes.

use serde_json::json;

use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors, http, load, store};

/// Functions that have tags.
const FUNCTIONS: usize = 1000;

/// Changes one after the other.
const SEQUENTIAL: usize = 2000;

/// Changes of all connections together.
const TOGETHER: usize = 20_000;

pub fn run(context: &Context) -> Outcome {
    let folder = tempfile::tempdir()?;
    store::prepare(&folder.path().join("store"), FUNCTIONS, 0)?;
    let append = floors::synced_append(folder.path())?;
    let server = Server::start(folder.path(), context.executors[0])?;
    let mut connection = server.connect()?;
    let alone = Samples::of(SEQUENTIAL, |number| connection.succeed(&tag(number)).map(drop))?;
    let requests: Vec<_> = (SEQUENTIAL..SEQUENTIAL + TOGETHER).map(tag).collect();
    let rate = load::per_second(&server, &requests, load::CONNECTIONS)?;
    let floor = append.median_ms();
    Row::times("TagResource, one after the other", &alone).below(1.0).floor(floor).print();
    Row::figure(format!("TagResource, {} connections", load::CONNECTIONS), "/s", rate).at_least(5000.0).print();
    Row::times("floor, append of 500 bytes and fdatasync", &append).print();
    Ok(())
}

fn tag(number: usize) -> Vec<u8> {
    let name = store::name(number % FUNCTIONS);
    let path = format!("/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3A{name}");
    http::request("POST", &path, json!({ "Tags": { "number": number.to_string() } }).to_string().as_bytes())
}
