//! Larder, a local AWS Lambda service, for cargo's tests.
//!
//! Keep a [`Larder`] in a `static` (a `LazyLock`), and begin each test with [`Larder::test`]. The server ends with the process
//! of the tests, however that ends: the `static` needs no end of its own. README.md shows it.

mod calls;
mod server;
mod test;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::calls::Calls;
pub use crate::calls::Error;
use crate::server::Server;
pub use crate::test::Test;

/// Clients' region.
pub const REGION: &str = "us-east-1";

/// Access key id and secret of clients. Any will do; one of 12 digits would be an account.
pub const KEY: &str = "test";

/// The server waits no longer in one call.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The program; else `LARDER_BIN`, or `larder` on the PATH.
    pub program: Option<PathBuf>,
    /// What runs functions: `docker`, `sandbox` or `auto`.
    pub executor: Option<String>,
    /// Pod with whose state the tests begin.
    pub pod: Option<PathBuf>,
    /// Where failing tests leave pods; else `.larder-failures` in the working folder, which is the package's.
    pub failures: Option<PathBuf>,
}

/// A running server, and where the present test began.
#[derive(Debug)]
pub struct Larder {
    calls: Calls,
    /// Milliseconds since the epoch.
    since: AtomicU64,
    failures: PathBuf,
    /// Tests take turns.
    turn: Mutex<()>,
    _server: Server,
}

impl Larder {
    /// Starts a server, which ends when this is dropped, and with this process, however that ends.
    ///
    /// # Errors
    /// There is no such program, it does not start, or the pod cannot be loaded.
    pub fn start(start: &Start) -> Result<Self, Error> {
        let server = Server::start(start.program.as_deref(), start.executor.as_deref())?;
        let larder = Self {
            calls: server.calls()?,
            since: AtomicU64::new(now_ms()),
            failures: start.failures.clone().unwrap_or_else(|| PathBuf::from(".larder-failures")),
            turn: Mutex::new(()),
            _server: server,
        };
        if let Some(pod) = &start.pod {
            larder.load_pod(pod, false)?;
        }

        Ok(larder)
    }

    /// Where AWS's clients find it, as a URL.
    pub fn endpoint(&self) -> String {
        self.calls.endpoint()
    }

    /// Variables by which AWS's SDKs, its command line and `larder` find the server: for subprocesses.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("LARDER_ENDPOINT", self.endpoint()),
            ("LARDER_TOKEN", self.calls.token().to_owned()),
        ]
    }

    /// Waits for its turn, and begins a test: what it does to the state is undone when what is returned is dropped.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn test(&self) -> Result<Test<'_>, Error> {
        Test::begin(self)
    }

    /// Names the state of now, and returns what [`Self::rewind`] takes. A name that is taken moves here.
    ///
    /// # Errors
    /// It is no name.
    pub fn mark(&self, name: &str) -> Result<String, Error> {
        let marked = self.calls.post(&format!("/_larder/marks/{}", calls::encoded(name)), &json!({}))?;
        Ok(format!("mark:{}", marked["mark"].as_str().unwrap_or(name)))
    }

    /// Brings a state back: `mark:NAME`, a sequence, a time. Events that wait and messages of queues are dropped.
    ///
    /// # Errors
    /// There is no such state.
    pub fn rewind(&self, to: &str) -> Result<(), Error> {
        let rewind = json!({ "to": to, "drop_events": true, "drop_messages": true });
        self.calls.post("/_larder/rewind", &rewind).map(drop)
    }

    /// Puts a pod's state in the place of all there is. Who trusts it has it start what it asks for.
    ///
    /// # Errors
    /// The file cannot be read, or is no pod.
    pub fn load_pod(&self, path: impl AsRef<Path>, trust: bool) -> Result<(), Error> {
        let path = path.as_ref();
        let pod = fs::read(path).map_err(|error| Error::of_file(path, &error))?;
        let url = format!("/_larder/pods/load?merge=overwrite&drop_events=true&trust={trust}");
        self.calls.upload(&url, &pod)
    }

    /// Writes the state of now, with what was invoked since the test began, for `larder reproduce`. What looks like a
    /// secret is left out.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_pod(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let since = self.since.load(Ordering::Relaxed);
        let pod = self.calls.bytes("/_larder/pods/save", &json!({ "redact": ["auto"], "report_since": since }))?;
        // Whole, or not there.
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&part, pod));
        written.and_then(|()| fs::rename(&part, path)).map_err(|error| Error::of_file(path, &error))
    }

    /// Waits until no asynchronous event waits or runs: of all functions, or of those that a name chooses.
    ///
    /// # Errors
    /// It takes longer than this, or there is no such function.
    pub fn wait_for_events(&self, function: Option<&str>, limit: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
            let timeout = left.as_millis().to_string();
            let waited =
                self.calls.get("/_larder/queue/wait", &[("function", function), ("timeout_ms", Some(&timeout))])?;
            if waited["done"] == true {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let [waiting, running, deliveries] = ["waiting", "running", "deliveries"].map(|count| &waited[count]);
                let counts = format!("{waiting} wait, {running} of them run; {deliveries} deliveries");
                return Err(Error::new(format!("after {limit:?} there still are asynchronous events: {counts}")));
            }
        }
    }

    /// What was invoked since the test began, the oldest first: of all functions, or of those that a name chooses.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn invocations(&self, function: Option<&str>) -> Result<Vec<Value>, Error> {
        let since = UNIX_EPOCH + Duration::from_millis(self.since.load(Ordering::Relaxed));
        let since = humantime::format_rfc3339_millis(since).to_string();
        let (mut found, mut before) = (Vec::new(), None::<String>);
        loop {
            let query = [
                ("function", function),
                ("since", Some(since.as_str())),
                ("limit", Some("1000")),
                ("before", before.as_deref()),
            ];
            let mut page = self.calls.get("/_larder/invocations", &query)?;
            let ran = page["invocations"].as_array_mut().map(std::mem::take).unwrap_or_default();
            // A time finds what was over since then; what began before is another test's.
            found.extend(ran.into_iter().filter(|ran| ran["started"].as_str() >= Some(since.as_str())));
            before = page["next"].as_str().map(str::to_owned);
            if before.is_none() {
                found.reverse();
                return Ok(found);
            }
        }
    }

    /// All that is remembered of an invocation, of its last attempt: event, answer, log, calls.
    ///
    /// # Errors
    /// Nothing is remembered of it.
    pub fn invocation(&self, request_id: &str) -> Result<Value, Error> {
        let url = format!("/_larder/invocations/{}", calls::encoded(request_id));
        let mut found = self.calls.get(&url, &[("show_secrets", Some("true"))])?;
        let last = found.as_array_mut().and_then(Vec::pop);
        last.ok_or_else(|| Error::new(format!("nothing is remembered of {request_id}")))
    }
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
