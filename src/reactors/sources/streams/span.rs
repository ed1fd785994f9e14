//! The time of a tumbling window.

use crate::model::time::Timestamp;
use crate::runs::cursors::OpenWindow;

/// From the start of a window to before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
}

impl Span {
    /// The window of so many seconds in which something came then, in seconds: windows begin at multiples of their length.
    pub fn of(arrived: f64, length_s: u32) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // A time of a record: what is no time reads as one far away.
        let arrived = (arrived * 1000.0).round() as u64;
        let length = u64::from(length_s.max(1)) * 1000;
        let start = arrived - arrived % length;
        Self { start: Timestamp(start), end: Timestamp(start.saturating_add(length)) }
    }

    /// That of an open window.
    pub fn of_open(window: &OpenWindow) -> Self {
        Self { start: window.start, end: window.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_multiples_of_their_length() {
        assert_eq!(Span::of(125.9, 60), Span { start: Timestamp(120_000), end: Timestamp(180_000) });
        assert_eq!(Span::of(120.0, 60).start, Timestamp(120_000));
        assert_eq!(Span::of(119.999, 60).end, Timestamp(120_000));
    }
}
