//! What began entries of what is under way, read from the journal: for where the index has it not.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{Journal, Name};
use super::{LedgerError, run_frame};
use crate::runs::RunId;

/// The frames that began these entries, of those that have not ended, by one way through the journal.
pub fn in_journal(journal: &Journal, ids: &BTreeSet<RunId>) -> Result<BTreeMap<RunId, Vec<u8>>, LedgerError> {
    let mut found = BTreeMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    for record in journal.records_since(Name::default(), u64::MAX)? {
        for frame in record?.runs {
            let (head, _) = run_frame::read(&frame).map_err(|source| LedgerError::DamagedRun { source })?;
            if head.begins() && ids.contains(&head.id) {
                found.insert(head.id, frame);
            } else if head.kind == run_frame::ENDS {
                found.remove(&head.id);
            }
        }
    }

    Ok(found)
}
