//! The single writer: decide, append, flush once per batch, apply, publish, answer.

use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::checkpoint::CheckpointPolicy;
use super::journal::Record;
use super::log::Log;
use super::machine::{Checkpoints, Configured, Machine, UnderWay};
use super::replay::Progress;
use super::runs_checkpoint::RunsCheckpoint;
use super::{CommitError, Committed, Job, LedgerError, RunsTold};
use crate::clock;
use crate::model::command::Stamp;
use crate::model::event::Origin;
use crate::model::limits::Limits;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::runs::state::Runs;

/// Commands that share one flush at most.
const BATCH: usize = 256;

/// Bytes of an entry of what is under way in a checkpoint, and as many again: less than half of what is written to the disk
/// goes to checkpoints.
const BYTES_OF_ENTRY: u64 = 64;

/// Where a machine's states are published.
pub struct Published<S> {
    /// The newest.
    pub state: Arc<ArcSwap<S>>,
    /// Hears the sequence of each.
    pub announce: watch::Sender<u64>,
}

impl<S> Published<S> {
    /// Publishes a state, if it is another.
    fn publish(&self, state: S, sequence: u64) {
        if sequence != *self.announce.borrow() {
            self.state.store(Arc::new(state));
            self.announce.send_replace(sequence);
        }
    }
}

/// The writer's own things; nobody else appends.
pub struct Writer {
    log: Arc<Log>,
    checkpoints: Checkpoints,
    model: Published<State>,
    runs: Published<Runs>,
    limits: Limits,
    policy: CheckpointPolicy,
    progress: Progress,
    /// Bytes of events since the last checkpoint.
    bytes: u64,
    checkpointer: Option<JoinHandle<()>>,
}

/// A batch that was decided and is not yet on disk. Nothing of it may be seen before it is.
#[must_use = "a decided batch must be stored or its callers told"]
struct Decided {
    model: State,
    runs: Runs,
    record: Record,
    answers: Vec<Answered>,
}

/// What a job's caller will be told, and where.
type Answered = (oneshot::Sender<Result<Committed, CommitError>>, Result<Committed, CommitError>);

/// What a command leads to on one machine.
struct Planned<M: Machine> {
    state: M::State,
    frames: Vec<Vec<u8>>,
    shows: M::Shows,
}

/// Decides a command on a state, and writes the frames of its events.
fn plan<M: Machine>(
    state: &M::State,
    command: &M::Command,
    (stamp, origin): (&Stamp, &Origin),
    beside: M::Beside<'_>,
) -> Result<Planned<M>, CommitError> {
    let (events, shows) = M::decide(state, command, stamp, beside)?;
    let mut planned = Planned::<M> { state: state.clone(), frames: Vec::with_capacity(events.len()), shows };

    for event in events {
        let sequence = M::sequence(&planned.state) + 1;
        let frame = M::encode(sequence, stamp, origin, &event);
        planned.frames.push(frame.map_err(|error| CommitError::Storage(Arc::new(error.into())))?);
        M::apply(&mut planned.state, sequence, &event);
    }

    Ok(planned)
}

impl Writer {
    /// A writer that goes on after `progress`.
    pub fn new(
        log: Arc<Log>,
        checkpoints: Checkpoints,
        (model, runs): (Published<State>, Published<Runs>),
        limits: Limits,
        policy: CheckpointPolicy,
        progress: Progress,
    ) -> Self {
        Self { log, checkpoints, model, runs, limits, policy, progress, bytes: 0, checkpointer: None }
    }

