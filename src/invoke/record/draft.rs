//! Records in the making. One is made when nobody can add to it any more: the caller may be told before the extensions are
//! done, and what the function called may be answered after both.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answers::Answers;
use super::learnt::{About, Drafted, Learnt, end};
use super::recorder::Recorder;
use super::shape::{Call, End};
use crate::environments::{Completed, Place};

/// Calls of one invocation that are remembered.
const CALLS: usize = 200;

/// Those of the invocations that run, by their request ids: for what happens on their behalf.
#[derive(Debug, Clone, Default)]
pub struct Drafts(Arc<Mutex<HashMap<String, Weak<Draft>>>>);

impl Drafts {
    /// Begins the record of an invocation, if it is to be remembered.
    pub fn begin(&self, about: About, recorder: &Recorder) -> Option<Arc<Draft>> {
        if !recorder.wants_drafts() {
            return None;
        }
        let request_id = about.request_id.clone();
        let (drafts, recorder) = (self.clone(), recorder.clone());
        let (about, begun) = (Some(about), Instant::now());
        let draft = Arc::new(Draft { about, begun, learnt: Mutex::default(), recorder, drafts });
        self.all().insert(request_id, Arc::downgrade(&draft));
        Some(draft)
    }

    /// The draft of a running invocation.
    pub fn get(&self, request_id: &str) -> Option<Arc<Draft>> {
        self.all().get(request_id)?.upgrade()
    }

    /// Forgets an invocation, unless another attempt of it runs.
    fn end(&self, request_id: &str) {
        let mut all = self.all();
        if all.get(request_id).is_some_and(|draft| draft.strong_count() == 0) {
            all.remove(request_id);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Weak<Draft>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record in the making.
#[derive(Debug)]
pub struct Draft {
    about: Option<About>,
    begun: Instant,
    learnt: Mutex<Learnt>,
    recorder: Recorder,
    drafts: Drafts,
}

impl Draft {
    /// What its calls are answered with, instead of being asked.
    pub fn answers(&self) -> Option<&Answers> {
        self.about.as_ref()?.answers.as_deref()
    }

    /// How long the invocation was under way at a moment.
    pub fn age_at(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.begun)
    }

    /// An environment got it.
    pub fn placed(&self, place: Place) {
        self.learnt().place = Some(place);
    }

    /// It ended.
    pub fn completed(&self, completed: &Completed) {
        let mut learnt = self.learnt();
        learnt.end.get_or_insert_with(|| end(&completed.outcome));
        learnt.log.clone_from(&completed.output);
        (learnt.duration, learnt.init, learnt.restore) = (completed.duration, completed.init, completed.restore);
        learnt.max_memory_bytes = completed.max_memory_bytes;
    }

    /// Its caller is told.
    pub fn answered(&self, end: End, answer: Option<Bytes>) {
        let mut learnt = self.learnt();
        learnt.end = Some(end);
        learnt.answer = answer;
    }

    /// It is not to be remembered.
    pub fn forget(&self) {
        self.learnt().forgotten = true;
    }

    /// A call that it made was answered.
    pub fn called(&self, call: Call) {
        let mut learnt = self.learnt();
        if learnt.calls.len() < CALLS {
            learnt.calls.push(call);
        } else {
            learnt.more_calls += 1;
        }
    }

    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let learnt = std::mem::take(self.learnt.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(about) = self.about.take() {
            self.drafts.end(&about.request_id);
            if !learnt.forgotten {
                self.recorder.take(Drafted { about, learnt });
            }
        }
    }
}
