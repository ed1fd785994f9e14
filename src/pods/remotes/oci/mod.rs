//! OCI registries as remotes. A version is an artifact: the pod's manifest is its config, each part a
//! layer that bears its path as a title, so that `oras pull` writes the files.

mod credentials;

use std::collections::BTreeMap;

use ::bytes::Bytes;
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use sha2::{Digest, Sha256};
use tokio_util::io::ReaderStream;

use super::address::Address;
use super::error::RemoteError;
use super::manifest::{MAXIMUM_MANIFEST, Part};
use super::{Remote, Stream};
use crate::tls;

const MANIFEST_TYPE: &str = "application/vnd.larder.pod.manifest.v1+json";
const PART_TYPE: &str = "application/vnd.larder.pod.part.v1";
const TITLE: &str = "org.opencontainers.image.title";

/// Bytes read of a local part at once.
const CHUNK: usize = 256 * 1024;

/// Tags asked for at once.
const PAGE: usize = 1000;

/// A repository of a registry.
pub(super) struct Registry {
    client: Client,
    auth: RegistryAuth,
    host: String,
    repository: String,
}

/// The repository, with the credentials of the environment.
///
/// # Errors
/// None here; a build without registries has one.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn registry(_address: &Address, host: &str, repository: &str) -> Result<Box<dyn Remote>, RemoteError> {
    tls::install();
    Ok(Box::new(Registry::new(host, repository)))
}

impl Registry {
    fn new(host: &str, repository: &str) -> Self {
        let protocol = if is_loopback(host) { ClientProtocol::Http } else { ClientProtocol::Https };
        let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
        Self { client, auth: credentials::find(host), host: host.to_owned(), repository: repository.to_owned() }
    }

    fn reference(&self, tag: &str) -> Reference {
        Reference::with_tag(self.host.clone(), self.repository.clone(), tag.to_owned())
    }

    /// Signs in for what follows; the client keeps the token.
    async fn sign_in(&self, operation: RegistryOperation) -> Result<Reference, RemoteError> {
        let reference = self.reference("latest");
        self.client.auth(&reference, &self.auth, operation).await.map_err(|error| self.explained(error))?;
        Ok(reference)
    }

    #[allow(clippy::needless_pass_by_value, reason = "it is a `map_err`")]
    fn explained(&self, error: OciDistributionError) -> RemoteError {
        let is_denied = match &error {
            OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => true,
            OciDistributionError::ServerError { code, .. } => matches!(code, 401 | 403),
            OciDistributionError::RequestError(error) => {
                error.status().is_some_and(|status| matches!(status.as_u16(), 401 | 403))
            }
            _ => false,
        };
        let at = format!("oci://{}/{}", self.host, self.repository);
        if is_denied {
            return RemoteError::new(format!(
                "{at}: the registry refuses the credentials; set LARDER_OCI_USERNAME and LARDER_OCI_PASSWORD, or use docker login {}",
                self.host
            ));
        }

        RemoteError::new(format!("{at}: {error}"))
    }

    async fn descriptor_of_manifest(&self, tag: &str) -> Result<Option<OciDescriptor>, RemoteError> {
        let pulled = self.client.pull_manifest_raw(&self.reference(tag), &self.auth, &[OCI_IMAGE_MEDIA_TYPE]).await;
        let body = match pulled {
            Ok((body, _)) => body,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.explained(error)),
        };
        let artifact: OciImageManifest =
            serde_json::from_slice(&body).map_err(|error| self.no_pod(tag, &error.to_string()))?;
        if artifact.config.media_type != MANIFEST_TYPE {
            return Err(self.no_pod(tag, &format!("its config is {}", artifact.config.media_type)));
        }

        Ok(Some(artifact.config))
    }

    fn no_pod(&self, tag: &str, reason: &str) -> RemoteError {
        RemoteError::new(format!("oci://{}/{}:{tag} is no pod of larder: {reason}", self.host, self.repository))
    }
}

#[async_trait]
impl Remote for Registry {
    async fn has_part(&self, part: &Part) -> Result<bool, RemoteError> {
        let reference = self.sign_in(RegistryOperation::Pull).await?;
        let found = self.client.blob_exists(&reference, &digest_of(&part.sha256)).await;
        found.map_err(|error| self.explained(error))
    }

