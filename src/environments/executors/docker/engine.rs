//! The container engine: where it is, whether it answers, and what its errors say.

use std::error::Error as _;
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};

use crate::environments::executor::ExecutorError;

/// Where an engine is when nobody says otherwise.
const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// How long the engine may take to say its version. It takes some milliseconds, and where there is no
/// engine its socket says so at once; but one on a machine that is very busy, as after a crash, must
/// not be taken for absent: its environments would be lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long any request may take to begin to answer, in seconds; only a download takes that long.
const REQUEST_TIMEOUT_S: u64 = 120;

/// How long the engine may take to make, start or remove a container: on a busy disk it can take many seconds. Callers
/// do not wait so long: see `pool::making`.
const SLOW: Duration = Duration::from_secs(60);

/// How long it may take for what takes milliseconds.
const QUICK: Duration = Duration::from_secs(10);

/// The oldest API whose requests we send (Docker 20.10, Podman 3).
const OLDEST_API: (u32, u32) = (1, 41);

/// An engine that has answered.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The client. It sends paths without a version, which every engine takes as its own newest:
    /// there is nothing to negotiate.
    pub(super) docker: Docker,
    /// Its address, for messages.
    address: String,
    /// Its version for people, such as `20.10.24 (API 1.41, amd64)`.
    pub(super) description: String,
    /// Its architecture in its own words, such as `amd64`.
    pub(super) architecture: String,
    /// Whether it is Podman, which leaves a part of Docker's API out.
    pub(super) is_podman: bool,
    /// Whether it is reached over TCP: our folders are not its folders then.
    pub(super) remote: bool,
}

impl Engine {
    /// Finds the engine at `host`, a value of `DOCKER_HOST` (`unix://`, `tcp://`, `http://`), and
    /// asks for its version.
    ///
    /// # Errors
    /// Why there is none to work with, for a person.
    pub async fn connect(host: Option<&str>) -> Result<Self, ExecutorError> {
        let address = host.filter(|host| !host.is_empty()).unwrap_or(DEFAULT_SOCKET);
        let mut engine = Self::client(address)?;
        let version = tokio::time::timeout(ANSWER_WITHIN, engine.docker.version()).await;
        let version = version
            .map_err(|_| silent(address, &format!("no answer within {ANSWER_WITHIN:?}")))?
            .map_err(|error| silent(address, &reason(&error)))?;
        let api = version.api_version.unwrap_or_default();
        if parse_api(&api) < Some(OLDEST_API) {
            let (major, minor) = OLDEST_API;
            return Err(silent(address, &format!("it speaks API {api:?}, Larder needs {major}.{minor} or later")));
        }
        let os = version.os.unwrap_or_default();
        if os != "linux" {
            return Err(silent(address, &format!("it runs {os} containers, Larder needs linux")));
        }
        let components = version.components.unwrap_or_default();
        engine.is_podman = components.iter().any(|component| component.name.contains("Podman"));
        engine.architecture = version.arch.unwrap_or_default();
        engine.description = format!("{} (API {api}, {})", version.version.unwrap_or_default(), engine.architecture);
        Ok(engine)
    }

    /// An engine that has not answered yet.
    fn client(address: &str) -> Result<Self, ExecutorError> {
        let (scheme, rest) = address.split_once("://").unwrap_or(("unix", address));
        let remote = scheme != "unix";
        let docker = match scheme {
            "unix" => Docker::connect_with_unix(rest, REQUEST_TIMEOUT_S, API_DEFAULT_VERSION),
            "tcp" | "http" => {
                let host = rest.trim_end_matches('/');
                Docker::connect_with_http(host, REQUEST_TIMEOUT_S, API_DEFAULT_VERSION)
            }
            _ => {
                return Err(silent(
                    address,
                    "Larder speaks unix://, tcp:// and http:// (reach others through a tunnel)",
                ));
            }
        };
        Ok(Self {
            docker: docker.map_err(|error| silent(address, &reason(&error)))?,
            address: address.to_owned(),
            description: String::new(),
            architecture: String::new(),
            is_podman: false,
            remote,
        })
    }

    /// The answer to a request that is answered in milliseconds.
    pub(super) async fn quick<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        within(QUICK, answer).await
    }

    /// The answer to a request that makes, starts or removes a container.
    pub(super) async fn slow<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        within(SLOW, answer).await
    }

    /// The failure of one step, which reads on from `Docker: cannot`: `start container x`.
    pub(super) fn failed(&self, step: &str, error: &Error) -> ExecutorError {
        let reason = reason(error);
        if never_arrived(error) {
            return ExecutorError::Failed(format!(
                "Docker: cannot {step}: no engine answers at {}: {reason}",
                self.address
            ));
        }

        let text = format!("Docker: cannot {step}: {reason}");
        if is_broken_off(&reason) { ExecutorError::BrokenOff(text) } else { ExecutorError::Failed(text) }
    }
}

