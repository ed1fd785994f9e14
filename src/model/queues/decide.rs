//! Decisions about queues of the SQS neighbour.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::attributes::{self, changed, shown};
use super::command::{CreateQueue, QueueCommand};
use super::event::QueueEvent;
use super::{FIFO_SUFFIX, MAX_TAGS, Queue, QueueKey, QueueSettings, permissions, queue_not_found};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::limits::Limits;
use crate::model::state::State;

/// Characters of a name at most, those of `.fifo` included.
const MAX_NAME: usize = 80;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &QueueCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        QueueCommand::Create(create) => create_queue(state, create, stamp),
        QueueCommand::SetAttributes(key, given) => {
            let settings = changed(&existing(state, key)?.settings, given)?;
            set(state, key, settings, given, stamp)
        }
        QueueCommand::Delete(key) => {
            existing(state, key)?;
            Ok(QueueEvent::QueueDeleted { key: key.clone() }.into())
        }
        QueueCommand::Tag(key, tags) => tag(state, key, tags),
        QueueCommand::Untag(key, names) => {
            let mut queue = existing(state, key)?.clone();
            queue.tags.retain(|name, _| !names.contains(name));
            Ok(put(state, queue))
        }
        QueueCommand::AddPermission(key, permission) => {
            let mut settings = existing(state, key)?.settings.clone();
            settings.policy = Some(permissions::added(settings.policy.as_deref(), key, permission)?);
            set(state, key, settings, &BTreeMap::new(), stamp)
        }
        QueueCommand::RemovePermission(key, label) => {
            let mut settings = existing(state, key)?.settings.clone();
            settings.policy = permissions::removed(settings.policy.as_deref(), key, label)?;
            set(state, key, settings, &BTreeMap::new(), stamp)
        }
    }
}

fn existing<'a>(state: &'a State, key: &QueueKey) -> Result<&'a Queue, ApiError> {
    state.queue(key).ok_or_else(queue_not_found)
}

fn create_queue(state: &State, create: &CreateQueue, stamp: &Stamp) -> Result<Decision, ApiError> {
    let CreateQueue { key, attributes, tags } = create;
    let is_fifo = attributes.get(attributes::FIFO).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    check_name(key.name.as_str(), is_fifo)?;
    let settings = changed(&QueueSettings::new(is_fifo), attributes)?;
    if let Some(there) = state.queue(key) {
        return same(there, &settings, attributes).map(|()| Decision::default());
    }

    check_tags(key, tags)?;
    check_redrive(state, key, &settings, attributes)?;
    let queue = Queue { key: key.clone(), created: stamp.time, modified: stamp.time, settings, tags: tags.clone() };
    Ok(put(state, queue))
}

/// Refuses a name that no queue of its kind has. The text for standard queues is recorded, the other is `LocalStack`'s.
fn check_name(name: &str, is_fifo: bool) -> Result<(), ApiError> {
    let stem = if is_fifo { name.strip_suffix(FIFO_SUFFIX) } else { Some(name) };
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let fits = |stem: &str| !stem.is_empty() && name.len() <= MAX_NAME && stem.bytes().all(is_letter);
    if stem.is_some_and(fits) {
        return Ok(());
    }

    let message = if is_fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo \
         suffix and be 1 to 80 in length"
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    };
    Err(ApiError::new(ErrorCode::InvalidQueryValue, message))
}

/// Refuses to make a queue that is there with other values of the given attributes. Recorded in `LocalStack`'s
/// `test_create_queue_with_different_attributes_raises_exception` (2023-11).
fn same(there: &Queue, wanted: &QueueSettings, given: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let is = shown(there);
    let wanted = shown(&Queue { settings: wanted.clone(), ..there.clone() });
    let differs = |name: &&String| !is_alike(is.get(name.as_str()), wanted.get(name.as_str()));
    match given.keys().find(differs) {
        None => Ok(()),
        Some(name) => {
            let message =
                format!("A queue already exists with the same name and a different value for attribute {name}");
            Err(ApiError::new(ErrorCode::QueueNameExists, message))
        }
    }
}

/// Whether two values are the same: of policies, which are JSON, not their blanks.
fn is_alike(one: Option<&String>, other: Option<&String>) -> bool {
    let json = |text: Option<&String>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    one == other || (one.is_some() && json(one).is_some_and(|value| Some(value) == json(other)))
}

/// Checks a redrive policy that a caller gives. One that was there before may lead nowhere by now.
fn check_redrive(
    state: &State,
    key: &QueueKey,
    settings: &QueueSettings,
    given: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    match &settings.redrive {
        Some(redrive) if given.contains_key(super::redrive::REDRIVE) => redrive.check(state, key),
        _ => Ok(()),
    }
}

fn set(
    state: &State,
    key: &QueueKey,
    settings: QueueSettings,
    given: &BTreeMap<String, String>,
    stamp: &Stamp,
) -> Result<Decision, ApiError> {
    let before = existing(state, key)?;
    check_redrive(state, key, &settings, given)?;
    if before.settings == settings {
        return Ok(Decision::default());
    }
    Ok(put(state, Queue { settings, modified: stamp.time, ..before.clone() }))
}

fn tag(state: &State, key: &QueueKey, tags: &BTreeMap<String, String>) -> Result<Decision, ApiError> {
    let mut queue = existing(state, key)?.clone();
    queue.tags.extend(tags.clone());
    check_tags(key, &queue.tags)?;
    Ok(put(state, queue))
}

/// The text is moto's, which follows AWS's.
fn check_tags(key: &QueueKey, tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        let message = format!("Too many tags added for queue {}.", key.name);
        return Err(ApiError::new(ErrorCode::InvalidQueryValue, message));
    }
    Ok(())
}

