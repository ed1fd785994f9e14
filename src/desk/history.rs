//! History as JSON: events, states, differences, rewinds and marks; the log is beside it. The endpoints and the command
//! line, which also looks into data dirs without a server, answer from here.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::answers::{
    Differences, EventPage, EventsLeft, Marked, Marks, Resources, Rewound, ShownMark, ShownResource, Unmarked,
};
use super::events;
use super::long::Long;
use crate::clock;
use crate::ledger::difference::Secrets;
use crate::ledger::point::Point;
use crate::ledger::time_travel::{Rehearsed, RewindError};
use crate::ledger::{Ledger, LedgerError, difference};
use crate::model::event::Origin;
use crate::model::history::MarkName;
use crate::model::history::command::HistoryCommand;
use crate::model::resource::{Resource, ResourceKey};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;
use crate::runs::command::Fate;

/// Bytes of a page, after which it ends.
pub const PAGE_BYTES: usize = 1024 * 1024;

/// Why a question about history has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The question is none.
    #[error("{0}")]
    Invalid(String),
    /// History has no such place.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A rewind was not made.
    #[error(transparent)]
    Rewind(#[from] RewindError),
    /// It cannot be told in JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Reads a point and finds its sequence.
pub fn sequence(ledger: &Ledger, text: &str) -> Result<u64, HistoryError> {
    let point: Point = text.parse().map_err(HistoryError::Invalid)?;
    Ok(ledger.resolve(&point, clock::now())?)
}

/// How secrets are shown.
pub fn secrets(show: bool) -> Secrets {
    if show { Secrets::Shown } else { Secrets::Masked }
}

/// A page of events, without what they changed. Blocking.
pub fn events(ledger: &Ledger, from: u64, limit: usize) -> Result<EventPage, LedgerError> {
    // Up to the published state only: what is behind it was not acknowledged yet.
    let published = ledger.state().sequence;
    let begins = ledger.begins();
    if from.max(1) < begins {
        return Err(LedgerError::Compacted { begins });
    }
    let mut events = Vec::new();
    let mut bytes = 0;
    let mut next = from.max(1);

    for recorded in ledger.events_from(from).take(limit) {
        let recorded = recorded?;
        if recorded.sequence > published || bytes >= PAGE_BYTES {
            break;
        }
        next = recorded.sequence + 1;
        let event = events::show(&recorded);
        bytes += size_of(&event);
        events.push(event);
    }

    let next = Some(next).filter(|next| !events.is_empty() && *next <= published);
    Ok(EventPage { events, next })
}

/// All resources of a point. Blocking.
pub fn state(ledger: &Ledger, at: Option<&str>, show_secrets: bool) -> Result<Long<Resources>, HistoryError> {
    let state = match at {
        Some(at) => ledger.state_at(sequence(ledger, at)?)?,
        None => ledger.state(),
    };
    let secrets = secrets(show_secrets);
    let resources: Vec<_> = state.resources().collect();
    let items = resources.into_iter().map(move |resource| {
        let key = resource.key();
        json!(ShownResource {
            kind: key.kind().name().to_owned(),
            name: key.name(),
            arn: resource.arn(),
            value: difference::shown(&resource, secrets),
        })
    });

    Ok(Long::new(json!({ "sequence": state.sequence }), "resources", items)?)
}

/// What differs between two points of one store. Blocking.
pub fn diff(ledger: &Ledger, from: &str, to: &str, show_secrets: bool) -> Result<Long<Differences>, HistoryError> {
    let side = |text| -> Result<Arc<State>, HistoryError> { Ok(ledger.state_at(sequence(ledger, text)?)?) };
    Ok(differences(side(from)?, side(to)?, secrets(show_secrets))?)
}

/// What differs between two states.
///
/// # Errors
/// Never: JSON has all numbers of a sequence.
pub fn differences(from: Arc<State>, to: Arc<State>, secrets: Secrets) -> Result<Long<Differences>, serde_json::Error> {
    let head = json!({ "from": from.sequence, "to": to.sequence });
    Long::new(head, "resources", changed(from, to, secrets))
}

/// What became of each resource that is not the same in two states.
pub fn changed(from: Arc<State>, to: Arc<State>, secrets: Secrets) -> impl Iterator<Item = Value> + Send + use<> {
    let keys: Vec<_> = from.changes_to(&to).keys().collect();
    changed_at(keys, from, to, secrets)
}

/// The same of the resources at some places.
fn changed_at(
    keys: Vec<ResourceKey>,
    from: Arc<State>,
    to: Arc<State>,
    secrets: Secrets,
) -> impl Iterator<Item = Value> + Send + use<> {
    keys.into_iter().map(move |key| json!(difference::at(&key, &from, &to, secrets)))
}

/// What a rewind would change, without making it. Blocking.
pub fn would_rewind(ledger: &Ledger, to: &str, only: &[String]) -> Result<Long<Differences>, HistoryError> {
    let (to, only) = meant(to, only)?;
    let Rehearsed { before, target, keys } = ledger.would_rewind(&to, &only, clock::now())?;
    let head = json!({ "from": before.sequence, "to": target.sequence });
    Ok(Long::new(head, "resources", changed_at(keys, before, target, Secrets::Masked))?)
}

/// Reads a point, and which resources are chosen.
fn meant(to: &str, only: &[String]) -> Result<(Point, Vec<ResourcePattern>), HistoryError> {
    let to = to.parse().map_err(HistoryError::Invalid)?;
    let only: Result<Vec<_>, _> = only.iter().map(|text| ResourcePattern::parse(text)).collect();
    Ok((to, only.map_err(HistoryError::Invalid)?))
}

/// Brings the state back. Events that wait have `fate`.
pub async fn rewind(
    ledger: &Arc<Ledger>,
    to: &str,
    only: &[String],
    fate: Fate,
    origin: Origin,
) -> Result<Rewound, HistoryError> {
    let (point, only) = meant(to, only)?;
    let rewound = ledger.rewind(point, &only, fate, clock::now(), origin).await?;
    Ok(Rewound {
        to: rewound.to,
        sequence: rewound.sequence,
        put: rewound.changes.put.iter().map(Resource::arn).collect(),
        removed: rewound.changes.removed.iter().map(ResourceKey::arn).collect(),
        events: EventsLeft { waiting: rewound.waiting, dropped: rewound.dropped },
    })
}

/// Names the present.
pub async fn mark(ledger: &Ledger, name: &str, origin: Origin) -> Result<Marked, HistoryError> {
    let name = MarkName::parse(name).map_err(HistoryError::Invalid)?;
    let committed = ledger.put_mark(name.clone(), origin).await.map_err(RewindError::from)?;
    Ok(Marked { mark: name.to_string(), sequence: committed.state.sequence })
}

/// Forgets a mark.
pub async fn unmark(ledger: &Ledger, name: &str, origin: Origin) -> Result<Unmarked, HistoryError> {
    let name = MarkName::parse(name).map_err(HistoryError::Invalid)?;
    let command = HistoryCommand::DeleteMark { name: name.clone() };
    ledger.commit(command.into(), origin, None).await.map_err(RewindError::from)?;
    Ok(Unmarked { deleted: name.to_string() })
}

/// All marks.
pub fn marks(ledger: &Ledger) -> Marks {
    let state = ledger.state();
    let shown = state.marks.iter().map(|(name, mark)| ShownMark {
        mark: name.to_string(),
        sequence: mark.sequence,
        time: mark.time.to_string(),
    });
    Marks { marks: shown.collect() }
}

/// Bytes of something as JSON.
pub fn size_of(shown: &impl Serialize) -> usize {
    serde_json::to_vec(shown).map_or(0, |json| json.len())
}
