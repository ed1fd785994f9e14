//! Takes the messages of a pod into a store, with the pod's resources.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::PodMessage;
use crate::ledger::{Ledger, LedgerError};
use crate::model::queues::QueueKey;
use crate::runs::RunId;
use crate::runs::command::RunCommand;
use crate::runs::messages::{BroughtMessage, MessageQueue};

/// Messages of the store that are read at a time.
const CHUNK: usize = 100;

/// What becomes of messages by the load of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadedMessages {
    /// Messages of the pod that were taken in.
    pub taken_in: usize,
    /// Messages of the pod that are here already.
    pub already_here: usize,
    /// Messages of the pod that were left out, as nobody vouches for it.
    pub left_out: usize,
}

/// The commands that take messages in, and what will have come of them. One that is here already (the same queue, the same
/// message id) is not taken in twice. Of a pod that nobody vouches for none is: who reads the queue would act on what a
/// stranger wrote. Blocking: it reads the messages of the pod's queues.
///
/// # Errors
/// The store cannot be read.
pub fn bringing(
    ledger: &Ledger,
    messages: &[PodMessage],
    trusted: bool,
) -> Result<(Vec<RunCommand>, LoadedMessages), LedgerError> {
    if !trusted {
        return Ok((Vec::new(), LoadedMessages { left_out: messages.len(), ..LoadedMessages::default() }));
    }
    let here = already_here(ledger, messages)?;
    let mut loaded = LoadedMessages::default();
    let mut by_queue: BTreeMap<&QueueKey, Vec<BroughtMessage>> = BTreeMap::new();

    for PodMessage { queue, message } in messages {
        if here.contains(&(queue.clone(), message.message.message_id.clone())) {
            loaded.already_here += 1;
        } else {
            by_queue.entry(queue).or_default().push(message.clone());
            loaded.taken_in += 1;
        }
    }

    let commands = by_queue.into_iter().map(|(queue, messages)| RunCommand::BringMessages(queue.clone(), messages));
    Ok((commands.collect(), loaded))
}

/// What tells a message from others, wherever it is.
type Identity = (QueueKey, String);

/// Those of a pod's messages that are here.
fn already_here(ledger: &Ledger, messages: &[PodMessage]) -> Result<BTreeSet<Identity>, LedgerError> {
    let wanted: BTreeSet<Identity> =
        messages.iter().map(|it| (it.queue.clone(), it.message.message.message_id.clone())).collect();
    let queues: BTreeSet<&QueueKey> = wanted.iter().map(|(queue, _)| queue).collect();
    let runs = ledger.runs();
    let ids = queues.into_iter().filter_map(|queue| runs.messages.queue(queue)).flat_map(MessageQueue::all);
    let ids: Vec<RunId> = ids.collect();
    let mut here = BTreeSet::new();

    for ids in ids.chunks(CHUNK) {
        ledger.messages(ids, |id, message| {
            let identity = runs.messages.get(id).map(|state| ((*state.queue).clone(), message.message_id));
            here.extend(identity.filter(|identity| wanted.contains(identity)));
        })?;
    }

    Ok(here)
}
