//! The functions of a checkpoint, in parts of some hundred, each a payload of its own: they are most of it, and are read by
//! all processors at once. Published versions are folded as they are read: whoever starts does not wait for them.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::folded::{FoldedVersions, Folder};
use super::functions::Function;
use super::stored::{FunctionKey, Stored};
use crate::ledger::frame::{self, FrameError};
use crate::model::{functions, names};

/// Functions of one part: what is decoded apart from others should be worth a thread.
const PART: usize = 500;

/// How hard parts are compressed: one after the other, while the writer goes on. Most of each is what its functions share.
const LEVEL: i32 = 1;

/// Functions by their places.
pub(super) type Functions = OrdMap<names::FunctionKey, Arc<functions::Function>>;

/// A function and its place.
type Entry = (names::FunctionKey, Arc<functions::Function>);

/// A function whose members are told apart by their places: for the same build only.
#[derive(Serialize, Deserialize)]
struct QuickEntry {
    key: FunctionKey,
    /// Without the versions that are folded.
    function: Function,
    folded: Option<FoldedVersions>,
}

/// Parts whose members have names, compressed.
pub(super) fn named(all: &Functions) -> Result<Vec<Bytes>, FrameError> {
    let stored = |(key, function): (&names::FunctionKey, &Arc<functions::Function>)| -> (FunctionKey, Function) {
        (Stored::store(key), Stored::store(&**function))
    };
    chunks(all, |part| {
        let named = frame::named(&part.iter().copied().map(stored).collect::<Vec<_>>())?;
        zstd::bulk::compress(&named, LEVEL).map_err(FrameError::Compressed)
    })
}

/// Reads what [`named`] wrote.
pub(super) fn read_named(parts: Vec<Bytes>) -> Result<Vec<Entry>, FrameError> {
    read(parts, |part, folder| plain(&zstd::decode_all(part).map_err(FrameError::Compressed)?, folder))
}

/// Reads parts that are not compressed: of checkpoints of earlier builds.
pub(super) fn read_plain(parts: Vec<Bytes>) -> Result<Vec<Entry>, FrameError> {
    read(parts, plain)
}

fn plain(part: &[u8], folder: &mut Folder) -> Result<Vec<Entry>, FrameError> {
    let stored: Vec<(FunctionKey, Function)> = frame::large_named_payload(part)?;
    let entry = |(key, function): (FunctionKey, Function)| {
        let mut function: functions::Function = function.load();
        if let Some(folded) = folder.fold(&function.versions)? {
            function.versions = folded.load();
        }
        Ok((key.load(), Arc::new(function)))
    };
    stored.into_iter().map(entry).collect()
}

/// Parts that the same build reads faster.
pub(super) fn quick(all: &Functions) -> Result<Vec<Bytes>, FrameError> {
    let mut folder = Folder::new()?;
    chunks(all, |part| {
        let entries = part.iter().map(|(key, function)| {
            let folded = folder.fold(&function.versions)?;
            let key = Stored::store(*key);
            let function = match &folded {
                Some(_) => Stored::store(&without_versions(function)),
                None => Stored::store(&***function),
            };
            Ok(QuickEntry { key, function, folded })
        });
        frame::encoded(&entries.collect::<Result<Vec<_>, FrameError>>()?)
    })
}

/// Reads what [`quick`] wrote.
pub(super) fn read_quick(parts: Vec<Bytes>) -> Result<Vec<Entry>, FrameError> {
    let entry = |QuickEntry { key, function, folded }| {
        let mut function: functions::Function = function.load();
        if let Some(folded) = folded {
            function.versions = folded.load();
        }
        (key.load(), Arc::new(function))
    };
    read(parts, |part, _| Ok(frame::payload::<Vec<QuickEntry>>(part)?.into_iter().map(entry).collect()))
}

fn without_versions(function: &functions::Function) -> functions::Function {
    functions::Function { versions: functions::Versions::default(), ..function.clone() }
}

/// Each part of all functions, encoded.
fn chunks(
    all: &Functions,
    mut encode: impl FnMut(&[(&names::FunctionKey, &Arc<functions::Function>)]) -> Result<Vec<u8>, FrameError>,
) -> Result<Vec<Bytes>, FrameError> {
    let all: Vec<_> = all.iter().collect();
    all.chunks(PART).map(|part| encode(part).map(Bytes::from)).collect()
}

