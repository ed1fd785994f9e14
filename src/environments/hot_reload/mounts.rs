//! Which parts of a folder are file systems of the kernel's own: these show other processes, devices and settings of
//! the machine, so that no function may get them.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use larder_init::mount_table::unescaped;

/// Kinds of file systems that are refused. `autofs` is none of the kernel's, but to look into it mounts things.
const REFUSED: [&str; 21] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// The refused kind that a folder lies on or holds; `path` is where it is.
pub fn refused_kind(folder: BorrowedFd<'_>, path: &Path) -> io::Result<Option<&'static str>> {
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", folder.as_raw_fd()))?;
    let id = about.lines().find_map(|line| line.strip_prefix("mnt_id:")).map(str::trim).unwrap_or_default();
    let table = std::fs::read("/proc/self/mountinfo")?;
    Ok(refused_in(&table, id.as_bytes(), path))
}

/// The same by the kernel's table and the number of the mount that the folder is on.
fn refused_in(table: &[u8], id: &[u8], path: &Path) -> Option<&'static str> {
    let mounts = table.split(|byte| *byte == b'\n').filter_map(parse);
    let mut concerned = mounts.filter(|mount| mount.id == id || mount.place.starts_with(path));
    concerned.find_map(|mount| REFUSED.into_iter().find(|kind| kind.as_bytes() == mount.kind))
}

/// A line of the table.
struct Mount<'a> {
    id: &'a [u8],
    place: PathBuf,
    kind: &'a [u8],
}

fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = fields.next()?;
    let place = PathBuf::from(unescaped(fields.nth(3)?));
    // Optional fields end with a dash.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(Mount { id, place, kind })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_folder_on_or_over_such_a_mount_is_told() {
        let table = b"21 1 8:1 / / rw - ext4 /dev/root rw\n\
                      30 21 0:5 / /srv/ja\\040il/proc rw,nosuid shared:7 - proc proc rw\n\
                      31 21 0:6 / /srv/data rw - tmpfs tmpfs rw\n";
        assert_eq!(refused_in(table, b"21", Path::new("/srv/data")), None);
        assert_eq!(refused_in(table, b"21", Path::new("/srv/ja il")), Some("proc"));
        assert_eq!(refused_in(table, b"21", Path::new("/srv")), Some("proc"));
        assert_eq!(refused_in(table, b"30", Path::new("/elsewhere")), Some("proc"));
    }

    #[test]
    fn the_process_table_of_this_machine_is_told() {
        for (path, kind) in [("/proc/self", Some("proc")), (env!("CARGO_MANIFEST_DIR"), None)] {
            let folder = File::open(path).expect("opens");
            assert_eq!(refused_kind(folder.as_fd(), Path::new(path)).expect("is read"), kind, "{path}");
        }
    }
}
