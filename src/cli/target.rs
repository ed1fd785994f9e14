//! What a subcommand works on: a running server, or a data dir that no server has.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{CliError, Kind, no_data_dir};
use crate::front::control::{self, ShortPath};
use crate::front::guard::{REQUEST_HEADER, TOKEN_HEADER};
use crate::ledger::{Durability, Ledger, LedgerOptions};
use crate::model::event::Origin;
use crate::model::limits::Limits;
use crate::server::{self, ServerError};

/// Where to look.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where")]
pub struct TargetOptions {
    /// Running server to ask; without it, the one that has the data dir `./.larder`, else the one at
    /// `http://127.0.0.1:4566`
    #[arg(long, env = "LARDER_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Data dir to open instead; the server that has it is asked over its socket there
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Token of the server, out of the file `token` in its data dir: for secrets, where that is on another machine
    #[arg(long, env = "LARDER_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
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
    pub fn open(&self) -> Result<Target, CliError> {
        match &self.data_dir {
            Some(folder) => match Offline::open(folder) {
                Err(OpenError::InUse) => Client::of_data_dir(folder).map(Target::Server),
                opened => Ok(Target::Folder(Box::new(opened?))),
            },
            None => self.client().map(Target::Server),
        }
    }

    /// The same, for what may hold secrets, which only the store's owner is given.
    pub async fn open_for(&self, secrets: bool) -> Result<Target, CliError> {
        Ok(match self.open()? {
            Target::Server(client) if secrets && self.token.is_none() => Target::Server(client.into_owners().await),
            target => target,
        })
    }

    /// The data dir that is given, or which `larder serve` takes where none is.
    pub fn usual_data_dir(&self) -> PathBuf {
        let given = self.data_dir.clone().or_else(|| std::env::var_os("LARDER_DATA_DIR").map(PathBuf::from));
        given.unwrap_or_else(|| PathBuf::from("./.larder"))
    }

    /// A client of the server at the endpoint, or of the one that is found.
    pub fn client(&self) -> Result<Client, CliError> {
        match (&self.endpoint, server_of(&self.usual_data_dir())) {
            (None, Some(client)) => Ok(client),
            (endpoint, _) => Client::new(endpoint.as_deref().unwrap_or(USUAL_ENDPOINT), self.token.as_deref()),
        }
    }
}

/// Where a server listens that nobody told otherwise.
const USUAL_ENDPOINT: &str = "http://127.0.0.1:4566";

/// A client of the server that has a data dir, if one has it.
fn server_of(data_dir: &Path) -> Option<Client> {
    let short = ShortPath::of(data_dir).ok()?;
    std::os::unix::net::UnixStream::connect(short.path()).ok()?;
    Client::of_data_dir(data_dir).ok()
}

/// Why a data dir is not opened.
#[derive(Debug)]
pub enum OpenError {
    /// A server has it.
    InUse,
    /// Anything else.
    Other(CliError),
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::InUse => CliError::new(Kind::InUse, "a running server has the data dir: stop it first"),
            OpenError::Other(error) => error,
        }
    }
}