/// The functions of parts, read by as many threads as there are processors.
fn read(
    parts: Vec<Bytes>,
    decode: impl Fn(&[u8], &mut Folder) -> Result<Vec<Entry>, FrameError> + Sync,
) -> Result<Vec<Entry>, FrameError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = parts.len().div_ceil(processors).max(1);
    // A part that was read makes room for what is read of the next.
    let read_share = |share: Vec<Bytes>| -> Result<Vec<Entry>, FrameError> {
        let mut folder = Folder::new()?;
        let mut functions = Vec::with_capacity(share.len() * PART);
        for part in share {
            functions.extend(decode(&part, &mut folder)?);
        }
        Ok(functions)
    };

    let mut parts = parts.into_iter().peekable();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        while parts.peek().is_some() {
            let share = parts.by_ref().take(share).collect();
            threads.push(scope.spawn(|| read_share(share)));
        }
        let mut functions = Vec::new();
        for thread in threads {
            let gone = |_| FrameError::Thread;
            functions.extend(thread.join().map_err(gone)??);
        }
        Ok(functions)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::blob::BlobId;
    use crate::model::functions::{Content, FunctionState, FunctionVersion, UpdateStatus, sample_config};
    use crate::model::names::{RevisionId, Scope};
    use crate::model::qualifier::Version;
    use crate::model::time::Timestamp;

    fn version(number: u64, state: FunctionState) -> FunctionVersion {
        let id = RevisionId(uuid::Uuid::from_u128(number.into()));
        let mut config = sample_config();
        config.description = format!("number {number}");
        FunctionVersion {
            version: if number == 0 { Version::Latest } else { Version::Number(number) },
            code: Content::Zip { blob: BlobId([7; 32]), size: 100 }.into(),
            config: config.into(),
            description: None,
            state,
            last_update: Some(UpdateStatus::Successful),
            revision: id,
            deployment: id,
            modified: Timestamp(number),
        }
    }

    /// A function with ten versions, the last of which is in this state.
    fn function(name: &str, state: &FunctionState) -> Entry {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = names::FunctionKey { scope, name: name.into() };
        let mut function = functions::Function::new(key.clone(), version(0, FunctionState::Active), [].into());
        for number in 1..=10 {
            let state = if number == 10 { state.clone() } else { FunctionState::Active };
            function.versions.insert(number, version(number, state).into());
        }
        function.last_version = 10;
        (key, Arc::new(function))
    }

    /// More than fit into one part.
    fn functions() -> Functions {
        let resting = (0..PART + 10).map(|number| function(&format!("f-{number:04}"), &FunctionState::Active));
        resting.chain([function("working", &FunctionState::Pending)]).collect()
    }

    fn is_folded(entry: &&Entry) -> bool {
        entry.1.versions.bytes().is_some()
    }

    #[test]
    fn each_form_says_the_same_and_leaves_versions_folded() {
        let all = functions();
        let plain = chunks(&all, |part| {
            let stored =
                |(key, function): &(&names::FunctionKey, &Arc<functions::Function>)| -> (FunctionKey, Function) {
                    (Stored::store(*key), Stored::store(&***function))
                };
            frame::named(&part.iter().map(stored).collect::<Vec<_>>())
        });
        let read = [
            read_quick(quick(&all).expect("is written")),
            read_named(named(&all).expect("is written")),
            read_plain(plain.expect("is written")),
        ];
        for read in read {
            let read = read.expect("is read");
            assert_eq!(read.iter().filter(is_folded).count(), all.len() - 1, "all but the one at work");
            let read: Functions = read.into_iter().collect();
            assert!(read == all);
        }
    }

    #[test]
    fn what_was_folded_once_is_written_as_it_is() {
        let all = functions();
        let read: Functions = read_quick(quick(&all).expect("is written")).expect("is read").into_iter().collect();
        assert_eq!(quick(&read).expect("is written"), quick(&all).expect("is written"));
        let sizes: Vec<_> =
            [&quick(&all), &named(&all)].map(|parts| parts.as_ref().map_or(0, |parts| parts[0].len())).into();
        assert!(sizes.iter().all(|size| *size < PART * 2000), "of each version alone some 400 bytes: {sizes:?}");
    }
}
