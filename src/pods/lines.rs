//! Parts of a pod that are written into a file without a name first, as they may be more than memory has room for; most are
//! lines of JSON, and read line by line, with the number of a line in every refusal.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read as _, Seek as _, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Manifest, PodError, io_error, path_error};
use crate::model::blob::BlobId;

/// Bytes that are hashed and written at a time.
const BUFFER: usize = 64 * 1024;

/// A part, and how much of it a reader takes: it is taken in by one change, with all else.
#[derive(Debug, Clone, Copy)]
pub struct LinesPart {
    /// Its name.
    pub path: &'static str,
    /// Bytes of it at most.
    pub most: u64,
    /// Bytes of a line at most.
    pub most_of_line: u64,
    /// Lines at most: so long as they are taken in, nobody else can change anything.
    pub most_lines: usize,
}

/// A part that was written.
#[derive(Debug)]
pub struct WrittenPart {
    /// What is in it.
    pub file: File,
    /// Digest of its bytes.
    pub digest: BlobId,
    /// Its bytes.
    pub size: u64,
}

/// A part on its way into a file: many small pieces, which are hashed by the buffer.
pub struct PartWriter(BufWriter<HashedFile>);

struct HashedFile {
    file: File,
    hash: Sha256,
    size: u64,
}

impl PartWriter {
    /// An empty one.
    ///
    /// # Errors
    /// No file can be made.
    pub fn new() -> Result<Self, PodError> {
        let file = tempfile::tempfile().map_err(io_error("a temporary file"))?;
        Ok(Self(BufWriter::with_capacity(BUFFER, HashedFile { file, hash: Sha256::new(), size: 0 })))
    }

    /// All of it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end(self) -> Result<WrittenPart, PodError> {
        let written = self.0.into_inner().map_err(|error| io_error("a temporary file")(error.into_error()))?;
        let HashedFile { mut file, hash, size } = written;
        file.rewind().map_err(io_error("a temporary file"))?;
        Ok(WrittenPart { file, digest: BlobId(hash.finalize().into()), size })
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    /// JSON comes by the word.
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Lines that were written.
#[derive(Debug)]
pub struct WrittenLines {
    /// The lines.
    pub part: WrittenPart,
    /// How many there are.
    pub count: usize,
}

/// Lines on their way into a file.
pub struct LinesWriter {
    part: LinesPart,
    file: PartWriter,
    size: u64,
    count: usize,
}

impl LinesWriter {
    /// None yet.
    ///
    /// # Errors
    /// No file can be made.
    pub fn new(part: LinesPart) -> Result<Self, PodError> {
        Ok(Self { part, file: PartWriter::new()?, size: 0, count: 0 })
    }

    /// One more.
    ///
    /// # Errors
    /// The file cannot be written, or no reader would take so many.
    pub fn add(&mut self, mut line: String) -> Result<(), PodError> {
        line.push('\n');
        self.size += line.len() as u64;
        self.count += 1;
        let LinesPart { most, most_lines, .. } = self.part;
        if self.size > most {
            return Err(self.over(&format!("{most} bytes")));
        }
        if self.count > most_lines {
            return Err(self.over(&format!("{most_lines} lines")));
        }

        self.file.write_all(line.as_bytes()).map_err(io_error("a temporary file"))
    }

    fn over(&self, limit: &str) -> PodError {
        let path = self.part.path;
        let way_out = "--only chooses a part of the state";
        PodError::Refused(format!("{path} would have more than the limit of {limit}: {way_out}"))
    }

    /// All of them.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end(self) -> Result<WrittenLines, PodError> {
        Ok(WrittenLines { part: self.file.end()?, count: self.count })
    }
}

/// Reads a part of a pod that is unpacked in `folder`, each line by `read`; `None` where the pod has it not.
///
/// # Errors
/// What is not as it must be, and in which line.
pub fn read<T>(
    part: LinesPart,
    (manifest, folder): (&Manifest, &Path),
    read: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Option<Vec<T>>, PodError> {
    let LinesPart { path: name, most, most_of_line, most_lines } = part;
    let Some(part) = manifest.parts.iter().find(|part| part.path == name) else { return Ok(None) };
    if part.size > most {
        return Err(PodError::Refused(format!("{name} has more than {most} bytes")));
    }
    let path = folder.join(part.digest().hex());
    let mut source = BufReader::new(File::open(&path).map_err(path_error(&path))?);
    let mut lines = Vec::new();

    while let Some(line) = next_line(&mut source, most_of_line).map_err(path_error(&path))? {
        if lines.len() == most_lines {
            return Err(PodError::Refused(format!("{name} has more than {most_lines} lines")));
        }
        let number = lines.len() + 1;
        let line = line.and_then(|line| read(&line));
        lines.push(line.map_err(|what| PodError::Refused(format!("line {number} of {name} {what}")))?);
    }

    Ok(Some(lines))
}

/// The next line without its end, or what is wrong with it.
fn next_line(source: &mut impl BufRead, most: u64) -> std::io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    source.by_ref().take(most + 1).read_until(b'\n', &mut line)?;
    Ok(match line.pop() {
        None => None,
        Some(b'\n') => Some(Ok(line)),
        Some(_) if line.len() as u64 >= most => Some(Err(format!("has more than {most} bytes"))),
        Some(_) => Some(Err("has no end".to_owned())),
    })
}
