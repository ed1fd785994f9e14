//! The runtime's output: one pipe for stdout and stderr, so that their order is exact.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use tokio::net::unix::pipe::Receiver;

/// Largest piece of output in one log frame.
pub const CHUNK: usize = 64 * 1024;

/// The init's end of the pipe.
#[derive(Debug)]
pub struct Output {
    pipe: Receiver,
    buffer: Box<[u8]>,
    open: bool,
}

impl Output {
    /// Makes the pipe; the writer is for the runtime.
    pub fn pipe() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer): (PipeReader, PipeWriter) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok((Self { pipe, buffer: vec![0; CHUNK].into_boxed_slice(), open: true }, writer))
    }

    /// Waits until there is something to read; forever once every writer is gone.
    pub async fn readable(&self) {
        if !self.open || self.pipe.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes one piece; `None` when there is none at this moment.
    pub fn take(&mut self) -> Option<&[u8]> {
        let read = self.pipe.try_read(&mut self.buffer);
        self.piece(read)
    }

    /// Takes one piece by asking the kernel, whatever tokio knows of the pipe: the one way to be
    /// sure that nothing which was written before now is left.
    pub fn take_now(&mut self) -> Option<&[u8]> {
        let read = nix::unistd::read(&self.pipe, &mut self.buffer).map_err(Errno::into);
        self.piece(read)
    }

    /// What a read came to; notes the end of the pipe.
    fn piece(&mut self, read: io::Result<usize>) -> Option<&[u8]> {
        match read {
            Ok(count) if count > 0 => Some(&self.buffer[..count]),
            Err(error) if is_passing(&error) => None,
            Ok(_) | Err(_) => {
                self.open = false;
                None
            }
        }
    }
}

/// True for errors that a later read may not meet.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
