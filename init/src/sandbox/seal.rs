//! Makes a whole tree of mounts read-only, one by one: a bind's own flags do not reach the mounts
//! below it, and `mount_setattr`, which does, needs Linux 5.12.

use std::path::{Path, PathBuf};

use larder_init::mount_table::unescaped;
use nix::mount::MsFlags;

use super::{Fault, view};

const TABLE: &str = "/proc/self/mountinfo";

/// Makes every mount at or below `root` read-only, without set-user-id programs and devices, but
/// for the trees in `except`.
pub fn read_only(root: &Path, except: &[PathBuf]) -> Result<(), Fault> {
    let table = std::fs::read(TABLE).map_err(|error| Fault::io("read", Path::new(TABLE), error))?;
    let mounts = table.split(|byte| *byte == b'\n').filter_map(parse);
    for (place, kept) in mounts {
        if place.starts_with(root) && !except.iter().any(|tree| place.starts_with(tree)) {
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
            let hardened = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            view::change("make read-only", &place, flags | hardened | kept)?;
        }
    }

    Ok(())
}

/// Mount point and flags of one line. A user namespace may not take away flags that its parent
/// set, so they are given again; of the access time flags, none given means all kept.
fn parse(line: &[u8]) -> Option<(PathBuf, MsFlags)> {
    let mut fields = line.split(|byte| *byte == b' ').skip(4);
    let place = PathBuf::from(unescaped(fields.next()?));
    let options = fields.next()?.split(|byte| *byte == b',');
    let noexec = options.into_iter().any(|option| option == b"noexec");
    let kept = if noexec { MsFlags::MS_NOEXEC } else { MsFlags::empty() };
    Some((place, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_with_a_space_is_read_whole() {
        let line = b"36 35 98:0 / /a\\040b/c rw,noexec,relatime master:1 - ext3 /dev/root rw";
        let (place, flags) = parse(line).expect("a line of the kernel");
        assert_eq!(place, Path::new("/a b/c"));
        assert_eq!(flags, MsFlags::MS_NOEXEC);
    }

    #[test]
    fn an_empty_line_is_no_mount() {
        assert!(parse(b"").is_none());
    }
}
