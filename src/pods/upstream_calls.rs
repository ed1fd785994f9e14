//! Calls that made the state of an upstream, as it recorded them: a part of a pod that Larder hands back as it came.

use serde::{Deserialize, Serialize};

use super::lines::{self, LinesPart, LinesWriter, WrittenLines};
use super::read::Pod;
use super::{PodError, UPSTREAM};

/// What a reader takes: they are held in memory on their way to an upstream.
const PART: LinesPart =
    LinesPart { path: UPSTREAM, most: 256 * 1024 * 1024, most_of_line: 128 * 1024 * 1024, most_lines: 1_000_000 };

/// A call that an upstream recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamCall {
    /// The service whose endpoint recorded it; none: that of all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The call, as only the upstream reads it.
    pub call: String,
}

/// Writes them, in their order.
///
/// # Errors
/// The file cannot be written, or no reader would take so many.
pub(super) fn write(calls: &[UpstreamCall]) -> Result<WrittenLines, PodError> {
    let mut lines = LinesWriter::new(PART)?;
    for call in calls {
        lines.add(serde_json::to_string(call)?)?;
    }
    lines.end()
}

/// Those of a pod; `None` where it has none.
///
/// # Errors
/// A line is none, or there are more than any Larder writes.
pub fn of(pod: &Pod) -> Result<Option<Vec<UpstreamCall>>, PodError> {
    lines::read(PART, (&pod.manifest, pod.folder()), |line| {
        serde_json::from_slice(line).map_err(|error| format!("is no call of an upstream: {error}"))
    })
}
