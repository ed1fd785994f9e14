//! The ledger: event log, current state, and the single writer that moves both.
//!
//! [`Ledger::commit`] hands a command to the writer; its answer comes after the events (and the
//! small blobs they need) are on disk. Readers take [`Ledger::state`], an immutable snapshot, and
//! never lock.

mod begins;
mod catalog;
mod checkpoint;
mod clean;
mod codec;
pub mod compact;
pub mod difference;
mod engine;
mod error;
mod events;
mod frame;
mod health;
mod held;
mod index;
pub mod inspect;
mod journal;
mod log;
pub mod log_lines;
mod machine;
mod mask;
mod mend;
#[path = "../../migrations/mod.rs"]
mod migrations;
mod patience;
pub mod point;
pub mod portable;
mod proof;
pub mod records;
pub mod recover;
mod reindex;
mod replay;
mod run_frame;
mod runs_checkpoint;
mod scrub;
mod segment_files;
mod shapes;
pub mod time_travel;
mod waiting;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
pub use checkpoint::CheckpointPolicy;
#[cfg(test)]
pub use engine::faults::{clear as heal_index, fail_after as fail_index};
pub use error::LedgerError;
use error::io_error;
pub use frame::FrameError;
pub use health::Problem;
pub use index::SmallBlobs;
pub use machine::RunsTold;
pub use proof::blob_file;
use tokio::sync::{mpsc, oneshot, watch};

use crate::model::blob::BlobId;
use crate::model::command::{Command, Stamp};
use crate::model::decide::Decision;
use crate::model::error::ApiError;
use crate::model::event::{Origin, Recorded};
use crate::model::limits::Limits;
use crate::model::qualifier::Version;
use crate::model::state::State;
use crate::model::uses::BlobUses;
use crate::runs::command::RunCommand;
use crate::runs::state::Runs;

/// Version of the store's layout; a store of a newer one is refused.
pub const SCHEMA: u32 = 5;

/// Commands that wait for the writer before callers have to wait too.
const QUEUE: usize = 1024;

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk: nothing acknowledged is ever lost.
    Always,
    /// When it is written; the disk follows within this time. A crash of the machine may lose it.
    Interval(Duration),
    /// When it is written, and the disk is never waited for: a store that ends with its process.
    Never,
}

/// How to open a ledger.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// The store's folder.
    pub path: PathBuf,
    /// When a commit counts as done.
    pub durability: Durability,
    /// Quotas that commands are decided under.
    pub limits: Limits,
}

/// A commit that succeeded.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The state right after this command, before any later one.
    pub state: Arc<State>,
    /// The version an answer shows, where it is not `$LATEST`.
    pub shows: Option<Version>,
    /// What it was decided with: the ids of what it made follow from it.
    pub stamp: Stamp,
    /// What it made of what is under way.
    pub told: RunsTold,
    /// Events that wait after it.
    pub waiting: usize,
}

/// Why a commit failed; in every case nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The command is not allowed.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// The store could not be written.
    #[error("the change could not be stored: {0}")]
    Storage(Arc<LedgerError>),
    /// The server is shutting down.
    #[error("the ledger is closed")]
    Closed,
}

/// A small blob that is stored together with the events that refer to it.
pub type Attachment = (BlobId, Bytes);

/// Commands on their way to the writer: on one machine, or on both, which is all or nothing.
struct Job {
    model: Option<Command>,
    runs: Option<RunCommand>,
    origin: Origin,
    attachments: Vec<Attachment>,
    reply: oneshot::Sender<Result<Committed, CommitError>>,
}

/// Handle to the ledger; one per server, shared by reference.
#[derive(Debug)]
pub struct Ledger {
    log: Arc<log::Log>,
    log_lines: log_lines::LogLines,
    records: records::Records,
    checkpoints: checkpoint::Folder<State>,
    memory: time_travel::Memory,
    published: Arc<ArcSwap<State>>,
    changes: watch::Receiver<u64>,
    runs: Arc<ArcSwap<Runs>>,
    run_changes: watch::Receiver<u64>,
    jobs: std::sync::Mutex<Option<mpsc::Sender<Job>>>,
    writer: std::sync::Mutex<Option<std::thread::JoinHandle<()>>>,
    limits: Limits,
}

impl Ledger {
    /// Opens (or makes) the store in `options.path`, replays it, and starts the writer.
    pub fn open(options: LedgerOptions) -> Result<Self, LedgerError> {
        Self::open_with(options, CheckpointPolicy::default())
    }

