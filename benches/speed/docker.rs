//! The Docker engine, asked directly: what the floors of the docker executor need.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Outcome;
use crate::http::{self, Connection, Message};

/// Where the engine is, unless `DOCKER_HOST` names another Unix socket.
const SOCKET: &str = "/var/run/docker.sock";

/// How long a removed container may stay visible.
const REMOVAL: Duration = Duration::from_secs(10);

/// A connection to the engine.
pub struct Engine(Connection<UnixStream>);

impl Engine {
    /// Connects to the engine.
    pub fn connect() -> Outcome<Self> {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let socket = host.strip_prefix("unix://").unwrap_or(SOCKET);
        let stream = UnixStream::connect(socket).map_err(|error| format!("{socket}: {error}"))?;
        Ok(Self(Connection::new(stream)))
    }

    /// Creates and starts a container; its id.
    pub fn start(&mut self, container: &Value) -> Outcome<String> {
        let created = self.0.succeed(&http::request("POST", "/containers/create", container.to_string().as_bytes()))?;
        let id = created.json()?["Id"].as_str().ok_or("the engine gave no id")?.to_owned();
        self.0.succeed(&http::request("POST", &format!("/containers/{id}/start"), b""))?;
        Ok(id)
    }

    /// Removes a container and waits until it is gone: its end must not disturb what is measured
    /// next.
    pub fn remove(&mut self, id: &str) {
        let delete = http::request("DELETE", &format!("/containers/{id}?force=true"), b"");
        let look = http::request("GET", &format!("/containers/{id}/top"), b"");
        let status = |answer: std::io::Result<Message>| answer.map_or(404, |answer| answer.status());
        let deadline = Instant::now() + REMOVAL;
        let mut there = status(self.0.ask(&delete)) != 404;
        while there && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
            there = status(self.0.ask(&look)) != 404;
        }
    }
}
