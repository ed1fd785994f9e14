//! One environment as the server sees it: its link, and the invocation it runs.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use larder_init::link::{self, Finished, Invoke, Outcome, Start, ToInit};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::oneshot;

use super::executor::EnvironmentId;
use super::link::LinkWriter;
use super::pool::DeploymentKey;
use super::tail::Tail;

/// Bytes of output kept for `LogResult`: its 4 KB and room for the lines around them.
const TAIL: usize = 4096;

/// An event to run, with what the function sees of its caller.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Request id.
    pub request_id: String,
    /// ARN as the caller named it.
    pub function_arn: String,
    /// X-Ray trace header.
    pub trace_id: Option<String>,
    /// Client context, as JSON.
    pub client_context: Option<String>,
    /// The tenant, of a function with tenant isolation.
    pub tenant_id: Option<String>,
    /// The event.
    pub payload: Bytes,
}

/// How an invocation went.
#[derive(Debug)]
pub struct Completed {
    /// What came out.
    pub outcome: Outcome,
    /// From handing over the event to the answer.
    pub duration: Duration,
    /// The init phase, if this invocation was the first of its environment.
    pub init: Option<Duration>,
    /// Peak memory of the environment in bytes.
    pub max_memory_bytes: u64,
    /// The end of what the function wrote.
    pub output: Vec<u8>,
}

/// A running environment that dialled.
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// What it runs.
    pub deployment: DeploymentKey,
    link: tokio::sync::Mutex<LinkWriter>,
    current: Mutex<Option<Current>>,
    idle_since: Mutex<Instant>,
    /// A line for the log of the first invocation.
    notice: Mutex<Option<String>>,
}

/// The invocation an environment runs.
#[derive(Debug)]
struct Current {
    request_id: String,
    reply: oneshot::Sender<Completed>,
    output: Tail,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("id", &self.id)
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// An environment on a fresh link.
    pub fn new(id: EnvironmentId, deployment: DeploymentKey, link: LinkWriter) -> Self {
        let idle_since = Mutex::new(Instant::now());
        let link = tokio::sync::Mutex::new(link);
        Self { id, deployment, link, current: Mutex::default(), idle_since, notice: Mutex::default() }
    }

    /// Leaves a line for the function's log, such as that another language version runs it.
    pub fn notice(&self, line: String) {
        *self.notice.lock().expect("no holder panics") = Some(line);
    }

    /// Tells the init how to start the runtime.
    pub async fn start(&self, start: Start) -> std::io::Result<()> {
        self.send(&ToInit::Start(start)).await
    }

    /// Sends an event; the receiver gets its end. An error means that it was not delivered.
    pub async fn invoke(
        &self,
        invocation: &Invocation,
        timeout: Duration,
    ) -> std::io::Result<oneshot::Receiver<Completed>> {
        let (reply, completed) = oneshot::channel();
        let request_id = invocation.request_id.clone();
        let current = Current { request_id: request_id.clone(), reply, output: Tail::new(TAIL) };
        *self.current.lock().expect("no holder panics") = Some(current);
        let frame = ToInit::Invoke(Invoke {
            request_id,
            function_arn: invocation.function_arn.clone(),
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            cognito_identity: None,
            tenant_id: invocation.tenant_id.clone(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            payload: invocation.payload.clone(),
        });
        self.send(&frame).await.map(|()| completed)
    }

    /// Asks the init to end the environment; one that cannot be asked is ended by the executor.
    pub async fn shutdown(&self) {
        let _ = self.send(&ToInit::Shutdown).await;
    }

    async fn send(&self, frame: &ToInit) -> std::io::Result<()> {
        let bytes = link::encode(frame).map_err(std::io::Error::other)?;
        self.link.lock().await.write_all(&bytes).await
    }

    /// Takes output of the function.
    pub fn output(&self, data: &[u8]) {
        tracing::debug!(target: "larder::function", environment = %self.id, bytes = data.len(), "output");
        if let Some(current) = self.current.lock().expect("no holder panics").as_mut() {
            current.output.push(data);
        }
    }

    /// The init phase ended well: what was written so far belongs to it, not to the invocation.
    pub fn ready(&self) {
        if let Some(current) = self.current.lock().expect("no holder panics").as_mut() {
            current.output.clear();
            if let Some(notice) = self.notice.lock().expect("no holder panics").take() {
                current.output.push(format!("[WARNING] {notice}\n").as_bytes());
            }
        }
    }

    /// Takes the end of an invocation and tells whether the environment is idle now. The end of one
    /// that nobody waits for (its caller's server died, or it was told before) is dropped, and with
    /// it the output that came before it.
    pub fn finished(&self, finished: Finished) -> bool {
        let mut current = self.current.lock().expect("no holder panics");
        let Some(current) = current.take_if(|current| current.request_id == finished.request_id) else {
            if let Some(current) = current.as_mut() {
                current.output.clear();
            }
            return current.is_none();
        };
        let _ = current.reply.send(Completed {
            outcome: finished.outcome,
            duration: Duration::from_micros(finished.duration_us),
            init: finished.init_us.map(Duration::from_micros),
            max_memory_bytes: finished.max_memory_bytes,
            output: current.output.into_bytes(),
        });
        true
    }

    /// The link is gone, and the environment with it: a running invocation fails.
    pub fn lost(&self) {
        drop(self.current.lock().expect("no holder panics").take());
    }

    /// Marks it idle from now on.
    pub fn rest(&self) {
        *self.idle_since.lock().expect("no holder panics") = Instant::now();
    }

    /// How long it has been idle.
    pub fn idle_for(&self) -> Duration {
        self.idle_since.lock().expect("no holder panics").elapsed()
    }
}
