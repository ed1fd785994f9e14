//! `CreateFunction` with durability always: every answer means that event and package are on disk.

use std::path::Path;

use crate::load::{self, CONNECTIONS};
use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors, package, store};

/// Functions created one after the other.
const SEQUENTIAL: usize = 1500;

/// Functions created by all connections together.
const TOGETHER: usize = 6000;

pub fn run(context: &Context) -> Outcome {
    let executor = context.executors[0];
    let floors = tempfile::tempdir()?;
    let append = floors::synced_append(floors.path())?;
    let file = floors::synced_file(floors.path())?;
    let alone = floors::sled_flush(floors.path(), 1)?;
    let batch = floors::sled_flush(floors.path(), CONNECTIONS)?;
    let per_second = 1000.0 * 32.0 / batch.median_ms();
    for functions in [0, 10_000] {
        let folder = tempfile::tempdir()?;
        store::prepare(&folder.path().join("store"), functions, 0)?;
        let server = Server::start(folder.path(), executor)?;
        let among = format!("among {functions}");
        Row::times(format!("sequential, {among}"), &sequential(&server)?).below(0.8).floor(alone.median_ms()).print();
        let rate = load::per_second(&server, &requests(30_000, TOGETHER).collect::<Vec<_>>(), CONNECTIONS)?;
        Row::figure(format!("{CONNECTIONS} connections, {among}"), "/s", rate)
            .at_least(3000.0)
            .floor(per_second)
            .print();
    }
    Row::times("floor, append of 500 bytes and fdatasync", &append).print();
    Row::times("floor, a file of its own for the package", &file).print();
    Row::times("floor, sled insert of 500 bytes, on disk", &alone).print();
    Row::figure("floor, sled inserts by 32, on disk", "/s", per_second).print();
    nothing_left(floors.path())
}

fn sequential(server: &Server) -> Outcome<Samples> {
    let requests: Vec<_> = requests(20_000, SEQUENTIAL).collect();
    let mut connection = server.connect()?;
    Samples::of(SEQUENTIAL, |number| connection.succeed(&requests[number]).map(drop))
}

/// Requests that create functions whose numbers begin at `first`.
fn requests(first: usize, count: usize) -> impl Iterator<Item = Vec<u8>> {
    (first..first + count).map(|number| package::create_request(&store::name(number), number))
}

/// The floors clean up behind themselves.
fn nothing_left(folder: &Path) -> Outcome {
    match std::fs::read_dir(folder)?.next() {
        Some(_) => Err("a floor left files".into()),
        None => Ok(()),
    }
}
