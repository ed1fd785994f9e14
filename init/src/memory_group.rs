//! The limit of a memory control group, of either version.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Limits a group to these bytes. Swapped pages would be memory beyond the limit.
pub fn set_limit(group: &Path, limit: u64) -> io::Result<()> {
    let limit = limit.to_string();
    if open_and_write(&group.join("memory.max"), &limit).is_ok() {
        let _ = open_and_write(&group.join("memory.swap.max"), "0");
        return Ok(());
    }
    open_and_write(&group.join("memory.limit_in_bytes"), &limit)
}

/// Writes a file that is there: one that is not must not be made.
pub fn open_and_write(path: &Path, text: &str) -> io::Result<()> {
    File::options().write(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_group_of_each_version_gets_its_limit() {
        for files in [vec!["memory.max", "memory.swap.max"], vec!["memory.limit_in_bytes"]] {
            let group = tempfile::tempdir().expect("a folder");
            for file in &files {
                fs::write(group.path().join(file), "").expect("written");
            }
            set_limit(group.path(), 4096).expect("limited");
            assert_eq!(fs::read_to_string(group.path().join(files[0])).expect("there"), "4096");
            assert_eq!(fs::read_dir(group.path()).expect("there").count(), files.len(), "none was made");
        }
        let other = tempfile::tempdir().expect("a folder");
        assert!(set_limit(other.path(), 4096).is_err());
    }
}