    /// Opens as [`Ledger::open`] does, with checkpoints by `policy`.
    pub fn open_with(options: LedgerOptions, policy: CheckpointPolicy) -> Result<Self, LedgerError> {
        let model = checkpoint::Folder::open(&options.path.join("checkpoints"))?;
        // Both take about as long, and need nothing of each other.
        let (log, newest) = std::thread::scope(|scope| {
            let newest = scope.spawn(|| model.newest());
            let log = log::Log::open(&options.path, options.durability);
            (log, newest.join().unwrap_or(Err(LedgerError::DamagedMeta("the checkpoints cannot be read"))))
        });
        let log = log?;
        let checkpoints = machine::Checkpoints {
            model,
            // In the journal's folder: another journal in its place has its events elsewhere.
            runs: checkpoint::Folder::open(&log.parts().1.folder().join("runs"))?,
        };
        let (mut log, replayed) = replayed(log, &checkpoints, newest?)?;
        log.follow_runs(&replayed.runs, replayed.progress.runs, replayed.runs_since);
        let log_lines = {
            let (right, other) = log.engine();
            log_lines::LogLines::open(&options.path, options.durability, right.as_deref().or(other))?
        };
        let records = records::Records::open(&options.path, options.durability)?;
        let (model, changes) = published(replayed.state.sequence, replayed.state);
        let (runs, run_changes) = published(replayed.runs.sequence, replayed.runs);
        log.start_upkeep(Arc::clone(&runs.state));
        let log = Arc::new(log);
        checkpoints.model.remove_before(log.begins())?;
        let limits = options.limits.clone();
        let (sender, receiver) = mpsc::channel(QUEUE);
        let published = Arc::clone(&model.state);
        let published_runs = Arc::clone(&runs.state);
        let writer = writer::Writer::new(
            Arc::clone(&log),
            checkpoints.clone(),
            (model, runs),
            options.limits,
            policy,
            replayed.progress,
        );
        let thread = writer.spawn(receiver);

        Ok(Self {
            log,
            log_lines,
            records,
            checkpoints: checkpoints.model,
            memory: time_travel::Memory::default(),
            published,
            changes,
            runs: published_runs,
            run_changes,
            jobs: std::sync::Mutex::new(Some(sender)),
            writer: std::sync::Mutex::new(Some(thread)),
            limits,
        })
    }

    /// The current state.
    pub fn state(&self) -> Arc<State> {
        self.published.load_full()
    }

    /// Tells the sequence of each newly published state.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Id of the store: made with it, the same for ever.
    pub fn store_id(&self) -> &str {
        self.log.store_id()
    }

    /// A secret of this store, from which environments' tokens are made.
    pub fn secret(&self) -> &[u8] {
        self.log.secret()
    }

    /// The blobs that are stored beside the events.
    pub fn small_blobs(&self) -> SmallBlobs {
        self.log.small_blobs()
    }

    /// The log lines, which lie beside the events.
    pub fn log_lines(&self) -> log_lines::LogLines {
        self.log_lines.clone()
    }

    /// The records of invocations, which lie beside the events.
    pub fn records(&self) -> records::Records {
        self.records.clone()
    }

    /// Decides `command`, stores its events and `attachment`, publishes the new state, and then
    /// answers.
    pub async fn commit(
        &self,
        command: Command,
        origin: Origin,
        attachment: Option<Attachment>,
    ) -> Result<Committed, CommitError> {
        self.commit_with(command, origin, attachment.into_iter().collect()).await
    }

    /// The same with any number of blobs.
    pub async fn commit_with(
        &self,
        command: Command,
        origin: Origin,
        attachments: Vec<Attachment>,
    ) -> Result<Committed, CommitError> {
        self.ask((Some(command), None), origin, attachments).await
    }

    /// Decides a command on what is under way, stores its events, publishes the new state, and then answers.
    pub async fn commit_run(&self, command: RunCommand) -> Result<Committed, CommitError> {
        self.ask((None, Some(command)), Origin::default(), Vec::new()).await
    }

    /// Decides a command on what is configured, and one on what is under way after that: both, or neither.
    pub async fn commit_both(
        &self,
        model: Command,
        runs: RunCommand,
        origin: Origin,
        attachments: Vec<Attachment>,
    ) -> Result<Committed, CommitError> {
        self.ask((Some(model), Some(runs)), origin, attachments).await
    }

    async fn ask(
        &self,
        (model, runs): (Option<Command>, Option<RunCommand>),
        origin: Origin,
        attachments: Vec<Attachment>,
    ) -> Result<Committed, CommitError> {
        let jobs = self.jobs.lock().expect("no holder of this lock panics").clone();
        let (reply, answer) = oneshot::channel();
        let job = Job { model, runs, origin, attachments, reply };
        jobs.ok_or(CommitError::Closed)?.send(job).await.map_err(|_| CommitError::Closed)?;
        answer.await.map_err(|_| CommitError::Closed)?
    }

