//! The single writer: decide, append, flush once per batch, apply, publish, answer.

use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::checkpoint::{CheckpointPolicy, Folder};
use super::log::Log;
use super::replay::Progress;
use super::{Attachment, CommitError, Committed, Job, LedgerError, codec};
use crate::clock;
use crate::model::command::Stamp;
use crate::model::decide::decide;
use crate::model::event::Recorded;
use crate::model::limits::Limits;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// Commands that share one flush at most.
const BATCH: usize = 256;

/// The writer's own things; nobody else appends.
pub struct Writer {
    log: Arc<Log>,
    checkpoints: Folder,
    published: Arc<ArcSwap<State>>,
    announce: watch::Sender<u64>,
    limits: Limits,
    time: Timestamp,
    checkpoint: u64,
    /// Bytes of events since the last checkpoint.
    bytes: u64,
    policy: CheckpointPolicy,
    checkpointer: Option<JoinHandle<()>>,
}

/// A batch that was decided and is not yet on disk. Nothing of it may be seen before it is.
#[must_use = "a decided batch must be stored or its callers told"]
struct Decided {
    state: State,
    frames: Vec<(u64, Vec<u8>)>,
    blobs: Vec<Attachment>,
    answers: Vec<Answer>,
}

/// What a job's caller will be told, and where.
type Answer = (oneshot::Sender<Result<Committed, CommitError>>, Result<Committed, CommitError>);

impl Writer {
    /// A writer that goes on after `progress`.
    pub fn new(
        log: Arc<Log>,
        checkpoints: Folder,
        published: Arc<ArcSwap<State>>,
        announce: watch::Sender<u64>,
        limits: Limits,
        policy: CheckpointPolicy,
        progress: &Progress,
    ) -> Self {
        let Progress { checkpoint, time } = *progress;
        Self { log, checkpoints, published, announce, limits, time, checkpoint, bytes: 0, policy, checkpointer: None }
    }

    /// Runs the writer in a thread of its own until all senders are gone.
    pub fn spawn(mut self, mut jobs: mpsc::Receiver<Job>) -> JoinHandle<()> {
        let run = move || {
            let mut batch = Vec::with_capacity(BATCH);
            while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
                self.commit(batch.drain(..));
                self.checkpoint_if_due();
            }
            if let Some(checkpointer) = self.checkpointer.take() {
                let _ = checkpointer.join();
            }
        };
        std::thread::Builder::new().name("ledger".into()).spawn(run).expect("the system can start a thread")
    }

    fn commit(&mut self, jobs: impl Iterator<Item = Job>) {
        let decided = self.decide(jobs);
        let bytes: usize = decided.frames.iter().map(|(_, frame)| frame.len()).sum();
        let stored = if decided.frames.is_empty() { Ok(()) } else { self.log.append(decided.frames, &decided.blobs) };
        match stored {
            Ok(()) => {
                self.bytes += bytes as u64;
                let sequence = decided.state.sequence;
                self.published.store(Arc::new(decided.state));
                self.announce.send_replace(sequence);
                for (reply, answer) in decided.answers {
                    let _ = reply.send(answer);
                }
            }
            Err(error) => fail(decided.answers, error),
        }
    }

    /// Decides each job on the state after the ones before it.
    fn decide(&mut self, jobs: impl Iterator<Item = Job>) -> Decided {
        let state = (**self.published.load()).clone();
        let mut batch = Decided { state, frames: Vec::new(), blobs: Vec::new(), answers: Vec::new() };
        for job in jobs {
            let stamp = stamp(self.time);
            self.time = stamp.time;
            let answer = self.decide_one(&mut batch, &job, &stamp);
            if answer.is_ok() {
                batch.blobs.extend(job.attachments);
            }
            batch.answers.push((job.reply, answer));
        }
        batch
    }

    fn decide_one(&self, batch: &mut Decided, job: &Job, stamp: &Stamp) -> Result<Committed, CommitError> {
        let decision = decide(&batch.state, &job.command, stamp, &self.limits)?;
        let mut frames = Vec::with_capacity(decision.events.len());
        for (sequence, event) in (batch.state.sequence + 1..).zip(&decision.events) {
            let recorded = Recorded { sequence, time: stamp.time, origin: job.origin.clone(), event: event.clone() };
            let frame = codec::encode(&recorded).map_err(|error| CommitError::Storage(Arc::new(error.into())))?;
            frames.push((sequence, frame));
        }
        batch.frames.extend(frames);
        decision.events.iter().for_each(|event| batch.state.apply(event));
        Ok(Committed { state: Arc::new(batch.state.clone()), shows: decision.shows, stamp: *stamp })
    }

    /// Writes a checkpoint in the background when enough events have come since the last one.
    fn checkpoint_if_due(&mut self) {
        let state = self.published.load_full();
        let busy = self.checkpointer.as_ref().is_some_and(|running| !running.is_finished());
        let due = state.sequence >= self.checkpoint + self.policy.events || self.bytes >= self.policy.bytes;
        if busy || !due || state.sequence == self.checkpoint {
            return;
        }
        self.bytes = 0;
        self.checkpoint = state.sequence;
        let (checkpoints, log) = (self.checkpoints.clone(), Arc::clone(&self.log));
        let write = move || {
            // What it holds must not be more than the journal has on disk.
            let written = log.sync_journal().and_then(|()| checkpoints.write(&state));
            log.health().note("checkpoints", &written);
            if let Err(error) = written {
                tracing::warn!(%error, sequence = state.sequence, "a checkpoint could not be written; the log is not affected");
            }
        };
        self.checkpointer = std::thread::Builder::new().name("checkpoint".into()).spawn(write).ok();
    }
}

/// Tells every caller of a batch that it was not stored.
fn fail(answers: Vec<Answer>, error: LedgerError) {
    tracing::error!(%error, "a batch of changes could not be stored");
    let error = Arc::new(error);
    for (reply, answer) in answers {
        // A refusal was decided on a state that may hold unstored changes: it is not the truth either.
        drop(answer);
        let _ = reply.send(Err(CommitError::Storage(Arc::clone(&error))));
    }
}

/// Time and seed for a command decided now; never before `last`.
pub fn stamp(last: Timestamp) -> Stamp {
    Stamp { time: clock::now().max(last), seed: Uuid::new_v4() }
}
