//! HTTP/1.1 in the few lines that a measurement needs: blocking, keep-alive, one write and one read
//! a message, so that what is measured is the other side. It serves both ends: callers read
//! answers, the floors' servers read requests.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::Outcome;

/// First size of a read buffer, in bytes.
const BUFFER: usize = 64 * 1024;

/// A message: its first line and headers, and its body.
pub struct Message {
    /// First line and headers, without the empty line.
    pub head: String,
    /// As long as `Content-Length` says.
    pub body: Vec<u8>,
}

impl Message {
    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The body as JSON.
    pub fn json(&self) -> Outcome<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// A connection and what was read ahead of it.
pub struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection<TcpStream> {
    /// Connects to a server.
    pub fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    /// A connection over a stream.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; BUFFER], filled: 0 }
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Message> {
        self.write(request)?;
        self.read()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends a request whose answer must be a success.
    pub fn succeed(&mut self, request: &[u8]) -> Outcome<Message> {
        let answer = self.ask(request)?;
        let failed = !(200..300).contains(&answer.status()) || answer.head.contains("x-amz-function-error");
        if failed {
            Err(format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body)).into())
        } else {
            Ok(answer)
        }
    }

    /// Writes a whole message.
    pub fn write(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message)
    }

    /// Reads a whole message; `None` when the other side hung up.
    pub fn read(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some(end) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                return self.finish(end).map(Some);
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the body behind a head that ends at `end`, and keeps what follows it.
    fn finish(&mut self, end: usize) -> io::Result<Message> {
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let (start, length) = (end + 4, content_length(&head));
        while self.filled < start + length {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let body = self.buffer[start..start + length].to_vec();
        self.buffer.copy_within(start + length..self.filled, 0);
        self.filled -= start + length;
        Ok(Message { head, body })
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let count = self.stream.read(&mut self.buffer[self.filled..])?;
        self.filled += count;
        Ok(count)
    }
}

/// A request with a JSON body (or none).
pub fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Larder-Request: 1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A request of AWS's JSON protocol in this version.
pub fn targeted(target: &str, version: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-{version}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// An answer with more headers (each ended) and a body.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn content_length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.find_map(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}