/// A queue as it is to be; nothing happens where it is so.
fn put(state: &State, queue: Queue) -> Decision {
    if state.queue(&queue.key) == Some(&queue) {
        return Decision::default();
    }
    QueueEvent::QueuePut { queue: Arc::new(queue) }.into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::names::Scope;
    use crate::model::time::Timestamp;

    fn key(name: &str) -> QueueKey {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        QueueKey { scope, name: name.into() }
    }

    fn given(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn created(name: &str, attributes: &[(&str, &str)]) -> QueueCommand {
        QueueCommand::Create(CreateQueue { key: key(name), attributes: given(attributes), tags: BTreeMap::new() })
    }

    /// Decides and applies; how many events came of it, or the error's text.
    fn run(state: &mut State, command: &QueueCommand) -> Result<usize, String> {
        let stamp = Stamp { time: Timestamp(1000 + state.sequence), seed: Uuid::nil() };
        let decided = decide(state, command, &stamp, &Limits::default());
        let events = decided.map_err(|error| error.message.unwrap_or_default())?.events;
        for event in &events {
            state.apply(event);
        }
        Ok(events.len())
    }

    #[test]
    fn a_queue_is_made_once() {
        let mut state = State::default();
        assert_eq!(run(&mut state, &created("q", &[("DelaySeconds", "1")])), Ok(1));
        assert_eq!(run(&mut state, &created("q", &[("DelaySeconds", "1")])), Ok(0));
        assert_eq!(run(&mut state, &created("q", &[])), Ok(0));
        assert_eq!(
            run(&mut state, &created("q", &[("DelaySeconds", "2")])),
            Err("A queue already exists with the same name and a different value for attribute DelaySeconds".into())
        );
        let policies = [r#"{"a":1}"#, r#"{ "a": 1 }"#];
        assert_eq!(run(&mut state, &created("p", &[("Policy", policies[0])])), Ok(1));
        assert_eq!(run(&mut state, &created("p", &[("Policy", policies[1])])), Ok(0));
    }

    #[test]
    fn names_are_such_as_queues_of_the_kind_have() {
        let mut state = State::default();
        let long = "x".repeat(80);
        for (name, attributes, fits) in [
            ("q", &[][..], true),
            (long.as_str(), &[], true),
            (&"x".repeat(81), &[], false),
            ("", &[], false),
            ("a.b", &[], false),
            ("q.fifo", &[], false),
            ("q.fifo", &[("FifoQueue", "true")], true),
            (".fifo", &[("FifoQueue", "true")], false),
            ("q2", &[("FifoQueue", "true")], false),
            ("q3", &[("FifoQueue", "false")], false),
        ] {
            assert_eq!(run(&mut state, &created(name, attributes)).is_ok(), fits, "{name} {attributes:?}");
        }
    }

    #[test]
    fn a_dead_letter_queue_is_there_and_of_the_same_kind() {
        let mut state = State::default();
        let to = |name: &str| {
            let policy = serde_json::json!({ "deadLetterTargetArn": key(name).arn(), "maxReceiveCount": "3" });
            QueueCommand::SetAttributes(key("q"), given(&[("RedrivePolicy", &policy.to_string())]))
        };
        assert_eq!(run(&mut state, &created("q", &[])), Ok(1));
        assert!(run(&mut state, &to("dead")).expect_err("is refused").ends_with("Dead letter target does not exist."));
        assert_eq!(run(&mut state, &created("dead", &[])), Ok(1));
        assert_eq!(run(&mut state, &to("dead")), Ok(1));
        assert_eq!(run(&mut state, &to("dead")), Ok(0));
        let dead = key("dead");
        let sources: Vec<_> = state.dead_letter_sources(&dead).map(|queue| queue.key.name.to_string()).collect();
        assert_eq!(sources, ["q"]);

        assert_eq!(run(&mut state, &created("dead.fifo", &[("FifoQueue", "true")])), Ok(1));
        assert!(run(&mut state, &to("dead.fifo")).expect_err("is refused").contains("must be same type"));
        let deny = given(&[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)]);
        assert_eq!(run(&mut state, &created("closed", &[])), Ok(1));
        assert_eq!(run(&mut state, &QueueCommand::SetAttributes(key("closed"), deny)), Ok(1));
        assert!(run(&mut state, &to("closed")).is_err());
        // What is there already stands in no one's way.
        assert_eq!(run(&mut state, &QueueCommand::Delete(key("dead"))), Ok(1));
        let delay = QueueCommand::SetAttributes(key("q"), given(&[("DelaySeconds", "5")]));
        assert_eq!(run(&mut state, &delay), Ok(1));
    }

    #[test]
    fn tags_come_and_go_and_change_no_time() {
        let mut state = State::default();
        assert_eq!(run(&mut state, &created("q", &[])), Ok(1));
        let modified = state.queue(&key("q")).expect("is there").modified;
        assert_eq!(run(&mut state, &QueueCommand::Tag(key("q"), given(&[("a", "1"), ("b", "")]))), Ok(1));
        assert_eq!(run(&mut state, &QueueCommand::Tag(key("q"), given(&[("a", "1")]))), Ok(0));
        assert_eq!(run(&mut state, &QueueCommand::Untag(key("q"), vec!["b".into(), "c".into()])), Ok(1));
        let queue = state.queue(&key("q")).expect("is there");
        assert_eq!((&queue.tags, queue.modified), (&given(&[("a", "1")]), modified));

        let many: BTreeMap<_, _> = (0..51).map(|number| (number.to_string(), String::new())).collect();
        let refused = run(&mut state, &QueueCommand::Tag(key("q"), many));
        assert_eq!(refused, Err("Too many tags added for queue q.".into()));
        assert!(run(&mut state, &QueueCommand::Delete(key("other"))).is_err());
    }
}
