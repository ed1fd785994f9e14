//! What stands between a server and its upstream: it passes calls on, and answers those itself that a test says.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

/// How calls of an operation are refused, and how many of them.
#[derive(Debug, Clone)]
struct Fault {
    code: String,
    message: String,
    times: usize,
}

type Faults = Arc<Mutex<HashMap<String, Fault>>>;

/// It runs until the test ends.
#[derive(Debug)]
pub struct Between {
    port: u16,
    faults: Faults,
}

impl Between {
    /// Before an upstream at a port.
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let faults = Faults::default();
        let known = Arc::clone(&faults);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let faults = Arc::clone(&known);
                std::thread::spawn(move || pass(stream, upstream, &faults));
            }
        });
        Self { port, faults }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has so many calls of an operation refused.
    pub fn refuse(&self, operation: &str, (code, message): (&str, &str), times: usize) {
        let fault = Fault { code: code.to_owned(), message: message.to_owned(), times };
        self.faults.lock().expect("not poisoned").insert(operation.to_owned(), fault);
    }

    /// Whether a refusal is used up.
    pub fn is_used(&self, operation: &str) -> bool {
        !self.faults.lock().expect("not poisoned").contains_key(operation)
    }

    /// Passes everything on again.
    pub fn mend(&self) {
        self.faults.lock().expect("not poisoned").clear();
    }
}

/// One call: whoever calls is told to use another connection for the next.
fn pass(mut stream: TcpStream, upstream: u16, faults: &Faults) -> Option<()> {
    let request = request(&mut stream)?;
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let target = head.lines().find_map(|line| line.strip_prefix("x-amz-target:")).unwrap_or_default();
    let operation = target.trim().rsplit('.').next().unwrap_or_default().to_owned();
    if let Some(Fault { code, message, .. }) = taken(faults, &operation) {
        let body = json!({ "__type": code, "message": message }).to_string();
        let length = body.len();
        let head = format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        return stream.shutdown(Shutdown::Both).ok();
    }

    let mut other = TcpStream::connect(("127.0.0.1", upstream)).ok()?;
    let line = request.windows(2).position(|pair| pair == b"\r\n")? + 2;
    other.write_all(&request[..line]).ok()?;
    other.write_all(b"connection: close\r\n").ok()?;
    other.write_all(&request[line..]).ok()?;
    std::io::copy(&mut other, &mut stream).ok()?;
    stream.shutdown(Shutdown::Both).ok()
}

/// What is to become of a call of an operation, whose name is written in small letters here.
fn taken(faults: &Faults, operation: &str) -> Option<Fault> {
    let mut faults = faults.lock().expect("not poisoned");
    let name = faults.keys().find(|name| name.to_lowercase() == operation)?.clone();
    let fault = faults.get_mut(&name)?;
    let taken = fault.clone();
    fault.times -= 1;
    if fault.times == 0 {
        faults.remove(&name);
    }
    Some(taken)
}

/// The bytes of a request.
fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or_default();
        if bytes.len() >= end + 4 + length {
            return Some(bytes);
        }
    }
}
