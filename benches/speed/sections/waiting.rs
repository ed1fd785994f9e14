//! Events that wait: how soon one is on disk, how fast many are taken, and what they cost in memory and at the start.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use larder::ledger::{Durability, Ledger, LedgerOptions};
use larder::runs::WaitingEvent;
use larder::runs::command::RunCommand;

use crate::report::Row;
use crate::samples::Samples;
use crate::server::resident_mb_of;
use crate::{Context, Outcome, floors, store};

/// Events one after the other.
const SEQUENTIAL: usize = 1000;

/// Events that are on their way to the writer at once.
const AT_ONCE: usize = 500;

/// How long the engine of a store that was just closed may hold its files.
const LET_GO: Duration = Duration::from_secs(10);

/// Bytes of a payload.
const PAYLOAD: usize = 500;

pub fn run(context: &Context) -> Outcome {
    let folder = tempfile::tempdir()?;
    store::prepare(folder.path(), 1, 0)?;
    let append = floors::synced_append(folder.path())?;
    let options = LedgerOptions { durability: Durability::Always, ..store::options(folder.path()) };
    let ledger = Ledger::open(options.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let alone = Samples::of(SEQUENTIAL, |number| runtime.block_on(accept(&ledger, number)))?;
    Row::times("an event, one after the other", &alone).below(1.0).floor(append.median_ms()).print();

    let (before, began) = (resident_mb_of(std::process::id())?, Instant::now());
    for first in (0..context.calls).step_by(AT_ONCE) {
        let numbers = first..context.calls.min(first + AT_ONCE);
        runtime.block_on(try_join_all(numbers.map(|number| accept(&ledger, number))))?;
    }
    let rate = f64::from(u32::try_from(context.calls)?) / began.elapsed().as_secs_f64();
    Row::figure(format!("{} events, {AT_ONCE} at once", context.calls), "/s", rate).at_least(5000.0).print();
    let grown = resident_mb_of(std::process::id())? - before;
    Row::figure(format!("memory of {} events that wait", context.calls), "MB", grown).print();
    Row::figure("disk of the store", "MB", size_mb(folder.path())?).print();
    ledger.close()?;
    drop(ledger);

    let opened: Outcome<Vec<_>> = (0..3).map(|_| opening(&options)).collect();
    Row::median(format!("opening the store, {} events wait", context.calls), &Samples::new(opened?)).print();
    Ok(())
}

/// How long a store takes to open, once the engine of the one before has let its files go.
fn opening(options: &LedgerOptions) -> Outcome<Duration> {
    let patience = Instant::now();
    loop {
        let began = Instant::now();
        match Ledger::open(options.clone()) {
            Err(error) if error.is_held() && patience.elapsed() < LET_GO => {
                std::thread::sleep(Duration::from_millis(50));
            }
            opened => {
                let ledger = opened?;
                let took = began.elapsed();
                ledger.close()?;
                return Ok(took);
            }
        }
    }
}

async fn accept(ledger: &Ledger, number: usize) -> Outcome {
    let function = store::key(0);
    let event = WaitingEvent { request_id: format!("{number:036}"), ..WaitingEvent::of(function) };
    let payload = vec![b'x'; PAYLOAD].into();
    ledger.commit_run(RunCommand::Accept { event: Box::new(event), payload }).await?;
    Ok(())
}

/// Bytes of all files below a folder, in MB.
fn size_mb(folder: &Path) -> Outcome<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        bytes += if path.is_dir() { size_mb(&path)? } else { f64::from(u32::try_from(path.metadata()?.len())?) / 1e6 };
    }
    Ok(bytes)
}
