//! The link protocol: typed frames between the init and the server.
//!
//! A frame on the wire is a little-endian `u32` length followed by that many bytes of bincode. The
//! init dials; its first frame is [`FromInit::Hello`], whose layout never changes, so that a server
//! of another version can still read it and refuse by name. The server answers [`ToInit::Refused`]
//! or, for an environment that has no runtime yet, [`ToInit::Start`]; an environment that was
//! running before the server restarted is simply kept (adopted) and gets its next
//! [`ToInit::Invoke`].

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::platform::PlatformEvent;

/// Version of the frames below; a server refuses an init that speaks another one.
pub const PROTOCOL: u16 = 5;

/// Largest frame either side accepts, in bytes: a 6 MB payload with room for headers.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// Bytes of the length prefix of each frame.
pub const PREFIX: usize = 4;

/// Environment variable that names where to dial: `unix:/path` or `tcp:ip:port`.
pub const LINK_VARIABLE: &str = "LARDER_LINK";

/// Environment variable with the environment's id.
pub const ENVIRONMENT_VARIABLE: &str = "LARDER_ENVIRONMENT";

/// Environment variable with the token that proves the id to the server.
pub const TOKEN_VARIABLE: &str = "LARDER_TOKEN";

/// Environment variable with the seconds an init waits for a lost server before it ends its
/// environment.
pub const GRACE_VARIABLE: &str = "LARDER_GRACE_S";

/// Environment variable with an address to listen at and a socket that connections are passed on to, with a space
/// between them; not set: nothing is passed on.
pub const RELAY_VARIABLE: &str = "LARDER_RELAY";

/// Environment variable that says what the init has to know of its network: [`NETWORK_OPENS`] or [`NETWORK_SHARED`]; not
/// set: it is the environment's own, and as it will stay.
pub const NETWORK_VARIABLE: &str = "LARDER_NETWORK";

/// A way out is being opened: functions wait for it.
pub const NETWORK_OPENS: &str = "opens";

/// Its loopback is that of others too: only the environment's own processes are served.
pub const NETWORK_SHARED: &str = "shared";

/// Environment variable that tells a runtime client to wait at its standard input: all its variables come there, as one
/// JSON object, and then the end of the file.
pub const STANDBY_VARIABLE: &str = "_LARDER_STANDS_BY";

/// A frame from the init to the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromInit {
    /// First frame of every connection.
    Hello(Hello),
    /// The runtime asked for its first event: the init phase ended well.
    Ready {
        /// Microseconds from the start of the runtime to its first `/next`.
        init_us: u64,
    },
    /// Output of the runtime, split at arbitrary points.
    Log {
        /// When it was read, in milliseconds since the epoch.
        time_ms: u64,
        /// Raw bytes of stdout or stderr.
        data: Bytes,
    },
    /// A part of a streamed response, in order.
    Chunk {
        /// The invocation's request id.
        request_id: String,
        /// The bytes.
        data: Bytes,
    },
    /// The runtime answered, while extensions still work on the event: the caller need not wait for
    /// them. [`FromInit::Finished`] with [`Outcome::Answered`] follows.
    Answered {
        /// The invocation's request id.
        request_id: String,
        /// What came out.
        outcome: Outcome,
    },
    /// The invocation ended; the environment is idle again.
    Finished(Finished),
    /// The init phase failed with no invocation to tell it to; the next one tries again.
    InitFailed {
        /// Lambda's type of the error; empty where it has none.
        error_type: String,
    },
    /// Something that Lambda itself logs.
    Platform(PlatformEvent),
    /// A whole line that the runtime did not write: of an extension, or of Lambda without an event.
    Line {
        /// When it was read, in milliseconds since the epoch.
        time_ms: u64,
        /// Raw bytes, with the line end.
        data: Bytes,
    },
    /// A datagram that the function sent to its X-Ray daemon.
    Trace(Bytes),
    /// The runtime that was started for a [`ToInit::Reload`] has read its code, and asks for events or has failed to.
    Loaded {
        /// That of the `Reload`; of several that came together, the last one's.
        change: u64,
    },
    /// A streamed response begins; its parts follow.
    Streams {
        /// The invocation's request id.
        request_id: String,
        /// What the runtime says that its bytes are; empty where it does not.
        content_type: String,
    },
}

/// Who is dialling, and what it is doing.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the init.
    pub protocol: u16,
    /// The environment's id, from [`ENVIRONMENT_VARIABLE`].
    pub environment: String,
    /// Proof of the id, from [`TOKEN_VARIABLE`].
    pub token: String,
    /// What the environment is doing right now.
    pub phase: Phase,
}

