//! Larder's own endpoints, `/_larder/…`: health, history, pods, events that wait.

mod invocations;
mod localstack;
mod metrics;
mod pages;
mod pod_library;
mod pods;
mod queue;
mod respond;
mod time_travel;
mod trust;
mod upkeep;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
pub use trust::Trusted;

use crate::blobs::BlobStore;
use crate::desk::answers::{Authority, Refusals, Urls};
use crate::desk::denials::Denials;
use crate::desk::init_hooks::InitHooks;
use crate::desk::mappings::KnownMappings;
use crate::desk::queue::Queue;
use crate::desk::{self, history};
use crate::environments::Pool;
use crate::invoke::Invoker;
use crate::ledger::Ledger;
use crate::model::state::Usage;
use crate::pods::remotes::Address;
use crate::reactors::shadows::{Report, Reports, Standing};
use crate::reactors::sources::Results;
use crate::upstream::{Contact, Reached, Upstream};

/// Events of a page at most.
const PAGE: usize = 1000;

/// What the console shows.
#[derive(Debug)]
pub struct Console {
    /// State and history.
    pub ledger: Arc<Ledger>,
    /// Code.
    pub blobs: Arc<BlobStore>,
    /// Where pods lie while they come and go.
    pub staging: PathBuf,
    /// The pod library; `None`: the user's.
    pub pods_dir: Option<PathBuf>,
    /// What callers may have pods pushed to and pulled from, with this server's credentials.
    pub pod_remotes: Vec<Address>,
    /// Events that wait.
    pub queue: Queue,
    /// Cancelled when the server begins to end.
    pub stopping: CancellationToken,
    /// Calls that policies refused.
    pub denials: Arc<Denials>,
    /// Runs functions, and remembers it.
    pub invoker: Arc<Invoker>,
    /// Environments.
    pub pool: Arc<Pool>,
    /// Endpoints of other services.
    pub upstream: Arc<Upstream>,
    /// How reading from event sources goes.
    pub source_results: Arc<Results>,
    /// How shadows of functions fare there.
    pub shadows: Arc<Reports>,
    /// Why the executor is the one it is.
    pub executor_reason: String,
    /// The certificate of the authority that vouches for the server over TLS, where it has one of its own.
    pub authority: Option<String>,
    /// The server's data dir.
    pub data_dir: std::path::PathBuf,
    /// The socket by which the command line reaches this server, if it has the same files.
    pub control: PathBuf,
    /// Where the server listens.
    pub addresses: Vec<SocketAddr>,
    /// When the server started.
    pub started: Instant,
    /// Scripts that run when it starts, is ready and ends.
    pub init_hooks: Arc<InitHooks>,
}

impl Console {
    /// What is known of event source mappings.
    fn mappings(&self) -> KnownMappings {
        KnownMappings {
            state: self.ledger.state(),
            runs: self.ledger.runs(),
            upstream: Arc::clone(&self.upstream),
            results: Arc::clone(&self.source_results),
        }
    }
}

/// The console's routes.
pub fn routes(console: Arc<Console>) -> axum::Router {
    axum::Router::new()
        .route("/_larder/health", get(health))
        .route("/_larder/events", get(events))
        .route("/_larder/runtimes", get(runtimes))
        .route("/_larder/urls", get(urls))
        .route("/_larder/ca", get(authority))
        .route("/_larder/refusals", get(refusals))
        .merge(invocations::routes())
        .merge(localstack::routes())
        .merge(metrics::routes())
        .merge(pages::routes())
        .merge(time_travel::routes())
        .merge(pods::routes())
        .merge(pod_library::routes())
        .merge(queue::routes())
        .merge(upkeep::routes())
        .with_state(console)
}

/// Whose URLs are wanted.
#[derive(Debug, Deserialize)]
struct UrlsQuery {
    function: Option<String>,
}

