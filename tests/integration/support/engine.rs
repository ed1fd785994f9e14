//! A way to the engine that can be cut: a proxy in front of its socket, for one server.

use std::path::PathBuf;
use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::ListContainersOptionsBuilder;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What asks for a container.
const CREATION: &[u8] = b"/containers/create?";

/// How long a slow engine waits.
const SLOW: Duration = Duration::from_millis(500);

/// What the proxy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Passes,
    /// The same, but waits before a container is made.
    Slow,
    /// Takes connections and requests, and answers nothing.
    Silent,
    /// Passes requests on, and no answers.
    Deaf,
    /// Closes every connection.
    Away,
}

/// An engine as a server sees it.
#[derive(Debug)]
pub struct Engine {
    folder: TempDir,
    mode: watch::Sender<Mode>,
    accepting: JoinHandle<()>,
}

impl Engine {
    /// Passes on to the real one, which must be on a Unix socket.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("docker.sock")).expect("bound");
        let (mode, seen) = watch::channel(Mode::Passes);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, seen.clone()));
            }
        });
        Self { folder, mode, accepting }
    }

    /// The value of `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    /// Behaves like this from now on, on connections that are there too.
    pub fn be(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn real() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").into()
}

async fn serve(client: UnixStream, mode: watch::Receiver<Mode>) {
    let Ok(engine) = UnixStream::connect(real()).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_engine, to_engine) = engine.into_split();
    let requests = pass(from_client, to_engine, mode.clone(), &[Mode::Passes, Mode::Slow, Mode::Deaf]);
    let answers = pass(from_engine, to_client, mode, &[Mode::Passes, Mode::Slow]);
    tokio::select! {
        () = requests => {}
        () = answers => {}
    }
}

/// Passes bytes on while the mode is one of these; ends with the connection, or when the engine is away.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut mode: watch::Receiver<Mode>,
    when: &[Mode],
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = mode.wait_for(|mode| *mode == Mode::Away) => return,
        };
        let Ok(count @ 1..) = read else { return };
        if *mode.borrow() == Mode::Slow && buffer[..count].windows(CREATION.len()).any(|bytes| bytes == CREATION) {
            tokio::time::sleep(SLOW).await;
        }
        let allowed = mode.wait_for(|mode| when.contains(mode) || *mode == Mode::Away).await.map(|mode| *mode);
        if !allowed.is_ok_and(|mode| mode != Mode::Away) || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Ids and states of a store's containers.
pub async fn containers(store: &str) -> Vec<(String, String)> {
    let docker = Docker::connect_with_defaults().expect("an engine");
    let filters = [("label", vec![format!("larder.store={store}")])].into();
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let listed = docker.list_containers(Some(options)).await.expect("listed");
    let state = |state: Option<_>| state.map(|state| format!("{state:?}")).unwrap_or_default();
    listed.into_iter().map(|container| (container.id.unwrap_or_default(), state(container.state))).collect()
}

/// Makes a container as one of a store is made, for an environment that no server knows; its id.
pub async fn orphan(store: &str) -> String {
    let docker = Docker::connect_with_defaults().expect("an engine");
    let (id, _) = containers(store).await.pop().expect("it has one to be like");
    let like = docker.inspect_container(&id, None).await.expect("is there").config.expect("is told");
    let mut labels = like.labels.unwrap_or_default();
    labels.insert("larder.environment".to_owned(), "nobody's".to_owned());
    let body = ContainerCreateBody { image: like.image, labels: Some(labels), ..ContainerCreateBody::default() };
    docker.create_container(None, body).await.expect("is made").id
}

/// Pauses every container of a store.
pub async fn pause(store: &str) {
    let docker = Docker::connect_with_defaults().expect("an engine");
    for (id, _) in containers(store).await {
        docker.pause_container(&id).await.expect("paused");
    }
}