impl std::fmt::Debug for Hello {
    /// Leaves the token out: it is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("protocol", &self.protocol)
            .field("environment", &self.environment)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// What an environment is doing when it dials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// No runtime was started yet: it waits for [`ToInit::Start`].
    Fresh,
    /// The runtime waits for an event (or will be started by the next one). The result of an
    /// invocation that ended while no server read may follow as [`FromInit::Finished`].
    Idle,
    /// An invocation is running, of a caller that a restarted server no longer has. When it ends,
    /// [`FromInit::Finished`] follows on the new connection.
    Busy {
        /// Its request id.
        request_id: String,
    },
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The invocation's request id.
    pub request_id: String,
    /// What came out.
    pub outcome: Outcome,
    /// Microseconds from handing the event to the runtime until it and the extensions were done.
    pub duration_us: u64,
    /// Microseconds of the init phase, where this was the first invocation of the environment.
    pub init_us: Option<u64>,
    /// Microseconds of the restore phase, where this was the first invocation after it.
    pub restore_us: Option<u64>,
    /// Peak memory of the runtime's processes so far, in bytes.
    pub max_memory_bytes: u64,
}

/// The result of one invocation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// The runtime posted a response.
    Response(Bytes),
    /// The runtime posted an error for the invocation, or for its init phase: the body as posted.
    Error {
        /// `Lambda-Runtime-Function-Error-Type`, empty when absent.
        error_type: String,
        /// The JSON body as posted.
        body: Bytes,
        /// True when it was posted to `/runtime/init/error`.
        init: bool,
    },
    /// The deadline passed; the runtime was killed and is started again.
    TimedOut,
    /// The runtime process ended without an answer.
    Exited {
        /// `None` for exit status 0, else `exit status 1` or `signal: killed`.
        reason: Option<String>,
        /// True when it ended before it asked for an event.
        init: bool,
    },
    /// The response was larger than [`Start::max_response_bytes`].
    TooLarge {
        /// Bytes the runtime announced or sent before the init stopped reading.
        bytes: u64,
    },
    /// The runtime could not be started at all (no such program, no permission).
    NotStarted {
        /// Lambda's type, such as `Runtime.InvalidEntrypoint`.
        error_type: String,
        /// Why, for a person.
        reason: String,
    },
    /// The kernel ended the runtime because the environment was out of memory.
    OutOfMemory,
    /// An extension failed, and the environment with it.
    ExtensionFailed {
        /// Lambda's type, such as `Extension.Crash`.
        error_type: String,
        /// Why, in Lambda's words.
        reason: String,
    },
    /// The response was streamed whole in [`FromInit::Chunk`]s.
    Streamed,
    /// The caller was told by [`FromInit::Answered`].
    Answered,
}

/// A frame from the server to the init.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToInit {
    /// The server does not want this environment (unknown, outdated, other protocol): end now.
    Refused {
        /// Why, for the log.
        reason: String,
    },
    /// Start the runtime (first frame to a [`Phase::Fresh`] environment).
    Start(Box<Start>),
    /// Run one event. Sent only to an idle environment; may follow `Start` at once.
    Invoke(Invoke),
    /// End the environment: stop the runtime and exit.
    Shutdown,
    /// The function's files have changed: start the runtime again, after the invocation that is running, and answer
    /// with [`FromInit::Loaded`]. Before [`ToInit::Start`]: only answer when that has loaded.
    Reload {
        /// Which change it is.
        change: u64,
    },
    /// Start a runtime before its function is known: it loads, and waits for a [`ToInit::Start`] that it fits.
    Preload(Box<Preload>),
}

/// A runtime without a function. Its client reads the variables of its function from its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preload {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Its variables until it has a function; the init adds [`STANDBY_VARIABLE`].
    pub variables: Vec<(String, String)>,
    /// Working folder.
    pub working_dir: String,
    /// User and group it runs as; `None`: as the init itself.
    pub user: Option<(u32, u32)>,
}

/// How to run the function's runtime.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Program and arguments; empty: the function's own `bootstrap`, out of its code or else out of its layers.
    pub argv: Vec<String>,
    /// The whole environment of the runtime process, except `AWS_LAMBDA_RUNTIME_API`, which the
    /// init sets to where it listens.
    pub variables: Vec<(String, String)>,
    /// Working folder, `/var/task` on AWS.
    pub working_dir: String,
    /// User and group the runtime runs as; `None`: as the init itself.
    pub user: Option<(u32, u32)>,
    /// Address the init binds the Runtime API to; port 0 takes any free one.
    pub runtime_api: String,
    /// Address the init binds the X-Ray daemon's ports to; port 0 takes any free one.
    pub xray_daemon: String,
    /// Limit of the init phase in milliseconds (10 s on AWS).
    pub init_timeout_ms: u64,
    /// Largest response in bytes (6 291 556 on AWS).
    pub max_response_bytes: u64,
    /// Largest streamed response in bytes (200 MB on AWS).
    pub max_stream_bytes: u64,
    /// Whether processes are stopped between invocations.
    pub freeze: bool,
    /// Memory in bytes that the processes may use together, where no control group limits them.
    pub memory_limit_bytes: Option<u64>,
    /// Whose runtime it is: what extensions and telemetry are told.
    pub function: FunctionFacts,
}

