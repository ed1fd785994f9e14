//! Where a pod is: a file, a version in the pod library, or a remote.

use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use super::remotes::{self, Address, FetchOptions, Progress};
use super::{PodError, io_error, library, path_error, read};

/// Where a pod is, or shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file: what has a `/`, ends in `.pod`, or is there.
    File(PathBuf),
    /// `NAME` or `NAME:VERSION` of the library.
    Library(String),
    /// An address with a scheme, such as `s3://BUCKET/NAME:VERSION` or `https://HOST/FILE.pod`.
    Remote(Address),
}

/// A pod as a file of this machine; one that was brought here for this goes with it.
#[derive(Debug)]
pub struct Local {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Local {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Location {
    /// Reads a location.
    ///
    /// # Errors
    /// It has a scheme, and is no address of a remote.
    pub fn parse(text: &str) -> Result<Self, PodError> {
        if text.contains("://") {
            return Ok(Self::Remote(Address::parse(text)?));
        }
        let path = Path::new(text);
        let is_pod = path.extension().is_some_and(|extension| extension == "pod");
        let is_file = text.contains('/') || is_pod || path.exists();
        Ok(if is_file { Self::File(path.to_owned()) } else { Self::Library(text.to_owned()) })
    }

    /// Whether it takes a file as it is, also an encrypted one, rather than a pod in parts.
    pub fn takes_any_file(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Library(_) => false,
            Self::Remote(address) => address.is_one_file(),
        }
    }

    /// What history says of where a pod came from: its name, without the folders of a machine.
    pub fn source(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Library(name) => name.clone(),
            Self::Remote(address) => address.to_string(),
        }
    }

    /// Brings the pod to this machine. What is in it is for its reader to check.
    ///
    /// # Errors
    /// It is not there, or does not arrive whole.
    pub async fn bring(
        &self,
        pods_dir: Option<&Path>,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Local, PodError> {
        if let Self::File(path) = self {
            return Ok(Local { path: path.clone(), _folder: None });
        }
        let folder = TempDir::new().map_err(io_error("a temporary folder"))?;
        let path = folder.path().join("brought.pod");
        match self {
            Self::File(_) => {}
            Self::Library(pod) => {
                let library = library::folder(pods_dir)?;
                let (name, version) = library::find(&library, pod)?;
                pack(library, name, version, path.clone()).await?;
            }
            Self::Remote(address) if address.is_one_file() => {
                remotes::fetch(address, &path, FetchOptions::default(), progress).await?;
            }
            Self::Remote(address) => {
                let parts = folder.path().join("library");
                let pulled = remotes::pull(address, &parts, "pulled", progress).await?;
                pack(parts, "pulled".to_owned(), pulled.version, path.clone()).await?;
            }
        }
        Ok(Local { path, _folder: Some(folder) })
    }

    /// Where a file that shall be [stored](Self::store) here is best written: then it need not be copied.
    pub fn workshop(&self) -> PathBuf {
        match self {
            Self::File(path) => match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            },
            Self::Library(_) | Self::Remote(_) => std::env::temp_dir(),
        }
    }

    /// Puts a whole pod file there, and says where it is now. What was there stays until then.
    ///
    /// # Errors
    /// It cannot be written there.
    pub async fn store(
        &self,
        file: NamedTempFile,
        pods_dir: Option<&Path>,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<String, PodError> {
        match self {
            Self::File(path) => {
                file.as_file().sync_all().map_err(path_error(path))?;
                file.persist(path).map_err(|error| path_error(path)(error.error))?;
                let folder = self.workshop();
                let synced = std::fs::File::open(&folder).and_then(|folder| folder.sync_all());
                synced.map_err(path_error(&folder))?;
                Ok(path.display().to_string())
            }
            Self::Library(name) => {
                let version = keep(library::folder(pods_dir)?, name.clone(), file).await?;
                Ok(format!("{name}:{version}"))
            }
            Self::Remote(address) if address.is_one_file() => {
                remotes::store(file.path(), address).await?;
                Ok(address.to_string())
            }
            Self::Remote(address) => {
                let parts = TempDir::new().map_err(io_error("a temporary folder"))?;
                let version = keep(parts.path().to_owned(), "pushed".to_owned(), file).await?;
                let pushed = remotes::push(parts.path(), "pushed", version, address, progress).await?;
                Ok(format!("{address} as version {}", pushed.version))
            }
        }
    }
}

/// Writes a version of a library as one file, off the threads that serve.
async fn pack(library: PathBuf, name: String, version: u64, to: PathBuf) -> Result<(), PodError> {
    blocking(move || {
        let file = std::fs::File::create(&to).map_err(path_error(&to))?;
        library::pack(&library, &name, version, std::io::BufWriter::new(file))
    })
    .await
}

/// Keeps a pod's file as the next version of a name, off the threads that serve.
async fn keep(library: PathBuf, name: String, file: NamedTempFile) -> Result<u64, PodError> {
    blocking(move || {
        let source = std::fs::File::open(file.path()).map_err(path_error(file.path()))?;
        let pod = read::read(source, &std::env::temp_dir(), read::MAX_SIZE)?;
        library::keep(&library, &name, &pod)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PodError> + Send + 'static,
) -> Result<T, PodError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| io_error("the pod library")(std::io::Error::other(error)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_told_by_its_look() {
        let parse = |text| Location::parse(text).expect("is one");
        assert_eq!(parse("./a"), Location::File("./a".into()));
        assert_eq!(parse("a.pod"), Location::File("a.pod".into()));
        assert_eq!(parse("a:3"), Location::Library("a:3".into()));
        assert!(matches!(parse("s3://bucket/a"), Location::Remote(_)));
        assert!(Location::parse("gopher://host/a").is_err());
        assert_eq!(parse("/home/me/a.pod").source(), "a.pod");
    }
}