impl Offline {
    /// Opens an existing data dir.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let store = data_dir.join("store");
        if !store.is_dir() {
            return Err(OpenError::Other(no_data_dir(data_dir)));
        }
        let lock = server::lock(data_dir).map_err(|error| match error {
            ServerError::InUse(_) => OpenError::InUse,
            error => OpenError::Other(error.into()),
        })?;
        let ledger = Arc::new(open_free(&store).map_err(OpenError::Other)?);

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
fn open_free(store: &Path) -> Result<Ledger, CliError> {
    let started = Instant::now();
    loop {
        let options =
            LedgerOptions { path: store.to_owned(), durability: Durability::Always, limits: Limits::default() };
        match Ledger::open(options) {
            Err(error) if error.is_held() && started.elapsed() < LET_GO => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return Ok(opened?),
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
    /// Of the server's socket, where that is the way.
    socket: Option<Arc<ShortPath>>,
}

impl Client {
    /// A client for the server at `endpoint`.
    pub fn new(endpoint: &str, token: Option<&str>) -> Result<Self, CliError> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !reqwest::Url::parse(&endpoint).is_ok_and(|url| url.has_host()) {
            return Err(format!("{endpoint:?} is no address of a server: write http://HOST:PORT").into());
        }
        let http = builder(token)?.build().map_err(|error| format!("cannot make a client: {error}"))?;
        Ok(Self { http, endpoint, socket: None })
    }

    /// A client for the server that has a data dir, over its socket there.
    pub fn of_data_dir(data_dir: &Path) -> Result<Self, CliError> {
        let short = ShortPath::of(data_dir).map_err(|error| format!("{}: {error}", data_dir.display()))?;
        let http = builder(None)?.unix_socket(short.path()).build();
        let http = http.map_err(|error| format!("cannot make a client: {error}"))?;
        Ok(Self { http, endpoint: "http://localhost".to_owned(), socket: Some(Arc::new(short)) })
    }

    /// The same server over its socket, if that is on this machine and opens for this user: then it shows secrets.
    pub async fn into_owners(self) -> Self {
        if self.socket.is_some() {
            return self;
        }
        let Ok(health) = self.get::<Value>("/_larder/health", &[]).await else { return self };
        let folder = health["control"].as_str().map(Path::new).and_then(Path::parent);
        let Some(folder) = folder.filter(|folder| folder.join(control::SOCKET).exists()) else { return self };
        let Ok(owner) = Self::of_data_dir(folder) else { return self };

        match owner.get::<Value>("/_larder/health", &[]).await {
            // It may be another machine's path, which leads to another server here.
            Ok(there) if there["store"] == health["store"] => owner,
            _ => self,
        }
    }

    /// A request to a path of the server.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.endpoint))
    }

    /// Sends a request; an error says what the server says.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, CliError> {
        let response = request
            .send()
            .await
            .map_err(|error| if error.is_connect() { self.silence() } else { error.to_string().into() })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let said = serde_json::from_str::<Value>(&text).ok().and_then(|body| said_in(&body));
        match said {
            Some(said) => Err(CliError::new(Kind::of_status(status.as_u16()), said)),
            None if !self.is_larder().await => Err(self.stranger()),
            None => {
                Err(CliError::new(Kind::of_status(status.as_u16()), format!("the server answered {status}: {text}")))
            }
        }
    }

    /// Sends a request, and reads the answer's JSON.
    pub async fn ask<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CliError> {
        let text = self.send(request).await?.text().await.map_err(|error| error.to_string())?;
        match serde_json::from_str(&text) {
            Ok(answer) => Ok(answer),
            // What answers everything, such as a proxy, answers this too.
            Err(_) if !self.is_larder().await => Err(self.stranger()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether what answers there is a Larder.
    async fn is_larder(&self) -> bool {
        let Ok(response) = self.request(reqwest::Method::GET, "/_larder/health").send().await else { return true };
        let text = response.text().await.unwrap_or_default();
        serde_json::from_str::<Value>(&text).is_ok_and(|health| health["store"].is_string())
    }

    /// What is wrong when something else answers.
    fn stranger(&self) -> CliError {
        let message = format!(
            "what answers at {} is no Larder: --endpoint takes the address of one, `larder serve` starts one",
            self.endpoint
        );
        CliError::new(Kind::Unreachable, message)
    }

    /// The address of the server, for others than this process.
    pub fn address(&self, health: &Value) -> String {
        match self.socket {
            None => self.endpoint.clone(),
            Some(_) => address_of(health),
        }
    }

    /// What is wrong when nobody answers.
    fn silence(&self) -> CliError {
        let endpoint = &self.endpoint;
        let message = match self.socket {
            None => {
                format!(
                    "no server answers at {endpoint}: start one with `larder serve`, or give --endpoint or --data-dir"
                )
            }
            Some(_) => {
                "the server that has the data dir does not answer yet: it starts, or is an older one; --endpoint \
                        takes its address"
                    .to_owned()
            }
        };
        CliError::new(Kind::Unreachable, message)
    }

    /// GET of JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, CliError> {
        self.ask(self.request(reqwest::Method::GET, path).query(query)).await
    }

    /// POST of JSON, answered in JSON.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, CliError> {
        self.ask(self.request(reqwest::Method::POST, path).json(body)).await
    }
}

/// What an answer says is wrong: of Larder's own endpoints, or of a service.
fn said_in(body: &Value) -> Option<String> {
    ["error", "Message", "message"].iter().find_map(|name| Some(body[*name].as_str()?.to_owned()))
}

/// Where a server listens, as it says itself.
pub fn address_of(health: &Value) -> String {
    health["addresses"][0].as_str().map(|address| format!("http://{address}")).unwrap_or_default()
}

/// A client that says that no web page sends its requests.
fn builder(token: Option<&str>) -> Result<reqwest::ClientBuilder, CliError> {
    let mut headers = HeaderMap::new();
    headers.insert(REQUEST_HEADER, HeaderValue::from_static("1"));
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(token.trim()).map_err(|_| "the token is none: --token".to_owned())?;
        value.set_sensitive(true);
        headers.insert(TOKEN_HEADER, value);
    }
    Ok(crate::tls::client().connect_timeout(Duration::from_secs(5)).default_headers(headers))
}
