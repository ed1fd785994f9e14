//! Opening a store whose checkpoints are gone: every event is read, checked, decoded and applied.

use std::path::Path;

use larder::ledger::Ledger;

use crate::report::Row;
use crate::samples::Samples;
use crate::{Context, Outcome, store};

/// Runs of each.
const RUNS: usize = 3;

/// Updates of each function: 2 + 2 × 4 = 10 events.
const UPDATES: usize = 4;

pub fn run(_: &Context) -> Outcome {
    for events in [10_000, 100_000] {
        let folder = tempfile::tempdir()?;
        store::prepare(folder.path(), events / 10, UPDATES)?;
        let replayed = Samples::of(RUNS, |_| replay(folder.path(), events as u64))?;
        let floor = Samples::of(RUNS, |_| scan(folder.path(), events))?;
        let row = Row::median(format!("{events} events"), &replayed).floor(floor.median_ms());
        let row = if events == 100_000 { row.below(1000.0) } else { row };
        row.print();
        Row::median("floor, sled opened and the bytes read", &floor).print();
    }
    Ok(())
}

fn replay(folder: &Path, events: u64) -> Outcome {
    std::fs::remove_dir_all(folder.join("checkpoints"))?;
    let ledger = Ledger::open(store::options(folder))?;
    let sequence = ledger.state().sequence;
    ledger.close()?;
    if sequence == events { Ok(()) } else { Err(format!("{sequence} events of {events} were replayed").into()) }
}

fn scan(folder: &Path, events: usize) -> Outcome {
    let db = sled::Config::new().path(folder.join("sled")).cache_capacity(8 << 20).flush_every_ms(None).open()?;
    let frames = db.open_tree("events")?;
    let mut count = 0;
    for entry in &frames {
        count += usize::from(!entry?.1.is_empty());
    }
    if count == events { Ok(()) } else { Err(format!("{count} events of {events} are in the store").into()) }
}
