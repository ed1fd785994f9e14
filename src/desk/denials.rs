//! Who was refused lately, and what decided it.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

/// As many are remembered; the server's log has those before.
const REMEMBERED: usize = 1000;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// The id of the call, as its answer's header `x-amzn-requestid` has it.
    pub request_id: String,
    /// When, in ISO 8601.
    pub time: String,
    /// Who called.
    pub caller: String,
    /// What they wanted to do.
    pub action: String,
    /// To what.
    pub resource: String,
    /// Which statement of which policy denied it, or which policy would have to allow it.
    pub decided_by: String,
    /// What conditions could ask about: keys and their values.
    pub context: Vec<(String, Vec<String>)>,
    /// What the caller was told.
    pub message: String,
}

/// Refusals, the newest last.
#[derive(Debug, Default)]
pub struct Denials(Mutex<VecDeque<Denied>>);

impl Denials {
    /// Remembers a refusal.
    pub fn note(&self, denied: Denied) {
        let mut remembered = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(denied);
    }

    /// The refusals of a call, or the latest ones, newest first.
    pub fn of(&self, request_id: Option<&str>) -> Vec<Denied> {
        let remembered = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_meant = |denied: &&Denied| request_id.is_none_or(|id| denied.request_id == id);
        remembered.iter().rev().filter(is_meant).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(number: usize) -> Denied {
        Denied {
            request_id: format!("id-{number}"),
            time: "2026-11-30T10:00:00.000Z".into(),
            caller: "c".into(),
            action: "a".into(),
            resource: "r".into(),
            decided_by: "d".into(),
            context: Vec::new(),
            message: "m".into(),
        }
    }

    #[test]
    fn the_latest_are_remembered() {
        let denials = Denials::default();
        (0..REMEMBERED + 5).for_each(|number| denials.note(denied(number)));
        let all = denials.of(None);
        assert_eq!((all.len(), all[0].request_id.as_str()), (REMEMBERED, "id-1004"));
        assert_eq!(denials.of(Some("id-7")), [denied(7)]);
        assert_eq!(denials.of(Some("id-4")), [], "is forgotten");
    }
}