    async fn put_part(&self, part: &Part, file: tokio::fs::File) -> Result<(), RemoteError> {
        let reference = self.sign_in(RegistryOperation::Push).await?;
        // The registry compares the digest before it shows the blob.
        let stream = ReaderStream::with_capacity(file, CHUNK).map_err(OciDistributionError::IoError);
        let pushed = self.client.push_blob_stream(&reference, stream, &digest_of(&part.sha256), Some(part.size)).await;
        pushed.map(|_| ()).map_err(|error| self.explained(error))
    }

    async fn put_manifest(&self, version: &str, manifest: &[u8], parts: &[Part]) -> Result<(), RemoteError> {
        let reference = self.sign_in(RegistryOperation::Push).await?;
        let digest = digest_of(&format!("{:x}", Sha256::digest(manifest)));
        let pushed = self.client.push_blob(&reference, Bytes::copy_from_slice(manifest), &digest).await;
        pushed.map_err(|error| self.explained(error))?;
        let artifact = artifact(&digest, manifest.len() as u64, parts);
        let pushed = self.client.push_manifest(&self.reference(version), &artifact.into()).await;
        pushed.map(|_| ()).map_err(|error| self.explained(error))
    }

    async fn manifest(&self, version: &str) -> Result<Option<Bytes>, RemoteError> {
        let reference = self.sign_in(RegistryOperation::Pull).await?;
        let Some(config) = self.descriptor_of_manifest(version).await? else { return Ok(None) };
        let mut stream = self.blob(&reference, &config.digest).await?;
        let mut body = Vec::new();

        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() as u64 > MAXIMUM_MANIFEST {
                return Err(self.no_pod(version, &format!("its manifest has more than {MAXIMUM_MANIFEST} bytes")));
            }
        }

        if digest_of(&format!("{:x}", Sha256::digest(&body))) != config.digest {
            return Err(self.no_pod(version, "its manifest is not the one that its digest names"));
        }
        Ok(Some(body.into()))
    }

    async fn part(&self, part: &Part) -> Result<Stream, RemoteError> {
        let reference = self.sign_in(RegistryOperation::Pull).await?;
        self.blob(&reference, &digest_of(&part.sha256)).await
    }

    async fn versions(&self) -> Result<Vec<String>, RemoteError> {
        let reference = self.sign_in(RegistryOperation::Pull).await?;
        let mut tags: Vec<String> = Vec::new();
        loop {
            let last = tags.last().cloned();
            let page = match self.client.list_tags(&reference, &self.auth, Some(PAGE), last.as_deref()).await {
                Ok(page) => page.tags,
                Err(error) if is_missing(&error) => return Ok(tags),
                Err(error) => return Err(self.explained(error)),
            };
            let is_last = page.len() < PAGE;
            tags.extend(page);
            if is_last {
                return Ok(tags);
            }
        }
    }
}

impl Registry {
    async fn blob(&self, reference: &Reference, digest: &str) -> Result<Stream, RemoteError> {
        let found = self.client.pull_blob_stream(reference, digest).await.map_err(|error| self.explained(error))?;
        let at = format!("oci://{}/{}", self.host, self.repository);
        Ok(found.stream.map_err(move |error| RemoteError::new(format!("{at}: {error}"))).boxed())
    }
}

fn artifact(digest: &str, size: u64, parts: &[Part]) -> OciImageManifest {
    let descriptor = |media_type: &str, digest: String, size: u64, annotations| OciDescriptor {
        media_type: media_type.to_owned(),
        digest,
        size: i64::try_from(size).unwrap_or(i64::MAX),
        annotations,
        ..OciDescriptor::default()
    };
    let layer = |part: &Part| {
        let title = BTreeMap::from([(TITLE.to_owned(), part.path.clone())]);
        descriptor(PART_TYPE, digest_of(&part.sha256), part.size, Some(title))
    };
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(MANIFEST_TYPE.to_owned()),
        config: descriptor(MANIFEST_TYPE, digest.to_owned(), size, None),
        layers: parts.iter().map(layer).collect(),
        ..OciImageManifest::default()
    }
}

fn digest_of(sha256: &str) -> String {
    format!("sha256:{sha256}")
}

fn is_missing(error: &OciDistributionError) -> bool {
    use oci_client::errors::OciErrorCode::{ManifestUnknown, NameUnknown, NotFound};
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code == 404,
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| matches!(error.code, ManifestUnknown | NameUnknown | NotFound))
        }
        _ => false,
    }
}

/// Registries of this machine are spoken to without TLS, as other clients do.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
