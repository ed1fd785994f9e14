//! The link's Unix socket, with no wake-ups for nothing.
//!
//! Tokio's own stream is told whenever its peer has read something, as it could be written to again then; on each
//! invocation both sides would be woken for that. Here the half that reads is told of what can be read only, and the
//! half that writes asks the kernel only while it has more than fits.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::net::unix::pipe;

/// The half that reads: what Tokio calls a pipe is a file descriptor of which only one direction is waited for.
pub type ReadHalf = pipe::Receiver;

/// The half that writes.
#[derive(Debug)]
pub struct WriteHalf {
    stream: UnixStream,
    /// There while the kernel takes no more; only waited on.
    full: Option<pipe::Sender>,
}

/// Both halves of a connection.
///
/// # Errors
/// No file descriptor is left for it.
pub fn halves(stream: tokio::net::UnixStream) -> io::Result<(ReadHalf, WriteHalf)> {
    let stream = stream.into_std()?;
    let write = WriteHalf { stream: stream.try_clone()?, full: None };
    Ok((pipe::Receiver::from_owned_fd_unchecked(OwnedFd::from(stream))?, write))
}

impl WriteHalf {
    /// Writes as much of `bytes` as the kernel takes.
    ///
    /// # Errors
    /// `WouldBlock` when it takes none: [`Self::writable`] waits until it does; the connection broke.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes);
        self.full = match &written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(self.waiter()?),
            _ => None,
        };
        written
    }

    /// Waits until the kernel may take more.
    ///
    /// # Errors
    /// The runtime shuts down.
    pub async fn writable(&self) -> io::Result<()> {
        match &self.full {
            Some(full) => full.writable().await,
            None => Ok(()),
        }
    }

    /// A new one is told at once if there is room again.
    fn waiter(&self) -> io::Result<pipe::Sender> {
        pipe::Sender::from_owned_fd_unchecked(OwnedFd::from(self.stream.try_clone()?))
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                written => return Poll::Ready(written),
            }
            if let Some(full) = &self.full {
                ready!(full.poll_write_ready(context))?;
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(std::net::Shutdown::Write))
    }
}

impl Drop for WriteHalf {
    /// As with Tokio's halves: the peer sees the end, whoever has the other half.
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair() -> ((ReadHalf, WriteHalf), (ReadHalf, WriteHalf)) {
        let (one, other) = tokio::net::UnixStream::pair().expect("a pair of sockets");
        (halves(one).expect("halves"), halves(other).expect("halves"))
    }

    /// More than a socket's buffers hold goes through whole, in both directions at once, while the reader is slow.
    #[tokio::test]
    async fn more_than_fits_goes_through_whole() {
        let ((mut near_read, mut near_write), (mut far_read, mut far_write)) = pair();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|count| count.to_le_bytes()[1]).collect();
        let back = sent.clone();
        let writing = tokio::spawn(async move { far_write.write_all(&back).await });
        let echo = tokio::spawn(async move {
            let mut got = Vec::new();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            far_read.read_to_end(&mut got).await.map(|_| got)
        });

        near_write.write_all(&sent).await.expect("writes");
        drop(near_write);
        let mut got = Vec::new();
        near_read.read_to_end(&mut got).await.expect("reads");

        writing.await.expect("ends").expect("writes");
        assert!(got == sent && echo.await.expect("ends").expect("reads") == sent);
    }

    #[tokio::test]
    async fn the_end_of_the_other_side_is_seen() {
        let ((near_read, mut near_write), far) = pair();
        drop(far);

        near_read.readable().await.expect("waits");
        assert_eq!(near_read.try_read(&mut [0; 4]).expect("reads"), 0);
        assert_eq!(near_write.try_write(b"x").expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
    }

    /// A reader is not woken because its peer read what it wrote.
    #[tokio::test]
    async fn what_the_peer_reads_wakes_nobody() {
        let ((near_read, mut near_write), (far_read, _far_write)) = pair();
        near_write.try_write(b"frame").expect("writes");
        far_read.readable().await.expect("waits");
        assert_eq!(far_read.try_read(&mut [0; 16]).expect("reads"), 5);

        let waited = tokio::time::timeout(std::time::Duration::from_millis(50), near_read.readable()).await;
        assert!(waited.is_err(), "there is nothing to read");
        assert!(near_write.full.is_none());
    }
}
