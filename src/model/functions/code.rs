//! What a function runs: a zip, a container image, or a folder of this machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::blob::BlobId;
use crate::model::hot_folder::HotFolder;

/// `CodeSha256` of code that stays in a folder, in the words of other local Lambdas.
const NO_HASH: &str = "hot-reloading-hash-not-available";

/// A function's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The files.
    pub content: Content,
    /// Key that the package is encrypted with (`SourceKMSKeyArn`). AWS documents it for zips; a caller gets it back
    /// whatever it was given with.
    pub source_kms_key_arn: Option<String>,
}

impl From<Content> for Code {
    fn from(content: Content) -> Self {
        Self { content, source_kms_key_arn: None }
    }
}

/// The files of a function or a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A zip that is kept as a blob.
    Zip {
        /// The zip.
        blob: BlobId,
        /// Its bytes.
        size: u64,
    },
    /// A container image; of functions only.
    Image(Image),
    /// A folder of this machine, whose files are not kept (hot reload).
    Folder(HotFolder),
}

/// A container image as a function's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// As the caller gave it.
    pub uri: String,
    /// With the digest instead of the tag (`ResolvedImageUri`).
    pub resolved_uri: String,
    /// The digest.
    pub digest: BlobId,
}

impl Content {
    /// The blob, where the files are in one.
    pub fn zip_blob(&self) -> Option<BlobId> {
        match self {
            Self::Zip { blob, .. } => Some(*blob),
            Self::Image(_) | Self::Folder(_) => None,
        }
    }

    /// The image, where it is one.
    pub fn image(&self) -> Option<&Image> {
        match self {
            Self::Image(image) => Some(image),
            Self::Zip { .. } | Self::Folder(_) => None,
        }
    }

    /// The folder, where the files stay in one.
    pub fn folder(&self) -> Option<&HotFolder> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Zip { .. } | Self::Image(_) => None,
        }
    }

    /// What it is told apart by: of a zip and an image the digest, of a folder that of its name.
    pub fn digest(&self) -> BlobId {
        match self {
            Self::Zip { blob, .. } => *blob,
            Self::Image(image) => image.digest,
            Self::Folder(folder) => folder.digest(),
        }
    }

    /// Bytes of the zip; 0 for an image or a folder.
    pub fn size(&self) -> u64 {
        match self {
            Self::Zip { size, .. } => *size,
            Self::Image(_) | Self::Folder(_) => 0,
        }
    }

    /// `PackageType`.
    pub fn package_type(&self) -> &'static str {
        match self {
            Self::Image(_) => "Image",
            Self::Zip { .. } | Self::Folder(_) => "Zip",
        }
    }

    /// `CodeSha256` as AWS shows it: of a zip the digest in base64, of an image in hex. A folder has
    /// `hot-reloading-hash-not-available`.
    pub fn sha256(&self) -> String {
        match self {
            Self::Zip { blob, .. } => STANDARD.encode(blob.0),
            Self::Image(image) => image.digest.hex(),
            Self::Folder(_) => NO_HASH.to_owned(),
        }
    }
}
