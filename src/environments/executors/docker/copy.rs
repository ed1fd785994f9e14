//! Getting files into a container of an engine that does not see our folders.

use std::io;
use std::path::{Path, PathBuf};

use bollard::body_try_stream;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use tokio::io::{DuplexStream, duplex};
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::container::{INIT_NAME, LAYER_FOLDER, LINK_FOLDER, TASK_FOLDER};
use super::engine::Engine;
use crate::environments::executor::{EnvironmentSpec, ExecutorError};

/// Bytes of the archive that wait for the network, at most.
const BUFFER: usize = 64 * 1024;

/// Copies the code and the layers of `spec`, and the init where it is given, into the created container `id`, in one
/// archive that is never whole in memory.
pub(super) async fn fill(
    engine: &Engine,
    id: &str,
    spec: &EnvironmentSpec,
    init: Option<&Path>,
) -> Result<(), ExecutorError> {
    let (reader, writer) = duplex(BUFFER);
    let sink = SyncIoBridge::new(writer);
    let init = init.map(Path::to_owned);
    let code_tree = spec.code_tree.clone();
    let layer_tree = spec.layer_tree.clone();
    let packing = tokio::task::spawn_blocking(move || {
        let trees = [(TASK_FOLDER, code_tree), (LAYER_FOLDER, layer_tree)];
        let trees = trees.into_iter().filter_map(|(place, tree)| Some((place, tree?)));
        pack(sink, init.as_deref(), trees)
    });
    let options = UploadToContainerOptionsBuilder::default().path("/").build();
    let archive = body_try_stream(ReaderStream::new(reader));
    let uploaded = engine.docker.upload_to_container(id, Some(options), archive).await;
    let packed = packing.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    let step = || format!("copy the code of {} into its container", spec.function_name);
    // A failed upload breaks the pipe of the packing, never the other way round: an archive that
    // ends early is refused by the engine, with less to say than the packing has.
    match (uploaded, packed) {
        (Err(error), Ok(())) => Err(engine.failed(&step(), &error)),
        (Err(error), Err(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => Err(engine.failed(&step(), &error)),
        (_, Err(cause)) => Err(ExecutorError::Failed(format!("Docker: cannot {}: {cause}", step()))),
        (Ok(()), Ok(())) => Ok(()),
    }
}

/// Writes the archive: the init and the trees at their places below `/`.
fn pack(
    sink: SyncIoBridge<DuplexStream>,
    init: Option<&Path>,
    trees: impl Iterator<Item = (&'static str, PathBuf)>,
) -> io::Result<()> {
    let mut archive = tar::Builder::new(sink);
    archive.follow_symlinks(false);
    if let Some(init) = init {
        archive.append_path_with_name(init, inside(LINK_FOLDER).join(INIT_NAME)).map_err(|error| at(init, &error))?;
    }
    for (place, tree) in trees {
        archive.append_dir_all(inside(place), &tree).map_err(|error| at(&tree, &error))?;
    }

    archive.into_inner()?.shutdown()
}

/// A path of the container as archives name it: without the leading slash.
fn inside(path: &str) -> PathBuf {
    PathBuf::from(path.trim_start_matches('/'))
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
