//! HTTP by hand: whatever bytes a test wants to send, and the answer as it came.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("no JSON ({error}): {} {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    /// Its error code.
    pub fn error(&self) -> &str {
        self.header("x-amzn-errortype")
    }

    /// Its error message, however the member is spelled.
    pub fn message(&self) -> String {
        let body = self.json();
        let message = body.get("message").or_else(|| body.get("Message"));
        message.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// A request of its own connection.
#[derive(Debug, Clone)]
pub struct Request {
    start: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        Self { start: format!("{method} {path} HTTP/1.1"), headers: Vec::new(), body: Vec::new() }
    }

    /// With a JSON body.
    pub fn json(method: &str, path: &str, body: &Value) -> Self {
        Self::new(method, path).body(body.to_string().into_bytes()).header("content-type", "application/json")
    }

    /// With a body.
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Signed, as far as Larder looks: for the account and region of the credential.
    pub fn signed(self, access_key: &str, region: &str) -> Self {
        self.signed_for("lambda", access_key, region)
    }

    /// The same for another service.
    pub fn signed_for(self, service: &str, access_key: &str, region: &str) -> Self {
        let credential = format!("{access_key}/20260101/{region}/{service}/aws4_request");
        self.header(
            "authorization",
            &format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00"),
        )
    }

    /// With the server's token, which shows secrets.
    pub fn by_owner(self, server: &super::Server) -> Self {
        self.header("authorization", &format!("Bearer {}", server.token()))
    }

    /// Sends it and reads the answer; one of Larder's own endpoints with the header that no web page can send.
    pub fn send(&self, port: u16) -> Answer {
        let mut head = format!("{}\r\nconnection: close\r\n", self.start);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            head.extend(["host: 127.0.0.1:", &port.to_string(), "\r\n"]);
        }
        if self.start.contains(" /_larder/") {
            head.push_str("x-larder-request: 1\r\n");
        }
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if !self.headers.iter().any(|(name, _)| name == "content-length") {
            head.extend(["content-length: ", &self.body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        let answer = exchange(port, &[head.as_bytes(), &self.body].concat(), false);
        answer.unwrap_or_else(|| panic!("no answer to {}", self.start))
    }
}

/// Gets a path.
pub fn get(port: u16, path: &str) -> Answer {
    Request::new("GET", path).send(port)
}

/// Sends bytes, says that no more come, and reads the answer; `None` where the connection ends
/// without one.
pub fn raw(port: u16, bytes: &[u8]) -> Option<Answer> {
    exchange(port, bytes, true)
}

/// The same, and leaves the connection open.
pub fn open(port: u16, bytes: &[u8]) -> Option<Answer> {
    exchange(port, bytes, false)
}

fn exchange(port: u16, bytes: &[u8], last: bool) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    // A server may refuse before it has read everything.
    let sent = stream.write_all(bytes);
    if sent.is_ok() && last {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut received = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
        }
    }
    parse(&received)
}

fn parse(received: &[u8]) -> Option<Answer> {
    let split = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..split]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let mut answer = Answer { status, headers, body: received[split + 4..].to_vec() };
    if answer.header("transfer-encoding") == "chunked" {
        answer.body = joined(&answer.body);
    }
    Some(answer)
}

/// The bytes of chunks; as far as they are whole.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(line) = chunks.windows(2).position(|pair| pair == b"\r\n") {
        let length = std::str::from_utf8(&chunks[..line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let chunk = length.filter(|length| *length > 0).and_then(|length| chunks.get(line + 2..line + 2 + length));
        let Some(chunk) = chunk else { break };
        bytes.extend_from_slice(chunk);
        chunks = chunks.get(line + chunk.len() + 4..).unwrap_or_default();
    }
    bytes
}
