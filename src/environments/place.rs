//! Which data dir this is: not its store, which a copy has too, but this folder at its place. Environments belong to
//! a place: a server on a copy of a data dir leaves those of the original alone, and one on a data dir that was moved
//! finds them again.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The note's name in the run folder.
const NOTE: &str = "place.json";

/// What is noted of a place.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Names the place in labels, and in the tokens of its environments.
    id: Uuid,
    /// The data dir as the kernel knows it: a move does not change it, and no copy has it.
    folder: Folder,
}

/// Device, number, and when it was made in nanoseconds since the epoch (0 where that is not known), as numbers are
/// given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Folder {
    device: u64,
    inode: u64,
    made: u64,
}

impl Folder {
    fn of(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        let made = about.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let made = u64::try_from(made.as_nanos()).unwrap_or_default();
        Ok(Self { device: about.dev(), inode: about.ino(), made })
    }
}

/// The id of the place of a data dir, whose lock is held. In a copy (or where nobody can tell) it is a new one, and
/// all that the run folder says of environments is forgotten, as they are another server's.
pub fn take(data_dir: &Path, run_dir: &Path) -> io::Result<Uuid> {
    let folder = Folder::of(data_dir)?;
    let noted: Option<Note> = match fs::read(run_dir.join(NOTE)) {
        Ok(text) => serde_json::from_slice(&text).ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(note) = noted.filter(|note| note.folder == folder) {
        return Ok(note.id);
    }
    match fs::remove_dir_all(run_dir) {
        Ok(()) => tracing::info!("this data dir is a copy, or from an older Larder: its environments are made anew"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }

    let note = Note { id: Uuid::new_v4(), folder };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(run_dir)?;
    write(run_dir, &note)?;
    Ok(note.id)
}

/// Notes a place; whole or not at all.
fn write(run_dir: &Path, note: &Note) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(run_dir)?;
    file.write_all(&serde_json::to_vec(note)?)?;
    file.persist(run_dir.join(NOTE)).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_moved_folder_is_the_same_place_and_a_copy_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let take = |name: &str| super::take(&at(name), &at(name).join("run")).expect("is taken");
        fs::create_dir_all(at("data/run/environments/e")).expect("made");
        let first = take("data");
        assert!(!at("data/run/environments").exists(), "nobody says that these are of this place");
        fs::create_dir_all(at("data/run/environments/e")).expect("made");
        assert_eq!(take("data"), first);
        assert!(at("data/run/environments/e").exists());
        fs::rename(at("data"), at("moved")).expect("moved");
        assert_eq!(take("moved"), first);
        assert!(Command::new("cp").arg("-a").args([at("moved"), at("copy")]).status().expect("cp runs").success());
        let copy = take("copy");
        assert_ne!(copy, first);
        assert!(!at("copy/run/environments").exists() && at("moved/run/environments/e").exists());
        assert_eq!((take("copy"), take("moved")), (copy, first), "each stays what it is");
    }
}