async fn health(State(console): State<Arc<Console>>) -> Json<Value> {
    let state = console.ledger.state();
    let environments = console.pool.counts();
    let problems = console.ledger.problems();
    let all = state.usage.values().copied().fold(Usage::default(), Usage::plus);
    Json(json!({
        "status": if problems.is_empty() { "ok" } else { "degraded" },
        "problems": problems,
        "ready": console.init_hooks.is_ready(),
        "failed_init_scripts": console.init_hooks.failed(),
        "version": env!("CARGO_PKG_VERSION"),
        "store": console.ledger.store_id(),
        "sequence": state.sequence,
        "executor": { "name": console.pool.executor().name(), "reason": console.executor_reason },
        "counts": {
            "functions": state.functions.len(),
            "versions": all.versions,
            "aliases": all.aliases,
            "queues": state.queues.len(),
            "environments": environments.environments,
            "idle_environments": environments.idle,
            "provisioned_environments": environments.provisioned,
            "standby_environments": environments.standby,
            "waiting_events": console.ledger.runs().events.len(),
            "running_events": console.queue.running.now().len(),
        },
        "upstream": console.upstream.reached().iter().map(reached).collect::<Vec<_>>(),
        "shadows": console.shadows.all().iter().map(shadows).collect::<Vec<_>>(),
        "addresses": console.addresses,
        "control": console.control,
        "uptime_s": console.started.elapsed().as_secs(),
    }))
}

/// An upstream endpoint, as it was found when it was last asked.
fn reached(Reached { endpoint, contact }: &Reached) -> Value {
    let endpoint = endpoint.to_string();
    match contact {
        Contact::NotAsked => json!({ "endpoint": endpoint, "status": "not asked yet" }),
        Contact::Answers => json!({ "endpoint": endpoint, "status": "answers" }),
        Contact::Away { since, reason } => {
            let away_s = since.elapsed().unwrap_or_default().as_secs();
            json!({ "endpoint": endpoint, "status": "away", "reason": reason, "away_s": away_s })
        }
    }
}

/// The shadows of functions at an endpoint.
fn shadows(report: &Report) -> Value {
    let (status, reason) = match &report.standing {
        Standing::Idle => ("idle", None),
        Standing::Kept => ("kept", None),
        Standing::Away(reason) => ("away", Some(reason)),
        Standing::NoLambda(reason) => ("no Lambda there", Some(reason)),
        Standing::CannotRun(reason) => ("cannot run there", Some(reason)),
    };
    json!({
        "endpoint": report.endpoint.to_string(),
        "status": status,
        "reason": reason,
        "shadows": report.shadows,
        "left_alone": report.left_alone,
        "last_failure": report.last_failure,
        "other_accounts": report.others.iter().map(|(here, there)| (here.to_string(), there.as_str().into())).collect::<serde_json::Map<_, _>>(),
    })
}

/// Functions' URLs, of one function or of all.
async fn urls(State(console): State<Arc<Console>>, Query(of): Query<UrlsQuery>) -> Json<Urls> {
    let port = console.addresses.first().map_or(0, SocketAddr::port);
    Json(desk::urls::urls(&console.ledger.state(), of.function.as_deref(), port))
}

/// Which call is asked about.
#[derive(Debug, Deserialize)]
struct RefusalsQuery {
    request_id: Option<String>,
}

/// Calls that policies refused: one, or the latest.
async fn refusals(State(console): State<Arc<Console>>, Query(of): Query<RefusalsQuery>) -> Json<Refusals> {
    Json(Refusals { refusals: console.denials.of(of.request_id.as_deref()) })
}

/// The authority that vouches for this server over TLS.
async fn authority(State(console): State<Arc<Console>>) -> Json<Authority> {
    Json(Authority { certificate: console.authority.clone() })
}

/// The runtimes that can be used without a download.
async fn runtimes(State(console): State<Arc<Console>>) -> Response {
    match console.pool.executor().ready_runtimes().await {
        Ok(ready) => Json(json!({ "ready": ready })).into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "the console cannot answer");
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error.to_string() }))).into_response()
}

/// Query of `/_larder/events`.
#[derive(Debug, Deserialize)]
struct EventsQuery {
    from: Option<u64>,
    limit: Option<usize>,
}

async fn events(State(console): State<Arc<Console>>, Query(query): Query<EventsQuery>) -> Response {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let ledger = Arc::clone(&console.ledger);
    let read = move || history::events(&ledger, query.from.unwrap_or_else(|| ledger.begins()), limit);
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(page)) => Json(page).into_response(),
        Ok(Err(error)) => unavailable(&error),
        Err(error) => unavailable(&error),
    }
}