    /// Runs the writer in a thread of its own until all senders are gone.
    pub fn spawn(mut self, mut jobs: mpsc::Receiver<Job>) -> JoinHandle<()> {
        let run = move || {
            let mut batch = Vec::with_capacity(BATCH);
            // A start that had much to replay leaves the next one less.
            self.checkpoint_if_due();
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
        match self.log.append(decided.record) {
            Ok(bytes) => {
                self.bytes += bytes;
                let model = decided.model.sequence;
                let runs = decided.runs.sequence;
                self.model.publish(decided.model, model);
                self.runs.publish(decided.runs, runs);
                for (reply, answer) in decided.answers {
                    let _ = reply.send(answer);
                }
            }
            Err(error) => fail(decided.answers, error),
        }
    }

    /// Decides each job on the states after the ones before it.
    fn decide(&mut self, jobs: impl Iterator<Item = Job>) -> Decided {
        let model = (**self.model.state.load()).clone();
        let record = Record { first: model.sequence + 1, ..Record::default() };
        let mut batch = Decided { model, runs: (**self.runs.state.load()).clone(), record, answers: Vec::new() };
        for job in jobs {
            let stamp = stamp(self.progress.time);
            self.progress.time = stamp.time;
            let answer = self.decide_one(&mut batch, &job, &stamp);
            if answer.is_ok() {
                batch.record.blobs.extend(job.attachments);
            }
            batch.answers.push((job.reply, answer));
        }

        // What is attached to a command that changed nothing is not needed.
        if batch.record.frames.is_empty() && batch.record.runs.is_empty() {
            batch.record.blobs.clear();
        }
        batch
    }

    /// Decides a job on both machines: what is under way on what is configured after the job's own change.
    fn decide_one(&self, batch: &mut Decided, job: &Job, stamp: &Stamp) -> Result<Committed, CommitError> {
        let by = (stamp, &job.origin);
        let model = job.model.as_ref().map(|command| plan::<Configured>(&batch.model, command, by, &self.limits));
        let model = model.transpose()?;
        let configured = model.as_ref().map_or(&batch.model, |planned| &planned.state);
        let runs = job.runs.as_ref().map(|command| plan::<UnderWay>(&batch.runs, command, by, configured));
        let runs = runs.transpose()?;

        let mut shows = None;
        if let Some(planned) = model {
            (batch.model, shows) = (planned.state, planned.shows);
            batch.record.frames.extend(planned.frames);
        }

        let mut told = RunsTold::default();
        if let Some(planned) = runs {
            (batch.runs, told) = (planned.state, planned.shows);
            batch.record.runs.extend(planned.frames);
        }

        let waiting = batch.runs.events.len();
        Ok(Committed { state: Arc::new(batch.model.clone()), shows, stamp: *stamp, told, waiting })
    }

    /// Writes checkpoints in the background when enough events have come since the last ones.
    fn checkpoint_if_due(&mut self) {
        let model = self.model.state.load_full();
        let runs = self.runs.state.load_full();
        let busy = self.checkpointer.as_ref().is_some_and(|running| !running.is_finished());
        let events = model.sequence - self.progress.model + (runs.sequence - self.progress.runs);
        if busy || events == 0 || events < self.policy.events && self.bytes < self.policy.bytes {
            return;
        }
        // What is under way is written whole: where that is much, not before as much has come.
        if self.bytes < BYTES_OF_ENTRY * runs.len() as u64 {
            return;
        }
        self.bytes = 0;
        (self.progress.model, self.progress.runs) = (model.sequence, runs.sequence);

        // What comes behind these states is written to this segment, or to a later one.
        let (segment, folder) = self.log.newest_segment();
        let runs = RunsCheckpoint { state: runs, segment, folder };
        let checkpoints = self.checkpoints.clone();
        let log = Arc::clone(&self.log);
        let write = move || {
            // What they hold must not be more than the journal has on disk.
            let written = log
                .sync_journal()
                .and_then(|()| checkpoints.model.write(&model))
                .and_then(|()| checkpoints.runs.write(&runs));
            log.health().note("checkpoints", &written);
            if let Err(error) = written {
                tracing::warn!(%error, sequence = model.sequence, "a checkpoint could not be written; the log is not affected");
            }
        };

        self.checkpointer = std::thread::Builder::new().name("checkpoint".into()).spawn(write).ok();
    }
}

/// Tells every caller of a batch that it was not stored.
fn fail(answers: Vec<Answered>, error: LedgerError) {
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