    /// What is under way.
    pub fn runs(&self) -> Arc<Runs> {
        self.runs.load_full()
    }

    /// Tells the sequence of each newly published state of what is under way.
    pub fn run_changes(&self) -> watch::Receiver<u64> {
        self.run_changes.clone()
    }

    /// What `command` would lead to, without doing it (`DryRun`).
    pub fn preview(&self, command: &Command) -> Result<Committed, ApiError> {
        let state = self.state();
        let stamp = writer::stamp(crate::model::time::Timestamp::default());
        let Decision { events, shows } = crate::model::decide::decide(&state, command, &stamp, &self.limits)?;
        let mut after = (*state).clone();
        for event in &events {
            after.apply(event);
        }
        let waiting = self.runs().events.len();
        Ok(Committed { state: Arc::new(after), shows, stamp, told: RunsTold::default(), waiting })
    }

    /// Up to `limit` events from `from` on, in order.
    pub fn events(&self, from: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        let begins = self.log.begins();
        if from.max(1) < begins {
            return Err(LedgerError::Compacted { begins });
        }
        self.log.page(from, limit).map_err(|error| self.unless_compacted(from.max(1), error))
    }

    /// Sequence of the oldest event: 1, unless history was compacted.
    pub fn begins(&self) -> u64 {
        self.log.begins()
    }

    /// An error of reading from `from` on, which is none of the store when history was dropped meanwhile.
    fn unless_compacted(&self, from: u64, error: LedgerError) -> LedgerError {
        let begins = self.log.begins();
        if from < begins { LedgerError::Compacted { begins } } else { error }
    }

    /// Drops history that is not kept; callers that change something wait meanwhile. `has_file` says whether a blob is
    /// there as a file, whole. Blocking.
    ///
    /// # Errors
    /// The store cannot be read or written, or what was written does not hold all that is needed; either the former
    /// history is there or the new one.
    pub fn compact(
        &self,
        keep: compact::Keep,
        has_file: &dyn Fn(&BlobId) -> bool,
    ) -> Result<compact::Compaction, LedgerError> {
        let compaction = compact::compact(&self.log, &self.checkpoints, &self.published, keep, has_file);
        self.log.health().note("compaction", &compaction);
        compaction
    }

    /// The blobs that any kept event or anything there is now refers to. Blocking: it reads all of the journal.
    ///
    /// # Errors
    /// The journal cannot be read up to what is published.
    pub fn blob_uses(&self) -> Result<BlobUses, LedgerError> {
        let published = self.state();
        let from = self.log.begins();
        let mut uses = BlobUses::default();
        published.resources().for_each(|resource| uses.add_resource(&resource));
        let mut last = from.saturating_sub(1);

        for recorded in self.log.events_from(from) {
            let recorded = recorded.map_err(|error| self.unless_compacted(from, error))?;
            last = recorded.sequence;
            uses.add_event(&recorded.event);
        }

        if last < published.sequence {
            return Err(LedgerError::MissingEvent { expected: last + 1, found: published.sequence + 1 });
        }
        Ok(uses)
    }

    /// What is behind or broken in the store while it serves all the same.
    pub fn problems(&self) -> Vec<Problem> {
        self.log.look_after_place();
        self.log.health().problems()
    }

    /// Stops taking commands, waits for the writer, flushes.
    pub fn close(&self) -> Result<(), LedgerError> {
        self.jobs.lock().expect("no holder of this lock panics").take();
        if let Some(writer) = self.writer.lock().expect("no holder of this lock panics").take() {
            let _ = writer.join();
        }
        let settled = self.log_lines.settle();
        self.log.close().and(settled)
    }
}

/// Where a state is published, and who hears of it.
fn published<S>(sequence: u64, state: S) -> (writer::Published<S>, watch::Receiver<u64>) {
    let (announce, changes) = watch::channel(sequence);
    (writer::Published { state: Arc::new(ArcSwap::from_pointee(state)), announce }, changes)
}

/// The states of a log. What the journal lost is mended from the index, if that has it.
fn replayed(
    mut log: log::Log,
    checkpoints: &machine::Checkpoints,
    newest: Option<checkpoint::Newest<State>>,
) -> Result<(log::Log, replay::Replayed), LedgerError> {
    let replayed = match replay::latest(&log, checkpoints, newest) {
        Err(error) if error.is_the_journals() => {
            // The damage says more than why it cannot be mended.
            let mended = log.mend(&error);
            mended.map_err(|why| if matches!(why, LedgerError::LostEvents { .. }) { why } else { error })?;
            replay::latest(&log, checkpoints, checkpoints.model.newest()?)
        }
        replayed => replayed,
    };
    Ok((log, replayed?))
}
