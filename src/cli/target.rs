//! What a subcommand works on: a running server, or a data dir that no server has.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use crate::ledger::{Durability, Ledger, Options};
use crate::model::event::Origin;
use crate::model::limits::Limits;
use crate::server;

/// Where to look.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where")]
pub struct TargetOptions {
    /// Running server to ask
    #[arg(long, env = "LARDER_ENDPOINT", default_value = "http://127.0.0.1:4566", value_name = "URL")]
    pub endpoint: String,
    /// Data dir to open instead, while no server has it
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// How to print, and what.
#[derive(Debug, Args)]
pub struct OutputOptions {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Show the values of functions' variables
    #[arg(long)]
    pub show_secrets: bool,
    /// Where to look.
    #[command(flatten)]
    pub target: TargetOptions,
}

/// A server, or an opened data dir.
#[derive(Debug)]
pub enum Target {
    /// A running server.
    Server(Client),
    /// A data dir.
    Folder(Box<Offline>),
}

/// A data dir that is held as long as this lives.
#[derive(Debug)]
pub struct Offline {
    /// Its ledger.
    pub ledger: Arc<Ledger>,
    /// The folder.
    pub data_dir: PathBuf,
    _lock: File,
}

impl TargetOptions {
    /// Opens what is meant.
    pub fn open(&self) -> Result<Target, String> {
        match &self.data_dir {
            Some(folder) => Offline::open(folder).map(|offline| Target::Folder(Box::new(offline))),
            None => Client::new(&self.endpoint).map(Target::Server),
        }
    }
}

impl Offline {
    /// Opens an existing data dir.
    pub fn open(data_dir: &Path) -> Result<Self, String> {
        let store = data_dir.join("store");
        if !store.is_dir() {
            return Err(format!("{} is no data dir of larder: it has no folder `store`", data_dir.display()));
        }
        let lock = server::lock(data_dir).map_err(|error| {
            format!("{error} (to ask a running server, leave --data-dir out, or give --endpoint its address)")
        })?;
        let ledger = Arc::new(open_free(&store)?);
        Ok(Self { ledger, data_dir: data_dir.to_owned(), _lock: lock })
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        // Who changed something has closed it already, and heard of any error.
        let _ = self.ledger.close();
    }
}

/// How long the engine of a store that was just closed may hold its files.
const LET_GO: Duration = Duration::from_secs(5);

/// Opens a store that this process may have closed a moment ago.
fn open_free(store: &Path) -> Result<Ledger, String> {
    let started = Instant::now();
    loop {
        let options = Options { path: store.to_owned(), durability: Durability::Always, limits: Limits::default() };
        match Ledger::open(options) {
            Err(error) if error.is_held() && started.elapsed() < LET_GO => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened.map_err(|error| error.to_string()),
        }
    }
}

/// Who changes a data dir that no server has: this command.
pub fn cli() -> Origin {
    let user_agent = concat!("larder/", env!("CARGO_PKG_VERSION")).to_owned();
    Origin { request_id: uuid::Uuid::new_v4().to_string(), user_agent, ..Origin::default() }
}

/// A client of a running server's own endpoints.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
}

impl Client {
    /// A client for the server at `endpoint`.
    pub fn new(endpoint: &str) -> Result<Self, String> {
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).build();
        let http = http.map_err(|error| format!("cannot make a client: {error}"))?;
        Ok(Self { http, endpoint: endpoint.trim_end_matches('/').to_owned() })
    }

    /// A request to a path of the server.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.endpoint))
    }

    /// Sends a request; an error says what the server says.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, String> {
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                let endpoint = &self.endpoint;
                format!(
                    "no server answers at {endpoint}: start one with `larder serve`, or give --endpoint or --data-dir"
                )
            } else {
                error.to_string()
            }
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let said = serde_json::from_str::<Value>(&text).ok().and_then(|body| Some(body["error"].as_str()?.to_owned()));
        Err(said.unwrap_or_else(|| format!("the server answered {status}: {text}")))
    }

    /// GET of JSON.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, String> {
        let response = self.send(self.request(reqwest::Method::GET, path).query(query)).await?;
        response.json().await.map_err(|error| error.to_string())
    }

    /// POST of JSON, answered in JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let response = self.send(self.request(reqwest::Method::POST, path).json(body)).await?;
        response.json().await.map_err(|error| error.to_string())
    }
}
