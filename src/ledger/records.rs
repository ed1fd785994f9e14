//! Records of invocations: what is remembered of each, as text. They are no events, and nothing is decided on them. They
//! lie in segments like those of log lines, in a folder of their own (`store/records`): a stream for the invocations of a
//! function that went well, one for those that failed. What is long lies beside them, in files named by their SHA-256.
//!
//! A record is with the system when [`Records::append`] returns. What is over the budget, or too old, goes.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::log_lines::{Line, LinePosition, LogLines, NewLine, Order};
use super::{Durability, LedgerError, io_error};
use crate::disk;
use crate::model::blob::BlobId;
use crate::model::logs::{LogId, LogPlace};
use crate::model::names::FunctionKey;
use crate::model::time::Timestamp;

/// The folder in the store.
pub(super) const FOLDER: &str = "records";

/// The folder in it of what is long.
const PAYLOADS: &str = "payloads";

/// The option of the server that says how many bytes they may take.
const OPTION: &str = "--record-budget";

/// A record to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Whose invocation it was.
    pub function: FunctionKey,
    /// Whether it went wrong.
    pub failed: bool,
    /// What is remembered.
    pub text: String,
}

/// The records of a store.
#[derive(Debug, Clone)]
pub struct Records {
    lines: LogLines,
    payloads: PathBuf,
}

impl Records {
    /// Those of the store in the folder `path`.
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, LedgerError> {
        let folder = path.join(FOLDER);
        let payloads = folder.join(PAYLOADS);
        let lines = LogLines::open_others(&folder, durability)?;
        disk::create_folder(&payloads).map_err(io_error(&payloads))?;
        Ok(Self { lines, payloads })
    }

    /// Keeps records within so many bytes of disk: half of them for what is long.
    pub fn set_budget(&self, bytes: u64) {
        self.lines.set_budget(bytes / 2, OPTION);
    }

    /// Stores records of invocations that ended.
    ///
    /// # Errors
    /// They cannot be written; none or some are there.
    pub fn append(&self, records: Vec<NewRecord>, now: Timestamp) -> Result<(), LedgerError> {
        let mut by_place = std::collections::BTreeMap::<_, Vec<_>>::new();
        for NewRecord { function, failed, text } in records {
            by_place.entry(place(&function, failed)).or_default().push(NewLine { time_ms: now.0, text });
        }
        by_place.into_iter().try_for_each(|(place, lines)| self.lines.append(place, now, lines))
    }

    /// The records of a function, or of all, that were written in a range of positions.
    pub fn search(
        &self,
        function: Option<&FunctionKey>,
        only_failed: bool,
        range: Range<LinePosition>,
        order: Order,
    ) -> impl Iterator<Item = Result<Line, LedgerError>> + use<> {
        let mut places = match function {
            Some(function) => vec![place(function, false), place(function, true)],
            None => self.lines.places(),
        };
        places.retain(|place| !only_failed || place.stream == stream(true));
        self.lines.search(&places, range, order).map(|found| found.map(|(_, line)| line))
    }

    /// Keeps something long, under its name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_payload(&self, bytes: &[u8]) -> Result<BlobId, LedgerError> {
        let id = BlobId(Sha256::digest(bytes).into());
        let path = self.payloads.join(id.hex());
        let file = std::fs::File::options().write(true).open(&path);
        // One that is there is as new as its last use.
        if file.and_then(|file| file.set_modified(SystemTime::now())).is_err() {
            disk::write_whole(&path, bytes).map_err(io_error(&path))?;
        }
        Ok(id)
    }

    /// Something long that was kept; `None` where it is gone, or not what it was.
    pub fn payload(&self, id: &BlobId) -> Option<Vec<u8>> {
        let bytes = disk::read(&self.payloads.join(id.hex())).ok()?;
        (BlobId(Sha256::digest(&bytes).into()) == *id).then_some(bytes)
    }

    /// Removes records that were written before a time, and what is long until it takes `budget` bytes at most.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn expire(&self, before: Timestamp, budget: u64) -> Result<(), LedgerError> {
        self.lines.drop_before(before.0)?;
        let mut files: Vec<_> = disk::list(&self.payloads)
            .map_err(io_error(&self.payloads))?
            .into_iter()
            .filter_map(|path| {
                let about = std::fs::metadata(&path).ok()?;
                Some((about.modified().ok()?, about.len(), path))
            })
            .collect();
        // The newest last: what is used still stays.
        files.sort();
        let mut excess = files.iter().map(|(_, length, _)| length).sum::<u64>().saturating_sub(budget / 2);
        let oldest = SystemTime::UNIX_EPOCH + Duration::from_millis(before.0);

        for (modified, length, path) in files {
            if modified < oldest || excess > 0 {
                disk::remove_file(&path).map_err(io_error(&path))?;
                excess = excess.saturating_sub(length);
            }
        }
        Ok(())
    }
}