/// What extensions and telemetry are told of the function.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FunctionFacts {
    /// Its name.
    pub name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// ARN of the version.
    pub arn: String,
    /// The account.
    pub account_id: String,
    /// The handler.
    pub handler: String,
    /// `MemorySize` in MB.
    pub memory_mb: u64,
    /// `on-demand`, `provisioned-concurrency` or `snap-start`.
    pub initialization_type: String,
    /// Version of the runtime, such as `python:3.12.v1`; empty for an image.
    pub runtime_version: String,
    /// ARN of that version.
    pub runtime_version_arn: String,
    /// Whether the function logs JSON (`LogFormat`).
    pub json_logs: bool,
}

impl std::fmt::Debug for Start {
    /// Leaves the variables' values out: they may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// One event for the function.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Invoke {
    /// `Lambda-Runtime-Aws-Request-Id`.
    pub request_id: String,
    /// `Lambda-Runtime-Invoked-Function-Arn`.
    pub function_arn: String,
    /// `Lambda-Runtime-Trace-Id`, where there is one.
    pub trace_id: Option<String>,
    /// `Lambda-Runtime-Client-Context`: JSON, where the caller sent one.
    pub client_context: Option<String>,
    /// `Lambda-Runtime-Cognito-Identity`: JSON, where the caller sent one.
    pub cognito_identity: Option<String>,
    /// `Lambda-Runtime-Aws-Tenant-Id`, of functions with tenant isolation.
    pub tenant_id: Option<String>,
    /// The function's timeout in milliseconds; it starts when the event is handed to the runtime.
    pub timeout_ms: u64,
    /// Whether the caller takes the response in [`FromInit::Chunk`]s, should the runtime stream it.
    pub streams: bool,
    /// The event.
    pub payload: Bytes,
}

impl std::fmt::Debug for Invoke {
    /// Leaves the payload out: it is the user's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invoke")
            .field("request_id", &self.request_id)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// Why bytes are not a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length prefix is beyond [`MAX_FRAME`].
    #[error("a frame of {0} bytes is larger than the link allows")]
    TooLong(usize),
    /// The body is not the bincode of a known frame.
    #[error("a frame of the link cannot be decoded: {0}")]
    Malformed(#[from] bincode::Error),
}

/// Encodes a frame with its length prefix.
pub fn encode<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; PREFIX];
    bincode::serialize_into(&mut bytes, frame)?;
    let length = bytes.len() - PREFIX;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong(length))?;
    bytes[..PREFIX].copy_from_slice(&prefix.to_le_bytes());

    Ok(bytes)
}

/// Takes the first whole frame off `buffer`; `None` when more bytes are needed.
pub fn decode<T: DeserializeOwned>(buffer: &mut bytes::BytesMut) -> Result<Option<T>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    if buffer.len() < PREFIX + length {
        return Ok(None);
    }
    let body = buffer.split_to(PREFIX + length).freeze().slice(PREFIX..);

    Ok(Some(bincode::deserialize(&body)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    #[test]
    fn frames_come_back_whole_from_split_bytes() {
        let frame = FromInit::Ready { init_us: 7 };
        let bytes = encode(&frame).expect("a small frame encodes");
        let mut buffer = BytesMut::new();
        for byte in &bytes[..bytes.len() - 1] {
            buffer.extend_from_slice(&[*byte]);
            assert!(decode::<FromInit>(&mut buffer).expect("no error yet").is_none());
        }

        buffer.extend_from_slice(&bytes[bytes.len() - 1..]);
        assert_eq!(decode(&mut buffer).expect("whole"), Some(frame));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_read() {
        let mut buffer = BytesMut::from(&u32::MAX.to_le_bytes()[..]);
        assert!(matches!(decode::<FromInit>(&mut buffer), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn bytes_that_are_no_frame_are_refused() {
        let mut buffer = BytesMut::from(&[4, 0, 0, 0, 255, 255, 255, 255][..]);
        assert!(matches!(decode::<FromInit>(&mut buffer), Err(FrameError::Malformed(_))));
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let hello = Hello { protocol: PROTOCOL, environment: "e".into(), token: "s3cret".into(), phase: Phase::Fresh };
        assert!(!format!("{hello:?}").contains("s3cret"));
    }
}
