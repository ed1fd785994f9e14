//! Zips of layers of other accounts, which cannot be asked from here: a folder, or an endpoint, that has them as
//! `ACCOUNT/NAME/VERSION.zip`.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::model::names::LayerKey;

/// How long an endpoint may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may take for the whole of a zip.
const WHOLE: Duration = Duration::from_secs(300);

/// Where the zips are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerLibrary {
    /// Below a folder.
    Folder(PathBuf),
    /// Below an address, `http://` or `https://`.
    Endpoint(String),
}

impl FromStr for LayerLibrary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("http" | "https", _)) => Ok(Self::Endpoint(text.trim_end_matches('/').to_owned())),
            Some((scheme, _)) => Err(format!("layers come from a folder, http:// or https://, not from {scheme}://")),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

/// Why a zip cannot be had from where it may be.
#[derive(Debug, thiserror::Error)]
pub enum LayerLibraryError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The endpoint did not answer, or not well.
    #[error("{url}: {reason}")]
    Endpoint {
        /// What was asked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// It is larger than a layer may be.
    #[error("{place} is larger than {limit} bytes")]
    TooLarge {
        /// The file or the address.
        place: String,
        /// The limit.
        limit: u64,
    },
}

impl LayerLibrary {
    /// The zip of a layer version; `None` where there is none.
    ///
    /// # Errors
    /// It may be there, and cannot be had.
    pub async fn zip(&self, key: &LayerKey, number: u64, limit: u64) -> Result<Option<Bytes>, LayerLibraryError> {
        let account = key.scope.account.as_str();
        let name = key.name.as_str();
        // Names of layers are letters, digits, `-` and `_`: none leads elsewhere.
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !plain(account) || !plain(name) {
            return Ok(None);
        }
        let place = format!("{account}/{name}/{number}.zip");

        match self {
            Self::Folder(folder) => read(folder.join(place), limit).await,
            Self::Endpoint(base) => get(format!("{base}/{place}"), limit).await,
        }
    }
}

async fn read(path: PathBuf, limit: u64) -> Result<Option<Bytes>, LayerLibraryError> {
    let failed = |source| LayerLibraryError::File { path: path.clone(), source };
    match tokio::fs::metadata(&path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(meta) if meta.len() > limit => {
            return Err(LayerLibraryError::TooLarge { place: path.display().to_string(), limit });
        }
        Ok(_) => {}
    }

    Ok(Some(tokio::fs::read(&path).await.map_err(failed)?.into()))
}

async fn get(url: String, limit: u64) -> Result<Option<Bytes>, LayerLibraryError> {
    let failed = |reason: String| LayerLibraryError::Endpoint { url: url.clone(), reason };
    let client = crate::tls::client().connect_timeout(CONNECT).timeout(WHOLE).build();
    let client = client.map_err(|error| failed(error.to_string()))?;
    let mut answer = client.get(&url).send().await.map_err(|error| failed(error.to_string()))?;
    if answer.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !answer.status().is_success() {
        return Err(failed(format!("it answers {}", answer.status())));
    }
    let mut zip = BytesMut::new();

    while let Some(part) = answer.chunk().await.map_err(|error| failed(error.to_string()))? {
        zip.extend_from_slice(&part);
        if zip.len() as u64 > limit {
            return Err(LayerLibraryError::TooLarge { place: url, limit });
        }
    }

    Ok(Some(zip.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    fn key(name: &str) -> LayerKey {
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        LayerKey { scope, name: name.into() }
    }

    #[tokio::test]
    async fn a_folder_has_zips_by_account_name_and_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("123456789012/tools");
        std::fs::create_dir_all(&place).expect("made");
        std::fs::write(place.join("3.zip"), "zip").expect("written");
        let library = LayerLibrary::Folder(folder.path().to_owned());
        assert_eq!(library.zip(&key("tools"), 3, 10).await.expect("read").as_deref(), Some(&b"zip"[..]));
        assert_eq!(library.zip(&key("tools"), 4, 10).await.expect("looked"), None);
        assert!(matches!(library.zip(&key("tools"), 3, 2).await, Err(LayerLibraryError::TooLarge { .. })));
        assert_eq!(library.zip(&key("../tools"), 3, 10).await.expect("looked"), None);
    }

    #[test]
    fn places_are_told_apart() {
        assert_eq!("./layers".parse(), Ok(LayerLibrary::Folder("./layers".into())));
        assert_eq!("http://h:1/l/".parse(), Ok(LayerLibrary::Endpoint("http://h:1/l".into())));
        assert!("s3://bucket".parse::<LayerLibrary>().is_err());
    }
}
