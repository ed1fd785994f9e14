//! Checkpoints: the state at a sequence, in files beside the log. Caches: deleting them costs time,
//! nothing else.
//!
//! A checkpoint is written to a temporary file, synced, renamed, and its folder synced, so that a
//! crash at any point leaves the former one usable.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::frame::{self, FrameError, Head};
use super::{LedgerError, io_error};
use crate::disk;

/// Newest checkpoints that are kept in any case: the second is there when the first is damaged.
const NEWEST: usize = 2;

/// How the names of files with quick forms end. The newest checkpoint alone has one: a start reads it.
const QUICK: &str = "quick";

/// When a checkpoint is due: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// Events since the last one.
    pub events: u64,
    /// Bytes of events since the last one, or since the start.
    pub bytes: u64,
}

impl Default for CheckpointPolicy {
    fn default() -> Self {
        Self { events: 10_000, bytes: 16 * 1024 * 1024 }
    }
}

/// What a checkpoint holds.
pub trait Checkpoint: Sized {
    /// How many are kept at most; the older ones lie about powers of two of events apart, so that any point of history
    /// is near to one.
    const KEPT: usize;
    /// Sequence of the event after which it was so.
    fn sequence(&self) -> u64;
    /// Its frame.
    fn encode(&self) -> Result<Vec<u8>, FrameError>;
    /// Reads a frame.
    fn decode(bytes: &[u8]) -> Result<Self, FrameError>;

    /// A form of it that the same build reads faster, where there is one; `head` is the header of its frame.
    fn encode_quick(&self, _head: &Head) -> Result<Option<Vec<u8>>, FrameError> {
        Ok(None)
    }

    /// Reads the quick form of the checkpoint with this header; `None` where it is another's or another build's.
    fn decode_quick(_bytes: &[u8], _head: &Head) -> Result<Option<Self>, FrameError> {
        Ok(None)
    }
}

/// A folder with the checkpoints of one machine.
#[derive(Debug)]
pub struct Folder<C> {
    path: PathBuf,
    of: PhantomData<fn() -> C>,
}

impl<C> Clone for Folder<C> {
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), of: PhantomData }
    }
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Newest<C> {
    /// What it holds.
    pub checkpoint: C,
    /// Whether it had a quick form of this build.
    pub was_quick: bool,
}

/// A checkpoint's sequence and file, and what is in it.
pub type Scanned<C> = (u64, PathBuf, Result<C, FrameError>);

/// The checkpoints in a folder with their sequences, oldest first, each read if it can be. Changes nothing.
pub fn scan<C: Checkpoint>(path: &Path) -> Result<Vec<Scanned<C>>, LedgerError> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let folder = Folder::<C> { path: path.to_owned(), of: PhantomData };
    let read = |(sequence, path): (u64, PathBuf)| {
        let bytes = read_unless_pruned(&path).transpose()?;
        Some(bytes.map(|bytes| (sequence, path, C::decode(&bytes))))
    };
    folder.list()?.into_iter().filter_map(read).collect()
}

impl<C: Checkpoint> Folder<C> {
    /// Opens or makes the folder.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        disk::create_folder(path).map_err(io_error(path))?;
        Ok(Self { path: path.to_owned(), of: PhantomData })
    }

    /// The newest checkpoint that can be read. One that is damaged or of an older schema is skipped with
    /// a warning.
    pub fn newest(&self) -> Result<Option<Newest<C>>, LedgerError> {
        self.newest_until(u64::MAX)
    }

    /// The newest checkpoint of a sequence up to `last` that can be read.
    pub fn newest_until(&self, last: u64) -> Result<Option<Newest<C>>, LedgerError> {
        let until = self.list()?.into_iter().filter(|(sequence, _)| *sequence <= last);
        for (_, path) in until.rev() {
            if let Some(checkpoint) = quick(&path) {
                return Ok(Some(Newest { checkpoint, was_quick: true }));
            }
            let Some(bytes) = read_unless_pruned(&path)? else { continue };
            match C::decode(&bytes) {
                Ok(checkpoint) => return Ok(Some(Newest { checkpoint, was_quick: false })),
                Err(error) => {
                    tracing::warn!(checkpoint = %path.display(), %error, "skipping a checkpoint that cannot be read; replaying from an older one");
                }
            }
        }

        Ok(None)
    }

    /// Writes a checkpoint and removes the oldest ones.
    pub fn write(&self, checkpoint: &C) -> Result<(), LedgerError> {
        let bytes = checkpoint.encode()?;
        let path = self.path.join(format!("{:020}.checkpoint", checkpoint.sequence()));
        // The folder may have been taken away with the journal that it was of.
        disk::create_folder(&self.path).map_err(io_error(&self.path))?;
        disk::write_whole(&path, &bytes).map_err(io_error(&path))?;

        let head = frame::head(&bytes);
        // Both are as large as the state: one at a time.
        drop(bytes);
        if let Some(head) = head {
            write_quick(checkpoint, &path, &head)?;
        }
        self.prune()
    }

    /// Removes those before `sequence`; returns their bytes.
    pub fn remove_before(&self, sequence: u64) -> Result<u64, LedgerError> {
        let mut freed = 0;
        let all = self.list()?.into_iter().chain(self.list_of(QUICK)?);
        for (_, path) in all.filter(|(at, _)| *at < sequence) {
            // One that was pruned meanwhile frees nothing.
            freed += path.metadata().map_or(0, |found| found.len());
            disk::remove_file(&path).map_err(io_error(&path))?;
        }
        Ok(freed)
    }

    fn prune(&self) -> Result<(), LedgerError> {
        let all = self.list()?;
        let kept = kept(&all.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), C::KEPT);
        let newest = all.last().map(|(sequence, _)| *sequence);
        let slow = self.list_of(QUICK)?.into_iter().filter(|(sequence, _)| Some(*sequence) != newest);
        let dropped = all.into_iter().filter(|(sequence, _)| !kept.contains(sequence)).chain(slow);
        dropped.into_iter().try_for_each(|(_, path)| disk::remove_file(&path).map_err(io_error(&path)))
    }

    /// Sequences and paths, oldest first.
    fn list(&self) -> Result<Vec<(u64, PathBuf)>, LedgerError> {
        self.list_of("checkpoint")
    }

    fn list_of(&self, extension: &str) -> Result<Vec<(u64, PathBuf)>, LedgerError> {
        let mut found = Vec::new();
        for path in disk::list(&self.path).map_err(io_error(&self.path))? {
            if path.extension().is_some_and(|found| found == extension)
                && let Some(sequence) = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok())
            {
                found.push((sequence, path));
            }
        }

        found.sort();
        Ok(found)
    }
}