/// Whether the runtime below the engine lost a container that it was making, in runc's words: its first process ended
/// before the engine had spoken to it, or what the engine does then to its network came too late. Nothing of the container
/// has run.
fn is_broken_off(reason: &str) -> bool {
    // The second is how runc shows an error that it did not get.
    const LOST: [&str; 3] = ["broken pipe", "%!w(<nil>)", "error running hook"];
    reason.contains("during container init") && LOST.iter().any(|lost| reason.contains(lost))
}

/// An engine that takes a request and does not answer holds nobody for ever.
async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(limit, answer).await.unwrap_or(Err(Error::RequestTimeoutError))
}

/// Whether the engine has no such container or image.
pub(super) fn is_missing(error: &Error) -> bool {
    status(error) == Some(404)
}

/// Whether what was to be removed is gone, or another removal of it is under way: engines answer
/// 409 to the second one.
pub(super) fn is_going(error: &Error) -> bool {
    matches!(status(error), Some(404 | 409))
}

/// What an error says, down to its innermost cause, on one line.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().replace('\n', " "),
        Error::DockerStreamError { error } => error.trim().replace('\n', " "),
        Error::SocketNotFoundError(path) => format!("there is no socket {path}"),
        _ => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !text.ends_with(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            text
        }
    }
}

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Whether the request found no engine, or lost it: not an answer of one.
fn never_arrived(error: &Error) -> bool {
    matches!(
        error,
        Error::HyperLegacyError { .. }
            | Error::HyperResponseError { .. }
            | Error::IOError { .. }
            | Error::RequestTimeoutError
            | Error::SocketNotFoundError(_)
    )
}

/// No engine to work with at `address`, and what to do about it.
fn silent(address: &str, reason: &str) -> ExecutorError {
    let hint = if reason.contains("Permission denied") { "; run Larder as a user of the group `docker`" } else { "" };
    ExecutorError::Failed(format!("no Docker engine at {address}: {reason}{hint}"))
}

fn parse_api(api: &str) -> Option<(u32, u32)> {
    let (major, minor) = api.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Docker 20.10 said it under load.
    #[test]
    fn what_broke_off_is_told_from_what_was_refused() {
        let broken = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container \
                      process: error during container init: writing syncT \"procResume\": write init-p: broken pipe: unknown";
        assert!(is_broken_off(broken));
        let unsaid = "OCI runtime create failed: runc create failed: unable to start container process: error during \
                      container init: %!w(<nil>): unknown";
        assert!(is_broken_off(unsaid));
        let late = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container \
                    process: error during container init: error running hook #0: error running hook: exit status 1, stdout: , \
                    stderr: time=\"2026-12-01T15:14:31Z\" level=fatal msg=\"no such file or directory\": unknown";
        assert!(is_broken_off(late));
        let refused = "OCI runtime create failed: runc create failed: unable to start container process: error during \
                       container init: exec: \"/nothing\": no such file or directory: unknown";

        assert!(!is_broken_off(refused));
    }

    async fn refusal(host: &str) -> String {
        let refused = Engine::connect(Some(host)).await;
        refused.expect_err(host).to_string()
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named_at_once() {
        let began = std::time::Instant::now();
        let text = refusal("unix:///nowhere/docker.sock").await;
        assert_eq!(text, "no Docker engine at unix:///nowhere/docker.sock: there is no socket /nowhere/docker.sock");
        let text = refusal("tcp://127.0.0.1:1").await;
        assert!(text.contains("tcp://127.0.0.1:1") && text.contains("refused"), "{text}");
        assert!(began.elapsed() < Duration::from_millis(100));
    }

    #[tokio::test]
    async fn a_socket_that_stays_silent_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("docker.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
        let text = refusal(&format!("unix://{}", socket.display())).await;
        assert!(text.ends_with("no answer within 5s"), "{text}");
    }

    #[tokio::test]
    async fn other_ways_to_an_engine_are_refused_by_name() {
        let text = refusal("ssh://me@there").await;
        assert!(text.contains("unix://, tcp:// and http://"), "{text}");
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(parse_api("1.9") < Some(OLDEST_API));
        assert!(parse_api("1.41") >= Some(OLDEST_API));
        assert!(parse_api("1.100") > Some(OLDEST_API));
        assert!(parse_api("") < Some(OLDEST_API));
    }
}
