//! Calls of a server's own endpoints, `/_larder/…`: HTTP/1.0, whose answers end with their connections.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// How long the server may be silent: longer than it waits in one call.
const SILENCE: Duration = Duration::from_secs(120);

/// Larder is not to be had, or does not do what it was asked to.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn of_file(path: &Path, error: &io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Calls of one server, as its owner.
#[derive(Debug)]
pub struct Calls {
    /// Host and port.
    address: String,
    token: String,
}

impl Calls {
    pub fn new(endpoint: &str, token: &str) -> Self {
        Self { address: endpoint.trim_start_matches("http://").to_owned(), token: token.to_owned() }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The answer to a question.
    pub fn get(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Value, Error> {
        let mut url = path.to_owned();
        for (name, value) in query.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
            let _ = write!(url, "{}{name}={}", if url.contains('?') { '&' } else { '?' }, encoded(value));
        }
        json(&self.send("GET", &url, "application/json", b"")?)
    }

    /// The answer to what changes something.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        json(&self.bytes(path, body)?)
    }

    /// The same, for an answer that is no JSON.
    pub fn bytes(&self, path: &str, body: &Value) -> Result<Vec<u8>, Error> {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
    }

    /// Sends a file.
    pub fn upload(&self, path: &str, file: &[u8]) -> Result<(), Error> {
        self.send("POST", path, "application/zstd", file).map(drop)
    }

    fn send(&self, method: &str, url: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        let Self { address, token } = self;
        // The header x-larder-request tells it from what a web page can send.
        let head = format!(
            "{method} {url} HTTP/1.0\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nx-larder-request: 1\r\n\
             content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = exchange(address, head.as_bytes(), body);
        let answer = answer.map_err(|error| Error(format!("larder does not answer at http://{address}: {error}")))?;
        let (head, body) = split(&answer).ok_or_else(|| Error::new("larder's answer was cut short"))?;
        if head.split(' ').nth(1) == Some("200") {
            return Ok(body.to_vec());
        }

        let reason =
            serde_json::from_slice::<Value>(body).ok().and_then(|said| Some(said["error"].as_str()?.to_owned()));
        Err(Error(format!("larder: {}", reason.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()))))
    }
}

fn exchange(address: &str, head: &[u8], body: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(address)?;
    server.set_read_timeout(Some(SILENCE))?;
    let sent = server.write_all(head).and_then(|()| server.write_all(body));
    let mut answer = Vec::new();
    let read = server.read_to_end(&mut answer);
    // A server that refuses a body answers before it has taken all of it, and hangs up.
    if answer.is_empty() {
        sent.and(read)?;
    }
    Ok(answer)
}

/// Head and body of an answer; nothing where it has fewer bytes than it says.
fn split(answer: &[u8]) -> Option<(String, &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase(), &answer[end + 4..]);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let is_whole = length.is_none_or(|length| length.trim().parse() == Ok(body.len()));

    is_whole.then_some((head, body))
}

fn json(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error(format!("larder's answer is no JSON: {error}")))
}

/// A text as a part of a URL.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