/// Writes the quick form of the checkpoint with this header beside it.
fn write_quick(checkpoint: &impl Checkpoint, path: &Path, head: &Head) -> Result<(), LedgerError> {
    let Some(bytes) = checkpoint.encode_quick(head)? else { return Ok(()) };
    let path = path.with_extension(QUICK);
    disk::write_whole(&path, &bytes).map_err(io_error(&path))
}

/// A checkpoint out of its quick form; `None` where there is none of this build that is whole.
fn quick<C: Checkpoint>(path: &Path) -> Option<C> {
    let head = frame::head(&disk::read_at(path, 0, size_of::<Head>()).ok()?)?;
    let quick = path.with_extension(QUICK);
    let read = C::decode_quick(&disk::read(&quick).ok()?, &head);
    read.unwrap_or_else(|error| {
        tracing::warn!(checkpoint = %quick.display(), %error, "the quick form of a checkpoint cannot be read; reading the other");
        None
    })
}

/// The bytes of a checkpoint; `None` if it was pruned since the folder was read.
fn read_unless_pruned(path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match disk::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(io_error(path)),
    }
}

/// Which checkpoints of `sequences`, oldest first, are kept: the newest, and of the older ones the oldest
/// within each power of two of events behind the newest.
fn kept(sequences: &[u64], most: usize) -> Vec<u64> {
    let (older, newest) = sequences.split_at(sequences.len().saturating_sub(NEWEST));
    let mut kept = newest.to_vec();
    let Some(last) = newest.last() else { return kept };
    let mut apart = older.to_vec();
    apart.dedup_by_key(|sequence| (last - *sequence).max(1).ilog2());
    kept.extend(apart.into_iter().rev().take(most - NEWEST));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::history::Mark;
    use crate::model::state::State;
    use crate::model::time::Timestamp;

    #[test]
    fn checkpoints_are_thinned_and_old_ones_stay() {
        let mut there = Vec::new();
        for sequence in (1..=200).map(|count| count * 10_000) {
            there.push(sequence);
            let kept = kept(&there, State::KEPT);
            there.retain(|sequence| kept.contains(sequence));
            assert!(there.len() <= State::KEPT && there.ends_with(&[sequence]), "{there:?}");
            assert!(sequence < 20_000 || there.contains(&(sequence - 10_000)), "{there:?}");
        }

        assert!(there[0] < 1_500_000, "one is far behind: {there:?}");
    }

    #[test]
    fn the_quick_form_says_the_same_and_is_not_believed_of_another() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::<State>::open(temporary.path()).expect("opens");
        let marked = |sequence: u64, name: &str| {
            let mut state = State { sequence, ..State::default() };
            state.marks.insert(name.into(), Mark { sequence, time: Timestamp(sequence) });
            state
        };
        let newest = || folder.newest().expect("reads").expect("there is one");
        folder.write(&marked(1, "first")).expect("is written");
        folder.write(&marked(2, "second")).expect("is written");
        let [first, second] = [1, 2].map(|number| temporary.path().join(format!("{number:020}.{QUICK}")));
        assert!(!first.exists() && second.exists(), "the newest alone has one");
        assert!(quick::<State>(&second.with_extension("checkpoint")) == Some(marked(2, "second")));

        // Its checkpoint is another one of the same sequence: the journal's end was lost, and written anew.
        let frame = marked(2, "other").encode().expect("encodes");
        std::fs::write(second.with_extension("checkpoint"), frame).expect("is written");
        assert!(newest().checkpoint == marked(2, "other") && !newest().was_quick);
        folder.write(&marked(2, "second")).expect("is written");
        let mut bytes = std::fs::read(&second).expect("reads");
        bytes[20] ^= 1;
        std::fs::write(&second, bytes).expect("is written");
        assert!(newest().checkpoint == marked(2, "second"), "a damaged one is not believed");
        assert!(folder.remove_before(3).expect("removes") > 0 && !second.exists());
    }

    #[test]
    fn who_reads_does_not_mind_what_is_pruned_meanwhile() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::<State>::open(temporary.path()).expect("opens");
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for sequence in 1..=300 {
                    folder.write(&State { sequence, ..State::default() }).expect("is written");
                }
            });
            while !writing.is_finished() {
                folder.newest().expect("reads");
                scan::<State>(temporary.path()).expect("reads");
                folder.remove_before(3).expect("removes");
            }
        });
        assert_eq!(folder.newest().expect("reads").map(|newest| newest.checkpoint.sequence), Some(300));
    }
}
