//! What is remembered of invocations.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::invoke::record::{Collector, RecordPolicy, Recorded};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// Which invocations are remembered, and how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Records of invocations")]
pub struct RecordOptions {
    /// Which invocations are remembered, with event, answer, log and what they called: `larder invocations` shows them
    #[arg(long, env = "LARDER_RECORD", default_value = "all", value_enum)]
    pub record: RecordChoice,
    /// Bytes of disk that records may take; beyond it, those of the functions that ran least recently go
    #[arg(long, env = "LARDER_RECORD_BUDGET", default_value_t = 256 << 20, value_parser = clap::value_parser!(u64).range(1 << 20..), value_name = "BYTES")]
    pub record_budget: u64,
    /// Days that they are kept
    #[arg(long, env = "LARDER_RECORD_DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=3650), value_name = "DAYS")]
    pub record_days: u64,
    /// Address at which an OpenTelemetry collector takes protobuf over HTTP, such as `http://127.0.0.1:4318`: it is told of
    /// each invocation as a trace, and of their numbers
    #[arg(long, env = "LARDER_OTLP", value_name = "URL")]
    pub otlp: Option<Collector>,
}

/// Which invocations are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordChoice {
    /// None
    Off,
    /// Those that failed
    Errors,
    /// All
    All,
}

impl RecordOptions {
    /// What they come to.
    pub fn policy(&self) -> RecordPolicy {
        let which = match self.record {
            RecordChoice::Off => Recorded::Off,
            RecordChoice::Errors => Recorded::Errors,
            RecordChoice::All => Recorded::All,
        };
        RecordPolicy { which, budget: self.record_budget, age: Duration::from_secs(self.record_days * DAY) }
    }
}
