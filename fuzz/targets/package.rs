//! Code packages: whatever `check` accepts `unpack` takes, and nothing is written outside the folder.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use larder::blobs::package;
use zip::write::SimpleFileOptions;

/// Bytes that an input may unpack to.
const LIMIT: u64 = 1024 * 1024;

pub fn run(input: &[u8]) {
    let outer = super::scratch();
    let folder = outer.path().join("tree");
    fs::create_dir(&folder).expect("a folder");
    let checked = package::check(input, LIMIT);
    let _ = (package::is_signed(input), package::unpacked_size(input));
    if let Err(error) = &checked {
        let text = error.to_string();
        assert!(text.len() < 100_000, "a reason is for people");
    }
    let unpacked = package::unpack(input, LIMIT, &folder);
    assert_eq!(checked.is_ok(), unpacked.is_ok(), "{checked:?}, but {unpacked:?}");
    let beside: Vec<_> = fs::read_dir(outer.path()).expect("reads").collect();
    assert_eq!(beside.len(), 1, "nothing is written beside the folder");
    assert!(size(&folder) <= LIMIT, "no more is written than is allowed");
}

/// Bytes of the files below a folder; links are not followed.
fn size(path: &Path) -> u64 {
    let found = fs::symlink_metadata(path).expect("is there");
    if !found.is_dir() {
        return if found.is_file() { found.len() } else { 0 };
    }
    fs::read_dir(path).map_or(0, |entries| entries.map(|entry| size(&entry.expect("an entry").path())).sum())
}

type Writer = zip::ZipWriter<Cursor<Vec<u8>>>;

pub fn seeds() -> Vec<Vec<u8>> {
    let plain = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let deflated = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let made = |fill: &dyn Fn(&mut Writer)| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        fill(&mut writer);
        writer.finish().expect("a zip").into_inner()
    };
    let file = |writer: &mut Writer, name: &str, options: SimpleFileOptions| {
        writer.start_file(name, options).expect("a file");
        writer.write_all(b"def handler(event, context):\n    return event\n").expect("its bytes");
    };
    vec![
        made(&|writer| file(writer, "index.py", plain)),
        made(&|writer| {
            file(writer, "index.py", deflated);
            file(writer, "a/b/c.txt", plain.unix_permissions(0o755));
            writer.add_directory("empty/", plain).expect("a folder");
        }),
        made(&|writer| {
            file(writer, "a/real.txt", deflated);
            writer.add_symlink("a/link", "real.txt", plain).expect("a link");
            writer.add_symlink("up", "../../etc/passwd", plain).expect("a link");
            writer.add_symlink("dir", "/tmp", plain).expect("a link");
        }),
    ]
}
