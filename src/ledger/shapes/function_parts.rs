//! The functions of a checkpoint, in parts of some hundred, each a payload of its own: they are most of it, and are read by
//! all processors at once. They stay folded: whoever starts does not wait for the making of each.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use super::folded::{FoldedFunction, Folder};
use super::functions::Function;
use super::stored::{FunctionKey, Stored};
use crate::ledger::frame::{self, FrameError};
use crate::model::state::{Form, Functions};
use crate::model::{functions, names};

/// Functions of one part: what is decoded apart from others should be worth a thread.
const PART: usize = 500;

/// How hard parts are compressed: one after the other, while the writer goes on. Most of each is what its functions share.
const LEVEL: i32 = 1;

/// A folded function and its place.
type Entry = (FunctionKey, FoldedFunction);

/// Parts whose members have names, compressed.
pub(super) fn named(all: &Functions) -> Result<Vec<Bytes>, FrameError> {
    let mut entries = all.iter();
    let mut parts = Vec::new();
    loop {
        let part = plain_part(entries.by_ref().take(PART))?;
        let Some(part) = part else { return Ok(parts) };
        parts.push(zstd::bulk::compress(&part, LEVEL).map_err(FrameError::Compressed)?.into());
    }
}

/// `None` where there are no more functions.
fn plain_part<'a>(
    entries: impl Iterator<Item = (&'a names::FunctionKey, Arc<functions::Function>)>,
) -> Result<Option<Vec<u8>>, FrameError> {
    let stored: Vec<(FunctionKey, Function)> =
        entries.map(|(key, function)| (Stored::store(key), Stored::store(&*function))).collect();
    if stored.is_empty() { Ok(None) } else { frame::named(&stored).map(Some) }
}

/// Reads what [`named`] wrote.
pub(super) fn read_named(parts: Vec<Bytes>, functions: &mut Functions) -> Result<(), FrameError> {
    read(parts, functions, |part| fold(&zstd::decode_all(part).map_err(FrameError::Compressed)?))
}

/// Reads parts that are not compressed: of checkpoints of earlier builds.
pub(super) fn read_plain(parts: Vec<Bytes>, functions: &mut Functions) -> Result<(), FrameError> {
    read(parts, functions, fold)
}

fn fold(part: &[u8]) -> Result<Vec<Entry>, FrameError> {
    let mut folder = Folder::new()?;
    let stored: Vec<(FunctionKey, Function)> = frame::large_named_payload(part)?;
    let entry = |(key, function): (FunctionKey, Function)| {
        let function: Arc<functions::Function> = function.load();
        Ok((key, folder.fold(&Form::Open(&function))?))
    };
    stored.into_iter().map(entry).collect()
}

/// Parts that the same build reads faster.
pub(super) fn quick(all: &Functions) -> Result<Vec<Bytes>, FrameError> {
    let mut folder = Folder::new()?;
    let mut entries = all.forms();
    let mut parts = Vec::new();
    loop {
        let entry = |(key, form): (&names::FunctionKey, Form<'_>)| Ok((Stored::store(key), folder.fold(&form)?));
        let part: Vec<Entry> = entries.by_ref().take(PART).map(entry).collect::<Result<_, FrameError>>()?;
        if part.is_empty() {
            return Ok(parts);
        }
        parts.push(frame::encoded(&part)?.into());
    }
}

/// Reads what [`quick`] wrote.
pub(super) fn read_quick(parts: Vec<impl AsRef<[u8]> + Send>, functions: &mut Functions) -> Result<(), FrameError> {
    read(parts, functions, |part| frame::payload(part))
}

/// The functions of parts, read by as many threads as there are processors.
fn read(
    parts: Vec<impl AsRef<[u8]> + Send>,
    functions: &mut Functions,
    decode: impl Fn(&[u8]) -> Result<Vec<Entry>, FrameError> + Sync,
) -> Result<(), FrameError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = parts.len().div_ceil(processors).max(1);
    let mut parts = parts.into_iter().peekable();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        while parts.peek().is_some() {
            let share: Vec<_> = parts.by_ref().take(share).collect();
            // A part that was read makes room for what is read of the next.
            let read = || share.into_iter().map(|part| decode(part.as_ref())).collect::<Result<Vec<_>, _>>();
            threads.push(scope.spawn(read));
        }
        let mut keys = Keys::default();
        for thread in threads {
            let gone = |_| FrameError::Thread;
            for (key, function) in thread.join().map_err(gone)??.into_iter().flatten() {
                function.put(keys.key(key), functions)?;
            }
        }
        Ok(())
    })
}

/// Makes keys that share what is the same in all of an account and region.
#[derive(Default)]
struct Keys(Option<names::Scope>);

impl Keys {
    fn key(&mut self, stored: FunctionKey) -> names::FunctionKey {
        let mut key: names::FunctionKey = stored.load();
        match &self.0 {
            Some(scope) if *scope == key.scope => key.scope = scope.clone(),
            _ => self.0 = Some(key.scope.clone()),
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::blob::BlobId;
    use crate::model::functions::{Content, FunctionState, FunctionVersion, UpdateStatus, sample_config};
    use crate::model::names::{RevisionId, Scope};
    use crate::model::qualifier::Version;
    use crate::model::state::State;
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
    fn function(name: &str, state: &FunctionState) -> (names::FunctionKey, Arc<functions::Function>) {
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

    fn read_back(
        read: impl Fn(Vec<Bytes>, &mut Functions) -> Result<(), FrameError>,
        parts: Result<Vec<Bytes>, FrameError>,
    ) -> Functions {
        let mut functions = Functions::default();
        read(parts.expect("is written"), &mut functions).expect("is read");
        functions
    }

    #[test]
    fn each_form_says_the_same_and_leaves_functions_folded() {
        let all = functions();
        let plain = plain_part(all.iter()).map(|part| part.into_iter().map(Bytes::from).collect());
        let read =
            [read_back(read_quick, quick(&all)), read_back(read_named, named(&all)), read_back(read_plain, plain)];
        for read in read {
            let open: Vec<_> = read.forms().filter(|(_, form)| matches!(form, Form::Open(_))).collect();
            assert_eq!(open.iter().map(|(key, _)| key.name.as_str()).collect::<Vec<_>>(), ["working"]);
            assert!(read == all);
            let one = all.keys().next().expect("there are some");
            assert_eq!(read.get(one), all.get(one));
            assert!(read.get(one).is_some_and(|function| function.versions.bytes().is_some()), "they stay folded");
        }
    }

    #[test]
    fn what_was_folded_once_is_written_as_it_is() {
        let all = functions();
        let read = read_back(read_quick, quick(&all));
        assert_eq!(quick(&read).expect("is written"), quick(&all).expect("is written"));
        let sizes: Vec<_> = [quick(&all), named(&all)].map(|parts| parts.expect("is written")[0].len() / PART).into();
        assert!(sizes.iter().all(|size| *size < 1500), "of each of ten versions alone some 400 bytes: {sizes:?}");
    }

    #[test]
    fn what_is_used_is_the_same_folded_and_open() {
        let all = functions();
        let state = State { functions: all.clone(), ..State::default() }.rederived();
        let folded = State { functions: read_back(read_quick, quick(&all)), ..State::default() }.rederived();
        assert!(folded == state);
        let scope = &all.keys().next().expect("there are some").scope;
        assert_eq!(folded.usage(scope).versions, 10 * all.len() as u64);
        assert_eq!(folded.unsettled.len(), 1);
    }
}
