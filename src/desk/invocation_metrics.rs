//! Metrics of invocations that ran before the server did, from what is remembered of them.

use serde::Deserialize;

use crate::invoke::metrics::{Counted, Metrics, Ran};
use crate::invoke::record::End;
use crate::ledger::log_lines::{LinePosition, Order};
use crate::ledger::point::Point;
use crate::ledger::{Ledger, LedgerError};
use crate::model::arn::Arn;
use crate::model::qualifier::{Qualifier, Version};

/// What is needed of a record.
#[derive(Debug, Deserialize)]
struct Remembered {
    function: String,
    qualifier: Option<String>,
    version: String,
    started: String,
    end: End,
    duration_ms: f64,
}

/// Takes what is remembered of invocations before the server began into its metrics. Blocking.
///
/// # Errors
/// The store cannot be read.
pub fn recall(ledger: &Ledger, metrics: &Metrics) -> Result<(), LedgerError> {
    let range = LinePosition::start_of(0)..LinePosition::start_of(metrics.since().0);
    for line in ledger.records().search(None, false, range, Order::OldestFirst) {
        let Ok(record) = serde_json::from_str::<Remembered>(&line?.text) else { continue };
        if let Some(begun) = record.begun() {
            metrics.recall(&begun, record.end, record.duration_ms);
        }
    }
    Ok(())
}

impl Remembered {
    fn begun(&self) -> Option<Counted> {
        let function = Arn::parse(&self.function)?.function_key()?;
        let Ok(Point::Time(at)) = self.started.parse::<Point>() else { return None };
        let qualifier = self.qualifier.as_deref().map(Qualifier::parse);
        Some(Counted { function, ran: Ran { qualifier, version: Version::parse(&self.version)? }, at })
    }
}