/// Copies what is long of a store's records into another store.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy_payloads(from: &Path, to: &Path) -> Result<(), LedgerError> {
    let [from, to] = [from, to].map(|store| store.join(FOLDER).join(PAYLOADS));
    let files = match disk::list(&from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files.map_err(io_error(&from))?,
    };
    disk::create_folder(&to).map_err(io_error(&to))?;
    for file in files {
        let new = to.join(file.file_name().unwrap_or_default());
        disk::copy(&file, &new).map_err(io_error(&new))?;
    }
    disk::sync_folder(&to).map_err(io_error(&to))
}

/// The stream of a function's invocations that went well, or failed.
fn place(function: &FunctionKey, failed: bool) -> LogPlace {
    let FunctionKey { scope, name } = function;
    let name = format!("{}/{}/{name}", scope.account, scope.region);
    LogPlace { group: LogId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())), stream: stream(failed) }
}

fn stream(failed: bool) -> LogId {
    LogId(Uuid::from_u128(1 + u128::from(failed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    fn function(name: &str) -> FunctionKey {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionKey { scope, name: name.into() }
    }

    fn texts(records: &Records, of: Option<&FunctionKey>, only_failed: bool) -> Vec<String> {
        let all = LinePosition::start_of(0)..LinePosition::start_of(u64::MAX);
        records.search(of, only_failed, all, Order::NewestFirst).map(|line| line.expect("reads").text).collect()
    }

    #[test]
    fn records_are_found_by_function_and_end_also_after_a_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Records::open(folder.path(), Durability::Never).expect("opens");
        let records = open();
        for (time, (name, failed)) in (1..).zip([("a", false), ("a", true), ("b", false), ("a", false)]) {
            let text = format!("{name}{time}");
            let record = NewRecord { function: function(name), failed, text };
            records.append(vec![record], Timestamp(time)).expect("written");
        }
        drop(records);
        let records = open();
        assert_eq!(texts(&records, None, false), ["a4", "b3", "a2", "a1"]);
        assert_eq!(texts(&records, Some(&function("a")), false), ["a4", "a2", "a1"]);
        assert_eq!(texts(&records, None, true), ["a2"]);

        records.expire(Timestamp(3), 0).expect("removed");
        assert_eq!(texts(&records, None, false), ["a4", "b3"]);
    }

    #[test]
    fn what_is_long_is_kept_once_and_goes_for_the_budget() {
        let folder = tempfile::tempdir().expect("a folder");
        let records = Records::open(folder.path(), Durability::Never).expect("opens");
        let long = vec![7; 1000];
        let id = records.put_payload(&long).expect("written");
        assert_eq!(records.put_payload(&long).expect("there"), id);
        assert_eq!(records.payload(&id), Some(long));
        records.expire(Timestamp(0), 4000).expect("fits");
        assert!(records.payload(&id).is_some());

        std::fs::write(folder.path().join("records/payloads").join(id.hex()), b"other").expect("written");
        assert_eq!(records.payload(&id), None, "is not what it was");
        records.expire(Timestamp(0), 0).expect("removed");
        assert_eq!(std::fs::read_dir(folder.path().join("records/payloads")).expect("reads").count(), 0);
    }
}
