//! What is remembered of an invocation: its event and its end, its log, where and when it ran, and what it called.

mod answers;
mod draft;
mod learnt;
mod recorder;
mod shape;
mod telemetry;

pub use self::answers::{Answers, Asked, masked};
pub use self::draft::{Draft, Drafts};
pub use self::learnt::About;
pub(super) use self::learnt::end;
pub use self::recorder::{RecordPolicy, Recorded, Recorder};
#[cfg(test)]
pub use self::shape::sample;
pub use self::shape::{Call, End, Payload, Record, Trigger};
pub use self::telemetry::{Collector, Telemetry};
