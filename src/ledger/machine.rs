//! The two state machines of the ledger: what is configured (the model) and what is under way (runs). The writer, the
//! checkpoints and the replay are the same for both.

use super::checkpoint::{Checkpoint, Folder};
use super::frame::{FrameError, Head};
use super::runs_checkpoint::RunsCheckpoint;
use super::{codec, shapes};
use crate::model::command::{Command, Stamp};
use crate::model::decide::{self, Decision};
use crate::model::error::ApiError;
use crate::model::event::{Event, Origin, Recorded};
use crate::model::limits::Limits;
use crate::model::qualifier::Version;
use crate::model::state::State;
use crate::runs::RunId;
use crate::runs::command::RunCommand;
use crate::runs::event::RunEvent;
use crate::runs::state::Runs;

/// A state machine: commands lead to events, and events make the state.
pub trait Machine {
    /// What there is.
    type State: Clone;
    /// What is asked.
    type Command;
    /// What happened.
    type Event;
    /// What else a decision looks at.
    type Beside<'a>: Copy;
    /// What an answer shows beside the state.
    type Shows: Default;

    /// Decides a command. Pure: it changes nothing.
    ///
    /// # Errors
    /// AWS's error for a command that is not allowed now.
    fn decide(
        state: &Self::State,
        command: &Self::Command,
        stamp: &Stamp,
        beside: Self::Beside<'_>,
    ) -> Result<(Vec<Self::Event>, Self::Shows), ApiError>;

    /// Takes an event, whose sequence is `sequence`, into the state.
    fn apply(state: &mut Self::State, sequence: u64, event: &Self::Event);

    /// Sequence of the newest event.
    fn sequence(state: &Self::State) -> u64;

    /// The frame of an event.
    fn encode(sequence: u64, stamp: &Stamp, origin: &Origin, event: &Self::Event) -> Result<Vec<u8>, FrameError>;
}

/// What is configured.
#[derive(Debug)]
pub enum Configured {}

impl Machine for Configured {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Beside<'a> = &'a Limits;
    type Shows = Option<Version>;

    fn decide(
        state: &State,
        command: &Command,
        stamp: &Stamp,
        limits: &Limits,
    ) -> Result<(Vec<Event>, Option<Version>), ApiError> {
        let Decision { events, shows } = decide::decide(state, command, stamp, limits)?;
        Ok((events, shows))
    }

    fn apply(state: &mut State, _: u64, event: &Event) {
        state.apply(event);
    }

    fn sequence(state: &State) -> u64 {
        state.sequence
    }

    fn encode(sequence: u64, stamp: &Stamp, origin: &Origin, event: &Event) -> Result<Vec<u8>, FrameError> {
        codec::encode(&Recorded { sequence, time: stamp.time, origin: origin.clone(), event: event.clone() })
    }
}

/// What is under way.
#[derive(Debug)]
pub enum UnderWay {}

/// What a command made of what is under way, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunsTold {
    /// Events that it led to.
    pub changed: usize,
    /// Waiting events of functions that it ended.
    pub ended: usize,
    /// Entries that began, or were received, in order.
    pub entries: Vec<RunId>,
}

impl Machine for UnderWay {
    type State = Runs;
    type Command = RunCommand;
    type Event = RunEvent;
    type Beside<'a> = &'a State;
    type Shows = RunsTold;

    fn decide(
        state: &Runs,
        command: &RunCommand,
        stamp: &Stamp,
        model: &State,
    ) -> Result<(Vec<RunEvent>, RunsTold), ApiError> {
        let events = crate::runs::decide::decide(state, model, command, stamp)?;
        let is_ended = |event: &&RunEvent| matches!(event, RunEvent::Ended(id) if state.events.contains(id));
        let ended = events.iter().filter(is_ended).count();
        let entries =
            (state.sequence + 1..).zip(&events).filter_map(|(sequence, event)| event.shows(sequence)).collect();
        let told = RunsTold { changed: events.len(), ended, entries };
        Ok((events, told))
    }

    fn apply(state: &mut Runs, sequence: u64, event: &RunEvent) {
        state.apply(sequence, event);
    }

    fn sequence(state: &Runs) -> u64 {
        state.sequence
    }

    fn encode(sequence: u64, _: &Stamp, _: &Origin, event: &RunEvent) -> Result<Vec<u8>, FrameError> {
        codec::encode_run(sequence, event)
    }
}

impl Checkpoint for State {
    const KEPT: usize = 8;

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn encode(&self) -> Result<Vec<u8>, FrameError> {
        shapes::encode_state(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        shapes::decode_state(bytes)
    }

    fn encode_quick(&self, head: &Head) -> Result<Option<Vec<u8>>, FrameError> {
        shapes::encode_quick_state(self, head).map(Some)
    }

    fn decode_quick(bytes: &[u8], head: &Head) -> Result<Option<Self>, FrameError> {
        shapes::decode_quick_state(bytes, head)
    }
}

impl Checkpoint for RunsCheckpoint {
    /// Nobody asks for what was under way before.
    const KEPT: usize = 2;

    fn sequence(&self) -> u64 {
        self.state.sequence
    }

    fn encode(&self) -> Result<Vec<u8>, FrameError> {
        shapes::encode_runs(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        shapes::decode_runs(bytes)
    }
}

/// The checkpoints of both machines.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    /// Of what is configured.
    pub model: Folder<State>,
    /// Of what is under way.
    pub runs: Folder<RunsCheckpoint>,
}
