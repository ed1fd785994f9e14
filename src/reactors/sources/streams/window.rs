//! Tumbling windows: records are put together by when they came, and what the function makes of them goes from call to call
//! until the window is over. AWS documents them, and nothing of them is recorded.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html>.

use super::span::Span;
use super::work::{After, Work};
use crate::model::time::Timestamp;
use crate::reactors::sources::source::{Outcome, Verdict};
use crate::runs::cursors::OpenWindow;

/// The largest state; one that is larger ends its window.
const MAX_STATE: usize = 1024 * 1024;

/// How long after its end a window waits for records, in milliseconds. AWS waits up to two minutes; a record is there when it
/// has come.
const GRACE_MS: u64 = 1000;

/// What is known of a shard when it is asked whether its open window is over.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What the function gets next, if something waits.
    pub next: Option<&'a Work>,
    /// When the shard was asked that had nothing then.
    pub empty: Option<Timestamp>,
    /// Whether the shard gets no more.
    pub is_over: bool,
    /// Whether the mapping has windows still.
    pub has_windows: bool,
}

/// Whether a window is over.
pub fn is_over(window: &OpenWindow, seen: Seen<'_>) -> bool {
    if window.is_early || !seen.has_windows {
        return true;
    }
    match seen.next {
        Some(next) => next.span != Some(Span::of_open(window)),
        None => seen.is_over || seen.empty.is_some_and(|empty| empty.0 > window.end.0.saturating_add(GRACE_MS)),
    }
}

/// The window that is open after a call.
pub fn after(before: Option<OpenWindow>, work: &Work, outcome: &Outcome, after: &After) -> Option<OpenWindow> {
    if work.is_end {
        let again = after.again.first();
        return before.and_then(|window| again.map(|work| OpenWindow { failures: work.failures, ..window }));
    }
    let state = outcome.call.as_ref().and_then(|call| call.state.clone());
    let is_done = matches!(outcome.verdict, Verdict::Done | Verdict::Partly(_));
    match (work.span, state) {
        (Some(Span { start, end }), Some(state)) if is_done => {
            let is_early = state.len() > MAX_STATE;
            Some(OpenWindow { start, end, state, is_early, failures: 0 })
        }
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(is_early: bool) -> OpenWindow {
        let Span { start, end } = Span::of(125.9, 60);
        OpenWindow { start, end, state: "{}".to_owned(), is_early, failures: 0 }
    }

    #[test]
    fn a_window_is_over_when_nothing_can_come_for_it() {
        let quiet = Seen { next: None, empty: None, is_over: false, has_windows: true };
        assert!(!is_over(&window(false), quiet));
        assert!(
            !is_over(&window(false), Seen { empty: Some(Timestamp(180_900)), ..quiet }),
            "records may be on their way"
        );
        assert!(is_over(&window(false), Seen { empty: Some(Timestamp(181_001)), ..quiet }));
        assert!(is_over(&window(false), Seen { is_over: true, ..quiet }));
        assert!(is_over(&window(false), Seen { has_windows: false, ..quiet }));
        assert!(is_over(&window(true), quiet), "its state is too large");
        let work = |arrived| Work { span: Some(Span::of(arrived, 60)), ..Work::default() };
        let same = work(179.9);
        assert!(!is_over(&window(false), Seen { next: Some(&same), is_over: true, ..quiet }));
        assert!(is_over(&window(false), Seen { next: Some(&work(180.0)), ..quiet }));
    }
}
